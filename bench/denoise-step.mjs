// How much of the machine's plain matrix rate a whole denoiser step reaches, on one backend in one process.
//
//   npm run build && node bench/denoise-step.mjs [wasm|tensorflow]
//
// FLOPs of the step are counted from the shapes of its matrix products and convolutions as they run (2 m n k each);
// everything else (softmax, norms, layout) costs time but counts for nothing.
import * as tf from '@tensorflow/tfjs';
import { openBackend } from '../dist/models/backends/backend.js';
import { promptItems } from '../dist/models/networks/prompt-input.js';
import { loadModel } from '../dist/models/weights/load-model.js';

const chosen = /** @type {'wasm' | 'tensorflow'} */ (process.argv[2] ?? 'wasm');
const backend = await openBackend(chosen, { threads: 1 });
const { model, weights } = await loadModel('nano');
const { preset } = model;
const [B, T, side] = [2, preset.frames, preset.side]; // two branches of guidance

const image = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(180) };
/** @type {import('../dist/models/ports.js').ModelPrompt} */
const prompt = {
  task: 'text-to-video',
  instruction: 'Generate a video with the retrieved text-image pairs.',
  parts: [{ text: 'a fox' }, { pixels: image, role: 'reference' }, { text: 'a fox moves left on a blue background' }],
};
const condition = tf.tidy(() => model.encode(weights, [promptItems(prompt, preset), []]));
const x = tf.randomNormal([B, T, side, side, 3]);
const frames = Array.from({ length: B }, () => Array.from({ length: T }, (_, t) => t));
const step = () => {
  const f = tf.tidy(() => model.denoise(weights, { x, sigma: [1, 1], frames, fps: [8, 8], condition }).f);
  f.dataSync();
  f.dispose();
};

const n = 768;
const [a, b] = [tf.randomNormal([n, n]), tf.randomNormal([n, n])];
const plain = () => {
  const c = tf.matMul(a, b);
  c.dataSync();
  c.dispose();
};

/** Seconds of the fastest of some calls in turns: what else the machine does slows single calls, not the fastest. */
const fastest = new Map([step, plain].map((call) => [call, Number.POSITIVE_INFINITY]));
for (let round = 0; round < 15; round++)
  for (const call of fastest.keys()) {
    const start = performance.now();
    call();
    fastest.set(call, Math.min(fastest.get(call), (performance.now() - start) / 1000));
  }

const { kernels } = await tf.profile(step);
const count = (shape) => shape.reduce((product, d) => product * d, 1);
let flops = 0;
for (const { name, inputShapes, outputShapes } of kernels) {
  const out = count(outputShapes[0] ?? []);
  if (name === 'BatchMatMul') {
    // count(a) = entries * m * k, whether a lies transposed or not.
    const [m, n] = outputShapes[0].slice(-2);
    const k = count(inputShapes[0].slice(-2)) / m;
    flops += 2 * count(outputShapes[0].slice(0, -2)) * m * n * k;
  }
  if (name === 'Conv2D') flops += 2 * out * count(inputShapes[1].slice(0, 3));
}
const stepRate = flops / fastest.get(step) / 1e9;
const plainRate = (2 * n ** 3) / fastest.get(plain) / 1e9;
console.log(`backend                     ${backend}`);
console.log(
  `denoise step, ${B} branches     ${(fastest.get(step) * 1000).toFixed(0)} ms, ${(flops / 1e9).toFixed(2)} GFLOP, ${stepRate.toFixed(1)} GFLOP/s`,
);
console.log(`matMul ${n} x ${n}            ${plainRate.toFixed(1)} GFLOP/s`);
console.log(`ratio                       ${(stepRate / plainRate).toFixed(2)}`);
process.exit(0);
