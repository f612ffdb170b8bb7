// A pipeline that is killed: node crash-run.mjs LOG [drain]. Each media event says by its number what becomes of it:
//   n % 10 = 7: rejected; 8: dropped; 9: split into three; else one output. Each takes some milliseconds, and says a dot
//   when it begins.
// A second step seals every 50 offsets of a partition, and what is left at the end.
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { VimiError } from '../../dist/errors.js';
import { systemClock } from '../../dist/operators/clock.js';
import { drop, mapEach } from '../../dist/operators/map-each.js';
import { defineOperator } from '../../dist/operators/operator.js';
import { runPipeline } from '../../dist/streams/pipeline.js';
import { openEmbedded } from '../../dist/streams/transports/embedded.js';

const [path = '', drain] = process.argv.slice(2);

const described = (/** @type {string} */ name) => ({
  name,
  summary: 'For a test.',
  contract: { in: '', out: '', drops: '', fails: '', memory: '' },
  config: z.strictObject({}),
  example: `- ${name}`,
  needs: /** @type {[]} */ ([]),
  adds: [],
});
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

const work = defineOperator(described('work'), () => ({
  step: mapEach(
    async ({ media }) => {
      const uri = String(media?.uri);
      const n = Number(uri.slice(1));
      process.stdout.write('.');
      await sleep((n * 7) % 61);
      if (n % 10 === 7) throw new VimiError('MEDIA_DAMAGED', 'torn');
      if (n % 10 === 8) return drop('too-still');
      if (n % 10 === 9) return ['a', 'b', 'c'].map((part) => productOf(`${uri}.${part}`));
      return productOf(uri);
    },
    { step: 'work', concurrency: 20, clock: systemClock },
  ),
}));
const seal = defineOperator(described('seal'), () => ({
  step: mapEach(async () => sleep(1, {}), { step: 'seal', concurrency: 40, clock: systemClock }),
  async onWatermark({ partition, mark, to, final }) {
    const next = final ? to : Math.floor(to / 50) * 50;
    if (next === mark) return { products: [], mark };
    return { products: [productOf(`seal ${partition} ${mark} ${next}`).product], mark: next };
  },
}));

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const transport = openEmbedded({ path });
const running = runPipeline(
  {
    name: 'crash',
    group: 'crash',
    from: 'in',
    schemas: ['media.added'],
    window: 64,
    steps: [work, seal].map((operator) => ({ name: operator.name, operator, config: {} })),
    to: [{ topic: 'out', schema: 'job.changed' }],
    rejects: 'rejects',
  },
  {
    transport,
    // The steps above use none of them but the clock.
    resources: /** @type {import('../../dist/operators/operator.js').Resources} */ (
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
