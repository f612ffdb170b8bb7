/**
 * One denoising step of nano for several requests at once against the same requests one after the other, on each backend: what a
 * request costs in a batch, as a share of what it costs alone, and whether its numbers stay the same. Each request has its own
 * prompt and noise; all have one shape. In turns; of all rounds the middle one, by the wall clock.
 *
 *   npm run build && node bench/batching.mjs [--rounds 9] [--on wasm,onnx,tensorflow] [--sizes 2,4,8]
 *
 * tensorflow needs `npm run setup:tensorflow`; a backend that is not there is named and left out.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { openBackend } from '../dist/models/backends/backend.js';
import { GraphRunner } from '../dist/models/graphs/graph-runner.js';
import { promptItems, seenBy } from '../dist/models/networks/prompt-input.js';
import { Random } from '../dist/models/numerics/random.js';
import { nativeRuntime } from '../dist/models/onnx-runtime.js';
import { loadModel } from '../dist/models/weights/load-model.js';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    on: { type: 'string', default: 'wasm,onnx,tensorflow' },
    sizes: { type: 'string', default: '2,4,8' },
  },
});
const rounds = Number(options.rounds);
const sizes = options.sizes.split(',').map(Number);
const backends = options.on.split(',');
if (
  !(rounds >= 1) ||
  !sizes.every((size) => size >= 2) ||
  !backends.every((one) => /^(wasm|onnx|tensorflow)$/.test(one))
) {
  console.error('usage: batching.mjs [--rounds 9] [--on wasm,onnx,tensorflow] [--sizes 2,4,8]');
  process.exit(2);
}
// Each in a process of its own: tfjs has one backend at a time.
if (backends.length > 1) {
  for (const on of backends)
    spawnSync(
      process.execPath,
      [fileURLToPath(import.meta.url), '--on', on, '--rounds', options.rounds, '--sizes', options.sizes],
      {
        stdio: 'inherit',
      },
    );
  process.exit(0);
}

const [on] = backends;
try {
  await openBackend(on === 'tensorflow' ? 'tensorflow' : 'wasm');
} catch (error) {
  console.log(`${on}: ${error.message}`);
  process.exit(0);
}
const loaded = await loadModel('nano');
const { model, weights } = loaded;
const { preset } = model;
const { frames: T, side, latents: L, width: C } = preset;
const most = Math.max(...sizes);
const animals = ['fox', 'dog', 'cat', 'bird', 'fish', 'boat', 'star', 'tree'];
const requests = Array.from({ length: most }, (_, n) => ({
  items: seenBy.text(
    promptItems(
      {
        ...{ task: 'text-to-video', instruction: 'Make a video.' },
        parts: [{ text: `a ${animals[n % animals.length]} moves left on a blue background` }],
      },
      preset,
    ),
  ),
  x: new Random(n).normals(T * side * side * 3),
}));
const words = 16 * Math.ceil(Math.max(...requests.map(({ items }) => items.length)) / 16);
const joined = (some) => {
  const x = new Float32Array(some.length * some[0].x.length);
  for (const [n, one] of some.entries()) x.set(one.x, n * one.x.length);
  return x;
};
const times = (some) => ({
  sigma: some.map(() => 1.5),
  frames: some.map(() => Array.from({ length: T }, (_, t) => t)),
  fps: some.map(() => 8),
});

const ways = {
  /** As one operation after the other. */
  async tfjs() {
    return async (some) => {
      const f = tf.tidy(() => {
        const condition = model.encode(
          weights,
          some.map(({ items }) => items),
        );
        const x = tf.tensor(joined(some), [some.length, T, side, side, 3]);
        return model.denoise(weights, { x, ...times(some), condition }).f;
      });
      const values = await f.data();
      f.dispose();
      return values;
    };
  },
  /** As a graph for each size of a batch. */
  async onnx() {
    const graphs = new GraphRunner(await nativeRuntime());
    const prompts = new Map();
    return async (some) => {
      const B = some.length;
      const of = some.map((one) => requests.indexOf(one)).join();
      if (!prompts.has(of)) {
        const given = some.map(({ items }) => items);
        prompts.set(of, await graphs.run('prompt', loaded, model.prompt.told(given, { words })));
      }
      const { f } = await graphs.run('denoising', loaded, {
        ...model.fit.told(times(some)),
        ...prompts.get(of),
        x: { values: joined(some), shape: [B, T, side, side, 3] },
        latents: { values: new Float32Array(B * L * C), shape: [B, L, C] },
        carried: { values: new Float32Array(B), shape: [B, 1, 1] },
      });
      return f.values;
    };
  },
};
const step = await ways[on === 'onnx' ? 'onnx' : 'tfjs']();

async function timed(work) {
  const before = performance.now();
  await work();
  return performance.now() - before;
}
const middle = (all) => all.toSorted((a, b) => a - b)[all.length >> 1];

const alone = [];
for (const one of requests) alone.push(await step([one]));
for (const size of sizes) {
  const some = requests.slice(0, size);
  const batch = await step(some);
  let most = 0;
  for (const [n] of some.entries())
    for (let i = 0; i < alone[n].length; i++)
      most = Math.max(most, Math.abs(alone[n][i] - batch[n * alone[n].length + i]));
  const [together, apart] = [[], []];
  for (let round = 0; round < rounds; round++) {
    together.push(await timed(() => step(some)));
    apart.push(
      await timed(async () => {
        for (const one of some) await step([one]);
      }),
    );
  }
  const [batched, serial] = [middle(together), middle(apart)];
  console.log(
    `${on.padEnd(10)} ${size} at once: ${(batched / size).toFixed(1)} ms each, alone ${(serial / size).toFixed(1)} ms: ` +
      `${(serial / batched).toFixed(2)} times as fast; ${most === 0 ? 'the same bits' : `differs by at most ${most.toExponential(1)}`}`,
  );
}
process.exit(0);
