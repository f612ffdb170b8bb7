/**
 * The denoising step and the training step on the tensorflow backend against PyTorch on the CPU: the same weights, the
 * same inputs, as many threads. The networks are written a second time for it in bench/pytorch, as PyTorch does such
 * things (scaled_dot_product_attention, conv2d, rms_norm, grid_sample), without torch.compile.
 *
 * First both compute each case once, and PyTorch once more in double precision. Every output and gradient here must be
 * within 1e-4 of that, as part of the tensor's greatest value; or within twice what PyTorch's own single precision is away
 * at most in any tensor of the case, for trained weights multiply rounding; or within twice what it is itself away when
 * all places in images are moved by a ten-thousandth of a pixel: rounding moves them by nearly that, and where one comes to
 * lie on the next pixel a gradient jumps. Else the bench fails and names the tensors. Then they are timed in turns, in blocks
 * of some calls, never both at once; a block's first call does not count. The ratio is seconds on tensorflow over seconds in
 * PyTorch, the middle of the pairs of blocks that ran one after the other: below 1, tensorflow is faster.
 *
 * A denoising step: from the noisy video and the encoded prompt to F and the latents, three branches of guidance. A
 * training step: from a batch as training draws it to the loss and every gradient. Here the batch is plain arrays and the
 * gradients are copied out to plain arrays, as training needs them; PyTorch has its batch as tensors beforehand and
 * leaves the gradients where they are.
 *
 *   npm run setup:tensorflow && bash bench/pytorch/setup.sh && npm run bench:pytorch -- [--threads N] [--rounds 7]
 *     [--cases denoise,train-frames,train-clips,denoise-100m,train-100m] [--parity]
 *
 * `--parity`: no timing. The weights are nano's own where they fit the networks as they are, else random ones; those of
 * the large cases, nano's networks at 100 M parameters, are always random.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { openBackend } from '../dist/models/backends/backend.js';
import { cIn } from '../dist/models/diffusion/preconditioning.js';
import { buildModel } from '../dist/models/networks/model.js';
import { sizeOf, startValues } from '../dist/models/networks/parameters.js';
import { seenBy } from '../dist/models/networks/prompt-input.js';
import { Random } from '../dist/models/numerics/random.js';
import { preconditioningOf, presets } from '../dist/models/presets/presets.js';
import { drawBatch } from '../dist/models/training/data/batch.js';
import { readSamples } from '../dist/models/training/data/samples.js';
import { gradientsOf } from '../dist/models/training/loop/gradients.js';
import { recipeOf } from '../dist/models/training/loop/recipe.js';
import { loadModel, weightsPath } from '../dist/models/weights/load-model.js';
import { readWeights, writeWeights } from '../dist/models/weights/safetensors.js';
import { PythonPeer } from './python-peer.mjs';
import { tensorsOf } from './pytorch/inputs.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values: options } = parseArgs({
  options: {
    threads: { type: 'string', default: String(availableParallelism()) },
    rounds: { type: 'string', default: '7' },
    cases: { type: 'string', default: 'denoise,train-frames,train-clips,denoise-100m,train-100m' },
    parity: { type: 'boolean', default: false },
  },
});
const [threads, rounds] = [Number(options.threads), Number(options.rounds)];
/** Seconds of a block, as near as whole calls come. */
const blockSeconds = 3;
/**
 * How far from double precision is allowed in any case, how many times as far as PyTorch's single precision (or
 * its jumps), and the pixels that rounding may move a place by.
 */
const tolerance = { least: 1e-4, times: 2, aside: 1e-4 };

const { nano } = presets;
const large = {
  ...{ ...nano, name: 'nano at 100 M', patchWidth: 256, width: 640, heads: 8, latents: 256 },
  ...{ blocks: 4, layers: 2, ratio: 4 },
};
const recipe = recipeOf(nano);
const [frames, , clips] = recipe.stages;
const everyPrompt = { ...recipe, dropout: { images: 0, all: 0 } };
const cases = {
  denoise: { kind: 'denoise', preset: nano, branches: ['nothing', 'text', 'all'] },
  'train-frames': { kind: 'train', preset: nano, stage: frames, recipe },
  'train-clips': { kind: 'train', preset: nano, stage: { ...clips, selfCondition: 1 }, recipe },
  'denoise-100m': { kind: 'denoise', preset: large, branches: ['nothing', 'text', 'all'] },
  'train-100m': { kind: 'train', preset: large, stage: { ...clips, batch: 1, selfCondition: 0 }, recipe: everyPrompt },
};

