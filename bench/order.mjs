/**
 * What it costs that a step waits for the events before (`after: 'settled'`): one long film before many short clips, four at once, with
 * little and with much in flight. The steps sleep instead of decoding, so the wall time is that of the waiting alone.
 *
 *   npm run build && node bench/order.mjs
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../dist/core/clock.js';
import { defineOperator } from '../dist/flow/define-operator.js';
import { runPipeline } from '../dist/streams/delivery/pipeline.js';
import { openEmbedded } from '../dist/streams/transports/embedded/open-embedded.js';
import { quiet } from './three-operators.mjs';

const [clips, clipMs, filmMs, partitions] = [199, 200, 10_000, 4];
const described = (/** @type {string} */ name) => ({ name, summary: 'For a bench.', needs: [], adds: [] });

const decode = defineOperator(described('decode'), {
  concurrency: 4,
  async process(/** @type {any} */ { media }) {
    await sleep(media.uri === 'film' ? filmMs : clipMs);
    return {};
  },
});

async function run(/** @type {boolean} */ waits, /** @type {number} */ maxInFlight) {
  const transport = openEmbedded({ path: ':memory:' });
  await transport.ensureTopics(['in', 'out'].map((name) => ({ name, partitions, cleanup: 'delete' })));
  const uris = ['film', ...Array.from({ length: clips }, (_, n) => `clip ${n}`)];
  await transport.publish(
    uris.map((uri, n) => ({
      topic: 'in',
      key: Buffer.from(uri),
      value: Buffer.from(JSON.stringify({ uri })),
      headers: {},
      timestamp: n,
    })),
  );
  const decide = defineOperator(described('decide'), { ...(waits && { after: 'settled' }), process: () => ({}) });
  const [before, began] = [process.cpuUsage(), Date.now()];
  await runPipeline(
    {
      ...{ name: 'order', group: 'order', from: 'in', schemas: ['media.added'], rejects: null, maxInFlight },
      steps: [decode, decide].map((operator) => ({ name: operator.name, operator, config: {} })),
      to: [{ topic: 'out', schema: 'job.changed' }],
    },
    {
      transport,
      // The steps above use none of them but the clock.
      resources: /** @type {any} */ ({ clock: systemClock, log: quiet }),
      signal: new AbortController().signal,
      drain: true,
      log: quiet,
    },
  );
  const { user, system } = process.cpuUsage(before);
  await transport.close();
  const facts = [`${((Date.now() - began) / 1000).toFixed(1)} s`, `processor ${((user + system) / 1e6).toFixed(2)} s`];
  console.log(`${maxInFlight * partitions} in flight, ${waits ? 'in order' : 'as they come'}: ${facts.join(', ')}`);
}

for (const maxInFlight of [4, 64]) for (const waits of [false, true]) await run(waits, maxInFlight);
