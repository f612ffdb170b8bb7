// A pipeline over Kafka that may be killed, stopped or joined by another: node kafka-run.mjs '{"brokers": [...], ...}'
// Each media event says by its number what becomes of it, as in test/streams/delivery/crash-run.mjs:
//   n % 10 = 7: rejected; 8: dropped; 9: split into three; else one output. `slow` events take `slowMs`, the others a few.
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../dist/core/clock.js';
import { VimiError } from '../../dist/core/errors.js';
import { defineOperator } from '../../dist/flow/define-operator.js';
import { drop } from '../../dist/flow/map-each.js';
import { openApp } from '../../dist/server/app.js';
import { addProbes } from '../../dist/server/probes.js';
import { createMetrics } from '../../dist/streams/delivery/metrics.js';
import { runPipeline } from '../../dist/streams/delivery/pipeline.js';
import { openKafka } from '../../dist/streams/transports/kafka/open-kafka.js';

const {
  brokers,
  topic,
  sessionMs = 6_000,
  slow = 0,
  slowMs = 0,
  drain = false,
  maxInFlight = 64,
  concurrency = 40,
  drainMs = 3_000,
  name = 'worker',
} = JSON.parse(process.argv[2] ?? '{}');

const say = (/** @type {unknown} */ line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const productOf = (/** @type {string} */ id) => ({
  product: {
    body: Buffer.from(id),
    mediaType: 'text/plain',
    fields: { job: id },
    schema: /** @type {const} */ ('job.changed'),
    data: { job: id, state: 'completed' },
    id,
  },
});

const work = defineOperator(
  { name: 'work', summary: 'For a test.', needs: [], adds: [] },
  {
    concurrency,
    async process(/** @type {any} */ { media }, { signal }) {
      const uri = String(media?.uri);
      const n = Number(uri.slice(1));
      say({ began: uri });
      await sleep(slow > 0 && n % slow === 0 ? slowMs : (n * 7) % 23, undefined, { signal });
      if (n % 10 === 7) throw new VimiError('MEDIA_DAMAGED', 'torn');
      if (n % 10 === 8) return drop('too-still');
      if (n % 10 === 9) return ['a', 'b', 'c'].map((part) => productOf(`${uri}.${part}`));
      return /** @type {any} */ (productOf(uri));
    },
  },
);

const log = {
  debug: (/** @type {object} */ facts, /** @type {string} */ text) => say({ debug: text, ...facts }),
  info: (/** @type {object} */ facts, /** @type {string} */ text) => say({ info: text, ...facts }),
  warn: (/** @type {object} */ facts, /** @type {string} */ text) => say({ warn: text, ...facts }),
  error: (/** @type {object} */ facts, /** @type {string} */ text) => say({ error: text, ...facts }),
};
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const metrics = createMetrics();
const app = await openApp({ log, version: 'test' });
addProbes(app, metrics);
say({ metrics: `${await app.listen({ host: '127.0.0.1', port: 0 })}/metrics` });
const transport = openKafka({ brokers, clientId: name, sessionMs, log, metrics: metrics.transport });
const report = await runPipeline(
  {
    name: 'test',
    group: `${topic}-group`,
    from: topic,
    schemas: ['media.added'],
    maxInFlight,
    steps: [{ name: 'work', operator: work, config: {} }],
    to: [{ topic: `${topic}-out`, schema: 'job.changed' }],
    rejects: `${topic}-rejects`,
  },
  {
    transport,
    resources: /** @type {import('../../dist/flow/operator.js').Resources} */ (
      /** @type {unknown} */ ({ clock: systemClock, log })
    ),
    signal: stop.signal,
    drain,
    drainMs,
    log,
    metrics,
  },
);
await transport.close();
say({ report });
await app.close();
