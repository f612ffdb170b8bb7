import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runPipeline } from '../../src/streams/pipeline.js';
import { type EmbeddedTransport, openEmbedded } from '../../src/streams/transports/embedded.js';
import {
  delivered,
  eachMedia,
  media,
  prepareTopics,
  productOf,
  quietLog,
  resourcesWith,
  spec,
  temporaryFolder,
} from './pipeline-fixtures.js';

let folder: ReturnType<typeof temporaryFolder>;
let transport: EmbeddedTransport;
beforeEach(async () => {
  folder = temporaryFolder();
  transport = openEmbedded({ path: join(folder.path, 'log.sqlite') });
  await prepareTopics(transport);
});
afterEach(async () => {
  await transport.close();
  folder.remove();
});

const never = new AbortController().signal;
const names = (count: number) => Array.from({ length: count }, (_, n) => `m${String(n).padStart(6, '0')}`);

describe('a pipeline', () => {
  it('gives every event its output, and ends when the topic does', async () => {
    await transport.publish(names(1000).map((name) => media(name)));
    const report = await runPipeline(spec([eachMedia(({ uri }) => productOf(uri))]), {
      transport,
      resources: resourcesWith({}),
      signal: never,
      drain: true,
      log: quietLog,
    });
    expect(report.run.delivered).toBe(1000);
    expect(report.end).toBe('drained');
    expect(await delivered(transport)).toEqual(names(1000));
  });
});
