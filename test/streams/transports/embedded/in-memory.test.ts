import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/core/clock.js';
import { runPipeline } from '../../../../src/streams/delivery/pipeline.js';
import { memoryTransport, testResources } from '../../../../src/testing/index.js';
import {
  delivered,
  eachMedia,
  media,
  prepareTopics,
  productOf,
  quietLog,
  readAll,
  spec,
} from '../../delivery/pipeline-fixtures.js';

describe('what vimi/testing keeps in memory', () => {
  it('runs a pipeline, and another transport knows nothing of it', async () => {
    const [transport, other] = [memoryTransport(), memoryTransport()];
    const { resources, close } = await testResources({ clock: systemClock });
    try {
      for (const one of [transport, other]) await prepareTopics(one);
      await transport.publish(['a', 'b', 'c'].map((uri) => media(uri)));
      const store = eachMedia(async ({ uri }) => {
        await resources.objects.put(uri, Buffer.from(uri), { mediaType: 'text/plain' });
        return productOf(uri);
      });
      const run = { transport, resources, signal: new AbortController().signal, log: quietLog, drain: true };
      expect((await runPipeline(spec([store]), run)).run.delivered).toBe(3);
      expect(await delivered(transport)).toEqual(['a', 'b', 'c']);
      // Its group has settled them.
      expect((await runPipeline(spec([store]), run)).run.delivered).toBe(0);
      expect(await readAll(other, 'in')).toEqual([]);
      const keys: string[] = [];
      for await (const key of resources.objects.list('')) keys.push(key);
      expect(keys).toEqual(['a', 'b', 'c']);
      expect((await resources.corpus.state()).documents).toBe(0);
    } finally {
      for (const one of [transport, other]) await one.close();
      await close();
    }
  });
});