/** Model, tensors, and a file of the weights. */
async function weightsOf(preset, folder) {
  if (preset === nano)
    try {
      return { ...(await loadModel('nano')), path: weightsPath('nano'), about: "nano's own weights" };
    } catch (error) {
      if (error.code !== 'WEIGHTS_DAMAGED' && error.code !== 'WEIGHTS_NOT_FOUND') throw error;
    }
  const model = buildModel(preset);
  // What starts at zero is random too, so that nothing is hidden behind it.
  const values = startValues(
    model.specs.map((spec) => (spec.start === 0 ? { ...spec, start: 0.1 } : spec)),
    1,
  );
  const path = join(folder, `${preset.name}.safetensors`);
  const tensors = new Map(model.specs.map(({ name, shape }) => [name, { shape, values: values.get(name) }]));
  await writeWeights(path, tensors, { dtype: 'F32' });
  const weights = new Map(model.specs.map(({ name, shape }) => [name, tf.tensor(values.get(name), shape)]));
  return { model, weights, path, about: 'random weights' };
}

/** What PyTorch is given, and the same case here: `step` computes, `results` names what it returned. */
function denoising({ model, weights }, { branches, preset }) {
  const stage = { ...clips, batch: 1 };
  const batch = drawBatch(samples, preset, stage, everyPrompt, { seed: 1, step: 0 });
  const B = branches.length;
  const one = { shape: [B, preset.frames, preset.side, preset.side, 3], sigma: 1 };
  const p = preconditioningOf(preset);
  const noisy = batch.x.map((x, i) => cIn(p, one.sigma) * (x / p.si + one.sigma * batch.eps[i]));
  const given = {
    ...{ B, T: preset.frames, side: preset.side, x: new Float32Array(B * noisy.length) },
    sigma: branches.map(() => one.sigma),
    frames: branches.map(() => batch.frames[0]),
    fps: branches.map(() => batch.fps[0]),
    prompts: branches.map((branch) => seenBy[branch](batch.prompts[0])),
  };
  for (let b = 0; b < B; b++) given.x.set(noisy, b * noisy.length);
  const carried = new Random(2).normals(B * preset.latents * preset.width);
  const latentShape = [B, preset.latents, preset.width];
  const inputs = tensorsOf(given).set('latents', { shape: latentShape, values: carried });

  const condition = tf.tidy(() => model.encode(weights, given.prompts));
  const [x, latents] = [tf.tensor(given.x, one.shape), tf.tensor(carried, latentShape)];
  const step = () => {
    const { sigma, frames, fps } = given;
    const made = tf.tidy(() => {
      const { f, latents: z } = model.denoise(weights, { x, sigma, frames, fps, condition, latents });
      return { f, latents: z };
    });
    const out = { f: made.f.dataSync(), latents: made.latents.dataSync() };
    tf.dispose(made);
    return out;
  };
  const results = (out) => new Map([...Object.entries(out), ['condition', condition.tokens.dataSync()]]);
  return { inputs, step, results };
}

function training({ model, weights }, { preset, stage, recipe }) {
  const batch = drawBatch(samples, preset, stage, recipe, { seed: 1, step: 1 });
  return {
    inputs: tensorsOf(batch),
    step: () => gradientsOf(model, weights, [batch], recipe),
    results: ({ loss, gradients }) => new Map([...gradients, ['loss', Float32Array.of(loss)]]),
    rest: { selfCondition: batch.selfCondition, layout: recipe.layout, placement: recipe.placement },
  };
}

/** How far each tensor is from the exact one at most, as part of its greatest value: [name, part], the worst first. */
function distances(tensors, exact) {
  return [...tensors]
    .map(([name, values]) => {
      const other = exact.get(name)?.values ?? new Float32Array(values.length);
      let [worst, scale] = [values.length === other.length ? 0 : Number.POSITIVE_INFINITY, 0];
      for (const [i, value] of values.entries()) {
        const apart = Math.abs(value - other[i]);
        if (!(apart <= worst)) worst = Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart;
        scale = Math.max(scale, Math.abs(value), Math.abs(other[i]));
      }
      return [name, worst === 0 ? 0 : worst / scale];
    })
    .sort(([, a], [, b]) => b - a);
}

const sorted = (numbers) => numbers.toSorted((a, b) => a - b);
const at = (numbers, part) => sorted(numbers)[Math.round(part * (numbers.length - 1))];
const milliseconds = (s) => (s * 1000).toFixed(0);
/** @param {number[]} times */
const wall = ([seconds]) => seconds;
/** @param {number[]} times */
const processor = ([, seconds]) => seconds;
/** Middle of all calls, and between what the middle half of them lies. */
const spread = (calls) => {
  const [low, middle, high] = [0.25, 0.5, 0.75].map((part) => milliseconds(at(calls.map(wall), part)));
  return `${middle} ms (${low} to ${high}), of processor time ${milliseconds(at(calls.map(processor), 0.5))} ms`;
};

/** [seconds, seconds of processor time] of each call. */
function timeHere(step, calls) {
  step();
  return Array.from({ length: calls }, () => {
    const start = performance.now();
    const before = process.cpuUsage();
    step();
    const { user, system } = process.cpuUsage(before);
    return [(performance.now() - start) / 1000, (user + system) / 1e6];
  });
}

