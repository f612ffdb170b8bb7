// A pipeline that is killed: node crash-run.mjs LOG [drain]. Each media event says by its number what becomes of it:
//   n % 10 = 7: rejected; 8: dropped; 9: split into three; else one output. Each takes some milliseconds, and says a dot
//   when it begins.
// A second step seals every 50 offsets of a partition, and what is left at the end.
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../../dist/core/clock.js';
import { VimiError } from '../../../dist/core/errors.js';
import { defineOperator } from '../../../dist/flow/define-operator.js';
import { drop } from '../../../dist/flow/map-each.js';
import { runPipeline } from '../../../dist/streams/delivery/pipeline.js';
import { openEmbedded } from '../../../dist/streams/transports/embedded/open-embedded.js';

const [path = '', drain] = process.argv.slice(2);

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

const described = (/** @type {string} */ name) => ({ name, summary: 'For a test.', needs: [], adds: [] });
const work = defineOperator(described('work'), {
  concurrency: 20,
  async process(/** @type {any} */ { media }) {
    const uri = String(media?.uri);
    const n = Number(uri.slice(1));
    process.stdout.write('.');
    await sleep((n * 7) % 61);
    if (n % 10 === 7) throw new VimiError('MEDIA_DAMAGED', 'torn');
    if (n % 10 === 8) return drop('too-still');
    if (n % 10 === 9) return ['a', 'b', 'c'].map((part) => productOf(`${uri}.${part}`));
    return /** @type {any} */ (productOf(uri));
  },
});
const seal = defineOperator(described('seal'), {
  concurrency: 40,
  process: async () => sleep(1, {}),
  async onOffsetMove({ partition, state, to, final }) {
    const next = final ? to : Math.floor(to / 50) * 50;
    if (next === state) return { products: [], state };
    return { products: [productOf(`seal ${partition} ${state} ${next}`).product], state: next };
  },
});

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const transport = openEmbedded({ path });
const running = runPipeline(
  {
    name: 'crash',
    group: 'crash',
    from: 'in',
    schemas: ['media.added'],
    maxInFlight: 64,
    steps: [work, seal].map((operator) => ({ name: operator.name, operator, config: {} })),
    to: [{ topic: 'out', schema: 'job.changed' }],
    rejects: 'rejects',
  },
  {
    transport,
    // The steps above use none of them but the clock.
    resources: /** @type {import('../../../dist/flow/operator.js').Resources} */ (
      /** @type {unknown} */ ({ clock: systemClock, log: quiet })
    ),
    signal: new AbortController().signal,
    drain: drain === 'drain',
    log: quiet,
  },
);
const report = await running;
await transport.close();
process.stdout.write(`\n${JSON.stringify(report)}\n`);
