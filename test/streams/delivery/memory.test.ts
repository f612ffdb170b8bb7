import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.js';
import { mapEach } from '../../../src/flow/map-each.js';
import { groupSize } from '../../../src/streams/delivery/credit.js';
import { runPipeline } from '../../../src/streams/delivery/pipeline.js';
import { openEmbedded } from '../../../src/streams/transports/embedded/open-embedded.js';
import { patience } from '../../support/patience.js';
import {
  media,
  prepareTopics,
  productOf,
  quietLog,
  resourcesWith,
  spec,
  temporaryFolder,
  testOperator,
} from './pipeline-fixtures.js';

// Without it, what is measured is how lazy the collector was.
setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const folder = temporaryFolder();
afterEach(() => folder.remove());

it('100,000 events and a slow operator take no more memory than max_in_flight allows', {
  timeout: patience(300),
}, async () => {
  const events = 100_000;
  const partitions = 2;
  const maxInFlight = 256;
  const transport = openEmbedded({ path: join(folder.path, 'log.sqlite') });
  await prepareTopics(transport, partitions);
  for (let at = 0; at < events; at += 5000)
    await transport.publish(Array.from({ length: 5000 }, (_, n) => media(`m${at + n}`)));

  let done = 0;
  let inSteps = 0;
  let mostInSteps = 0;
  let mostHeap = 0;
  let firstHeap = 0;
  const measure = () => {
    collectGarbage();
    return process.memoryUsage().heapUsed / 2 ** 20;
  };
  const count = testOperator('count', () => ({
    step: mapEach<'media'>(
      () => {
        mostInSteps = Math.max(mostInSteps, ++inSteps);
        return {};
      },
      { step: 'count', concurrency: 1000, clock: systemClock },
    ),
  }));
  const slow = testOperator('slow', () => ({
    step: mapEach<'media'>(
      async ({ media: { uri } }) => {
        // Slower than the log by far: one turn of the event loop for each eight events, where the log gives hundreds.
        await new Promise((resolve) => setImmediate(resolve));
        inSteps--;
        done++;
        if (done === events / 10) firstHeap = measure();
        if (done % (events / 10) === 0 && done > events / 10) mostHeap = Math.max(mostHeap, measure());
        return productOf(uri);
      },
      { step: 'slow', concurrency: 8, clock: systemClock },
    ),
  }));
  const report = await runPipeline(spec([count, slow], { maxInFlight }), {
    transport,
    resources: resourcesWith({}),
    signal: new AbortController().signal,
    drain: true,
    log: quietLog,
  });
  expect(report.run.delivered).toBe(events);
  expect(mostInSteps).toBeGreaterThan(8);
  expect(mostInSteps).toBeLessThanOrEqual(partitions * maxInFlight);
  // A record, its envelope and its output are some kilobytes; 90,000 of them would be hundreds of megabytes.
  const bound = (partitions * (maxInFlight + groupSize) * 8) / 1024 + 24;
  expect(mostHeap - firstHeap).toBeLessThan(bound);
  await transport.close();
});