async function timed(step, python) {
  const first = wall(timeHere(step, 1)[0]);
  const calls = Math.max(1, Math.min(20, Math.round(blockSeconds / first)));
  const sides = {
    tensorflow: async () => timeHere(step, calls),
    pytorch: async () => (await python.ask({ do: 'time', calls })).seconds,
  };
  const all = { tensorflow: [], pytorch: [] };
  const ratios = [];
  for (let round = 0; round < rounds; round++) {
    const block = {};
    for (const side of round % 2 ? ['pytorch', 'tensorflow'] : ['tensorflow', 'pytorch']) {
      block[side] = await sides[side]();
      all[side].push(...block[side]);
    }
    const middle = (side, of) => at(block[side].map(of), 0.5);
    ratios.push([wall, processor].map((of) => middle('tensorflow', of) / middle('pytorch', of)));
  }
  return { ...all, ratios };
}

const backend = await openBackend('tensorflow', { threads });
const folder = await mkdtemp(join(tmpdir(), 'bench-pytorch-'));
const shard = here('../test/models/fixtures/held-out-0.tar');
const samples = await readSamples([shard], { side: nano.side, frames: nano.frames, fps: nano.defaults.fps });
const python = new PythonPeer('pytorch', 'pytorch/serve.py', {
  env: { OMP_NUM_THREADS: String(threads), CUDA_VISIBLE_DEVICES: '' },
});
let failed = false;
try {
  const loaded = new Map();
  for (const name of options.cases.split(',')) {
    const one = cases[name];
    if (!one) throw new Error(`No case ${name}; there are ${Object.keys(cases).join(', ')}`);
    const { preset, kind } = one;
    if (!loaded.has(preset)) {
      for (const { weights } of loaded.values()) tf.dispose([...weights.values()]);
      loaded.clear();
      loaded.set(preset, await weightsOf(preset, folder));
    }
    const { path, about, model, weights } = loaded.get(preset);
    const { inputs, step, results, rest } = (kind === 'train' ? training : denoising)({ model, weights }, one);
    const [inputsPath, answerPath] = [join(folder, 'inputs.safetensors'), join(folder, 'answer.safetensors')];
    await writeWeights(inputsPath, inputs, { dtype: 'F32' });
    const load = { do: 'load', preset, weights: path, inputs: inputsPath, kind, ...rest };
    const answer = async (aside = 0) => {
      await python.ask({ do: 'answer', out: answerPath, aside });
      return (await readWeights(answerPath)).tensors;
    };
    const away = (tensors) =>
      distances(
        [...tensors].map(([tensor, { values }]) => [tensor, values]),
        exact,
      );
    await python.ask({ ...load, double: true });
    const exact = await answer();
    const jumps = new Map();
    for (const aside of [tolerance.aside, -tolerance.aside])
      for (const [tensor, part] of away(await answer(aside))) jumps.set(tensor, Math.max(part, jumps.get(tensor) ?? 0));
    const { version } = await python.ask(load);
    if (one === cases[options.cases.split(',')[0]])
      console.log(`${backend} against PyTorch ${version}, ${threads} ${threads === 1 ? 'thread' : 'threads'} each`);
    const count = model.specs.reduce((sum, spec) => sum + sizeOf(spec), 0);
    const { B, T } = { B: inputs.get('x').shape[0], T: inputs.get('x').shape[1] };
    console.log(`\n${name}: ${(count / 1e6).toFixed(1)} M parameters, ${about}, batch ${B} of ${T} frames`);

    const apart = distances(results(/** @type {any} */ (step())), exact);
    const theirs = away(await answer());
    const least = Math.max(tolerance.least, tolerance.times * theirs[0][1]);
    const wrong = apart.filter(
      ([tensor, part]) => !(part <= Math.max(least, tolerance.times * (jumps.get(tensor) ?? 0))),
    );
    for (const [side, [[tensor, part]]] of [
      ['tensorflow', apart],
      ['PyTorch   ', theirs],
    ])
      console.log(`  ${side}  at most ${part.toExponential(1)} from double precision (${tensor})`);
    for (const [tensor, part] of wrong.slice(0, 20))
      console.log(`  NOT THE SAME: ${tensor} is ${part.toExponential(1)} away`);
    if (wrong.length > 20) console.log(`  and ${wrong.length - 20} more`);
    if (wrong.length > 0) {
      failed = true;
      continue;
    }
    if (options.parity) continue;
    const { tensorflow, pytorch, ratios } = await timed(step, python);
    console.log(`  tensorflow  ${spread(tensorflow)}`);
    console.log(`  PyTorch     ${spread(pytorch)}`);
    for (const [what, of] of Object.entries({ 'ratio      ': wall, '  processor': processor })) {
      const [low, middle, high] = [0, 0.5, 1].map((part) => at(ratios.map(of), part).toFixed(2));
      console.log(`  ${what} ${middle} (${low} to ${high} in ${rounds} pairs)`);
    }
  }
} finally {
  python.end();
  await rm(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
