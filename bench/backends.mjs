/**
 * One denoising step of nano on each backend that this machine has, in one run: the same weights and inputs, the three
 * branches of guidance that a prompt with an image begins with. tfjs takes them as a batch, graphs one after the other, as
 * videos are drawn. Then PyTorch, eager and compiled, where `bash bench/pytorch/setup.sh` was run: its three branches are a
 * batch too. In turns, one thread each; what counts is processor time, and of all calls the middle one.
 *
 *   npm run build && node bench/backends.mjs [--rounds 10]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openBackend } from '../dist/models/backends/backend.js';
import { GraphRunner } from '../dist/models/graphs/graph-runner.js';
import { promptItems, seenBy } from '../dist/models/networks/prompt-input.js';
import { Random } from '../dist/models/numerics/random.js';
import { nativeRuntime, webRuntime } from '../dist/models/onnx-runtime.js';
import { byGraph } from '../dist/models/sampling/by-graph.js';
import { byOperation } from '../dist/models/sampling/by-operation.js';
import { loadModel, weightsPath } from '../dist/models/weights/load-model.js';
import { writeWeights } from '../dist/models/weights/safetensors.js';
import { PythonPeer } from './python-peer.mjs';
import { tensorsOf } from './pytorch/inputs.mjs';

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '10' } } });

await openBackend('wasm');
const loaded = await loadModel('nano');
const { preset } = loaded.model;
const { frames: T, side, latents: L, width: C } = preset;
const disc = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => {
  const [x, y] = [(Math.floor(i / 3) % 64) - 32, Math.floor(i / 192) - 32];
  return x * x + y * y < 500 ? [200, 60, 30][i % 3] : 255;
});
/** @type {import('../dist/models/ports.js').ModelPrompt} */
const prompt = {
  ...{ task: 'text-to-video', instruction: 'Generate a video with the retrieved text-image pair and the text.' },
  parts: [
    { text: 'a fox' },
    { pixels: { width: 64, height: 64, data: disc }, role: 'reference' },
    { text: 'a fox moves left on a blue background' },
  ],
};
const items = promptItems(prompt, preset);
const video = { items, frames: T, width: side, height: side, fps: 8 };
/** @type {('nothing' | 'text' | 'all')[]} */
const branches = ['nothing', 'text', 'all'];
const x = new Random(1).normals(T * side * side * 3);
const sigma = 1.5;

/** Seconds of processor time of a step. */
async function here(network) {
  const before = process.cpuUsage();
  await network.step(branches, x, { sigma, places: false });
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

const sides = new Map();
const first = {};
const add = async (name, network) => {
  first[name] = (await network.step(branches, x, { sigma, places: false })).f;
  sides.set(name, () => here(network));
};
await add('wasm, tfjs', byOperation(loaded, video));
for (const open of [webRuntime, () => nativeRuntime(1)])
  try {
    const graphs = new GraphRunner(await open());
    await add(graphs.description, byGraph(loaded, graphs, video));
  } catch (error) {
    console.log(error.message);
  }

const folder = await mkdtemp(join(tmpdir(), 'bench-backends-'));
const peers = [];
try {
  const inputs = tensorsOf({
    ...{ B: 3, T, side, sigma: branches.map(() => sigma), fps: branches.map(() => 8) },
    ...{ x: Float32Array.from({ length: 3 * x.length }, (_, i) => x[i % x.length]) },
    frames: branches.map(() => Array.from({ length: T }, (_, t) => t)),
    prompts: branches.map((branch) => seenBy[branch](items)),
  }).set('latents', { shape: [3, L, C], values: new Float32Array(3 * L * C) });
  const inputsPath = join(folder, 'inputs.safetensors');
  await writeWeights(inputsPath, inputs, { dtype: 'F32' });
  for (const compile of [false, true]) {
    const python = new PythonPeer('pytorch', 'pytorch/serve.py', {
      env: { OMP_NUM_THREADS: '1', CUDA_VISIBLE_DEVICES: '' },
    });
    peers.push(python);
    const load = { do: 'load', preset, weights: weightsPath('nano'), inputs: inputsPath, kind: 'denoise', compile };
    const { version } = await python.ask(load);
    await python.ask({ do: 'time', calls: 1 });
    sides.set(`PyTorch ${version}, ${compile ? 'compiled' : 'eager'}`, async () => {
      const { seconds } = await python.ask({ do: 'time', calls: 1 });
      return seconds[0][1];
    });
  }
} catch (error) {
  console.log(error.message);
}

/** @type {Map<string, number[]>} */
const times = new Map([...sides.keys()].map((name) => [name, []]));
for (let round = 0; round < Number(options.rounds); round++)
  for (const [name, step] of sides) times.get(name).push(await step());

const middle = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const wasm = middle(times.get('wasm, tfjs'));
for (const [name, all] of times) {
  let far = '';
  if (first[name] && name !== 'wasm, tfjs') {
    const apart = first[name].flatMap((f, b) => [...f].map((v, i) => Math.abs(v - first['wasm, tfjs'][b][i])));
    far = `, at most ${Math.max(...apart).toExponential(1)} from wasm`;
  }
  console.log(
    `${name.padEnd(46)} ${(1000 * middle(all)).toFixed(0).padStart(4)} ms, ${(middle(all) / wasm).toFixed(2)} of wasm${far}`,
  );
}
for (const peer of peers) peer.end();
await rm(folder, { recursive: true, force: true });
process.exit(0);
