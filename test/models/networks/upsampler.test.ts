import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openBackend } from '../../../src/models/backends/backend.js';
import { cIn, cOut, cSkip } from '../../../src/models/diffusion/preconditioning.js';
import type { FitInput } from '../../../src/models/networks/fit.js';
import { buildModel, type Model } from '../../../src/models/networks/model.js';
import type { PromptItem } from '../../../src/models/networks/prompt-input.js';
import { Random } from '../../../src/models/numerics/random.js';
import type { GenerateInput, RgbImage } from '../../../src/models/ports.js';
import type { Preset } from '../../../src/models/presets/preset.js';
import { preconditioningOf, presets } from '../../../src/models/presets/presets.js';
import { checkCascade, generate, upsample } from '../../../src/models/sampling/generate.js';
import { enlarge, posesBetween, reduce, smooth, waysIn } from '../../../src/models/sampling/low-resolution.js';
import { drawBatch, splitBatch } from '../../../src/models/training/data/batch.js';
import type { TrainingSample } from '../../../src/models/training/data/samples.js';
import { evaluate } from '../../../src/models/training/loop/evaluate.js';
import { gradientsOf } from '../../../src/models/training/loop/gradients.js';
import { lossOf } from '../../../src/models/training/loop/loss.js';
import { recipeOf } from '../../../src/models/training/loop/recipe.js';
import { startState, update } from '../../../src/models/training/optimizer/optimizer.js';
import type { LoadedModel } from '../../../src/models/weights/load-model.js';
import { patience } from '../../support/patience.js';
import { numbers, randomWeights, tiny, tinyUpsampler } from './tiny.js';

vi.setConfig({ testTimeout: patience(600) });

beforeAll(async () => {
  await openBackend('wasm');
});
beforeEach(() => {
  tf.setBackend('wasm');
});
afterAll(() => tf.removeBackend('wasm'));

const model = buildModel(tinyUpsampler);
const size = { frames: 4, width: 16, height: 16 };
const low = tinyUpsampler.low!;

/** A clip of a box that moves over a background, both of random colours. */
function clip(seed: number): TrainingSample {
  const random = new Random(seed);
  const colour = () => [random.below(256), random.below(256), random.below(256)];
  const [background, box, from] = [colour(), colour(), random.below(6)];
  const frames = new Uint8Array(4 * 16 * 16 * 3);
  for (let t = 0; t < 4; t++)
    for (let y = 0; y < 16; y++)
      for (let x = 0; x < 16; x++) {
        const inside = y >= 4 && y < 10 && x >= from + t && x < from + t + 7;
        frames.set(inside ? box : background, ((t * 16 + y) * 16 + x) * 3);
      }
  const prompt = { task: 'text-to-video' as const, instruction: '', parts: [{ text: 'a box moves right' }] };
  return { key: `k${seed}`, frames, count: 4, fps: 16, prompt, contextCaptions: [] };
}

const stage = { share: 1, frames: 4, batch: 4, noise: { mean: 0, std: 1 }, selfCondition: 0 };
const recipe = { ...recipeOf(tinyUpsampler), stages: [stage] };

test('a batch holds the small clip, of the same window, flip and colours, with noise of its level', () => {
  const exact: Preset = { ...tinyUpsampler, low: { ...low, corruption: { most: 0, usual: 0 } } };
  const samples = [1, 2, 3].map(clip);
  const batch = drawBatch(samples, exact, stage, recipe, { seed: 3, step: 5 });
  expect(batch.low!.level).toEqual([0, 0, 0, 0]);
  const length = batch.x.length / 4;
  for (let b = 0; b < 4; b++) {
    const small = reduce(batch.x.subarray(b * length, (b + 1) * length), size, low);
    expect(batch.low!.x.subarray(b * length, (b + 1) * length)).toEqual(
      enlarge(small, size, low, waysIn(small, size, low, [])),
    );
  }
  const noisy = drawBatch(samples, tinyUpsampler, stage, recipe, { seed: 3, step: 5 });
  expect(noisy.low!.level.every((level) => level > 0 && level < 0.5)).toBe(true);
  // A part of the frames sees what lies between them and the frames around.
  const part = drawBatch(samples, exact, { ...stage, frames: 1 }, recipe, { seed: 3, step: 6 });
  expect(part.low!.x).toHaveLength(part.x.length);
});

test('the loss and its gradient agree on wasm and plain JavaScript, and every parameter has a part in it', () => {
  const batch = drawBatch([1, 2].map(clip), tinyUpsampler, { ...stage, batch: 2, selfCondition: 1 }, recipe, {
    seed: 1,
    step: 1,
  });
  const image = { image: numbers(16 * 16 * 3, 4), role: 'reference' as const };
  const lies = {
    known: new Float32Array(4).fill(1),
    pose: Float32Array.from({ length: 20 }, (_, i) => [0.4, 0.5, -0.5, 0.8, 0.6][i % 5]!),
    heat: new Float32Array(4 * 64),
  };
  const given = {
    ...batch,
    prompts: [
      [{ word: 'box' }, image],
      [image, image],
    ],
    places: [[lies], [null, lies]],
  };
  const on = (backend: string) => {
    tf.setBackend(backend);
    const w = randomWeights(model.specs);
    const found = tf.tidy(() =>
      tf
        .engine()
        .gradients(() => lossOf(model, w, given, { layout: 0, placement: 0 }).total, [...w.values()], undefined, true),
    );
    return { loss: found.value.dataSync()[0]!, grads: found.grads.map((g) => (g ? [...g.dataSync()] : null)) };
  };
  const [wasm, cpu] = [on('wasm'), on('cpu')];
  expect(wasm.loss).toBeCloseTo(cpu.loss, 4);
  const scale = Math.max(...cpu.grads.map((g) => Math.max(...(g ?? [0]).map(Math.abs))));
  for (const [i, g] of cpu.grads.entries()) {
    expect(g, model.specs[i]!.name).not.toBeNull();
    for (const [j, v] of g!.entries()) expect(Math.abs(wasm.grads[i]![j]! - v) / scale).toBeLessThan(1e-4);
  }
});

test('the small video and the level of its noise reach the output', () => {
  const w = randomWeights(model.specs);
  const x = tf.tensor(numbers(4 * 16 * 16 * 3), [1, 4, 16, 16, 3]);
  const given: FitInput = {
    ...{ x, sigma: [1], frames: [[0, 1, 2, 3]], fps: [16], condition: model.encode(w, [[{ word: 'box' }]]) },
    low: { x: tf.zeros([1, 4, 16, 16, 3]), level: [0] },
  };
  const f = (change: Partial<FitInput>) => [...model.denoise(w, { ...given, ...change }).f.dataSync()];
  const base = f({});
  for (const change of [
    { x: tf.ones([1, 4, 16, 16, 3]), level: [0] },
    { ...given.low!, level: [0.3] },
  ])
    expect(Math.max(...f({ low: change }).map((v, i) => Math.abs(v - base[i]!)))).toBeGreaterThan(1e-5);
  expect(() => f({ low: undefined })).toThrow(expect.objectContaining({ code: 'SHAPE_MISMATCH' }));
});

test('an image is laid where it is told to be, and nowhere where that is not known', () => {
  const w = randomWeights(model.specs);
  const shown: PromptItem = { image: numbers(16 * 16 * 3, 4), role: 'reference' };
  const x = tf.tensor(numbers(4 * 16 * 16 * 3), [1, 4, 16, 16, 3]);
  const given = { x, sigma: [1], frames: [[0, 1, 2, 3]], fps: [16], condition: model.encode(w, [[shown]]) };
  const f = (column: number, known: number[], told = true) => {
    const pose = tf.tensor(
      Array.from({ length: 4 }, () => [column, 0.5, -1, 1, 0]),
      [4, 5],
    );
    const places = { pose: pose.reshape([1, 1, 4, 5]), known: tf.tensor(known, [1, 1, 4]) };
    const low = { x: tf.zeros([1, 4, 16, 16, 3]), level: [0], ...(told && { places }) };
    return model.denoise(w, { ...given, low }).f.dataSync();
  };
  const [nowhere, left, right] = [f(0, [0, 0, 0, 0], false), f(0.25, [1, 1, 1, 1]), f(0.75, [1, 1, 1, 1])];
  expect(f(0.25, [0, 0, 0, 0])).toEqual(nowhere);
  expect(f(0.25, [1, 0, 0, 0])).not.toEqual(left);
  for (const one of [left, right])
    expect(Math.max(...one.map((v, i) => Math.abs(v - nowhere[i]!)))).toBeGreaterThan(1e-5);
  expect(left).not.toEqual(right);
});

test('[kind 13] between two frames of the small video an image is on its way; after the last it stays', () => {
  const turn = (degrees: number) => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  // The length of the direction does not count.
  const small = Float32Array.from([0.2, 0.5, -1, ...turn(170), 0.4, 0.5, 0, ...turn(190).map((v) => 0.3 * v)]);
  const large = posesBetween(small, 4, low);
  const expected = [
    [0.2, 0.5, -1, ...turn(170)],
    [0.3, 0.5, -0.5, ...turn(180)],
    [0.4, 0.5, 0, ...turn(190)],
    [0.4, 0.5, 0, ...turn(190)],
  ];
  for (const [i, v] of expected.flat().entries()) expect(large[i]).toBeCloseTo(v, 5);
  expect([...posesBetween(small.subarray(0, 5), 1, low)].slice(0, 3)).toEqual([...small.subarray(0, 3)]);
});

test('pieces of a batch have together the loss and the gradient of the whole', () => {
  const w = randomWeights(model.specs);
  const draw = { ...stage, selfCondition: 1 };
  const batch = drawBatch([1, 2, 3].map(clip), tinyUpsampler, draw, recipe, { seed: 2, step: 9 });
  const whole = gradientsOf(model, w, [batch], { layout: 0, placement: 0.01 });
  for (const parts of [2, 4]) {
    const pieces = splitBatch(batch, parts);
    expect(pieces.map(({ B }) => B)).toEqual(Array(parts).fill(4 / parts));
    const sum = gradientsOf(model, w, pieces, { layout: 0, placement: 0.01 });
    expect(sum.loss).toBeCloseTo(whole.loss, 5);
    expect(sum.diffusion).toBeCloseTo(whole.diffusion, 5);
    for (const [name, gradient] of whole.gradients) {
      const scale = Math.max(1e-3, ...gradient.map(Math.abs));
      for (const [i, g] of gradient.entries())
        expect(Math.abs(sum.gradients.get(name)![i]! - g) / scale).toBeLessThan(1e-3);
    }
  }
});

test('an upsampler of details that draws none gives the small video, smoothly enlarged', async () => {
  const detailed: Preset = { ...tinyUpsampler, low: { ...low, details: 0.25 } };
  const fine = buildModel(detailed);
  const batch = drawBatch([clip(1)], detailed, { ...stage, batch: 1 }, recipe, { seed: 3, step: 5 });
  const whole = drawBatch([clip(1)], tinyUpsampler, { ...stage, batch: 1 }, recipe, { seed: 3, step: 5 });
  const reduced = reduce(whole.x, size, low);
  const base = smooth(reduced, size, low, waysIn(reduced, size, low, []));
  for (const [i, v] of batch.x.entries()) expect(0.25 * v + base[i]!).toBeCloseTo(whole.x[i]!, 5);

  // As if it had learned that there are no details: D = 0 where F cancels what is skipped.
  const p = preconditioningOf(detailed);
  let sigma = 0;
  const fit: Model['fit'] = {
    ...fine.fit,
    told: (given) => {
      sigma = given.sigma[0]!;
      return fine.fit.told(given);
    },
    network: (w, given) => ({
      ...fine.fit.network(w, given),
      f: given.x.mul(-cSkip(p, sigma) / cOut(p, sigma) / cIn(p, sigma)),
    }),
  };
  const none = { ...fine, fit };
  const input: GenerateInput = {
    ...{ frames: 4, fps: 16, width: 16, height: 16, steps: 2, seed: 1, guidance: { text: 1, image: 1 } },
    prompt: { task: 'text-to-video', instruction: '', parts: [{ text: 'a box' }] },
  };
  const small = reduce(whole.x, size, low);
  const loaded = { model: none, weights: randomWeights(fine.specs), sha256: '' } as LoadedModel;
  const made = await upsample(loaded, { x: small, poses: [] }, input, { signal: new AbortController().signal });
  for (const [i, v] of made.data.entries()) expect(Math.abs(v - (base[i]! + 1) * 127.5)).toBeLessThan(1);
});

test('learns: with its own small video the loss falls below that with another', () => {
  const samples = Array.from({ length: 64 }, (_, i) => clip(i));
  const values = new Map(
    [...randomWeights(model.specs)].map(([name, t]) => [name, t.dataSync().slice() as Float32Array]),
  );
  const state = startState(model.specs, values);
  const tensors = () =>
    new Map(model.specs.map(({ name, shape }) => [name, tf.tensor(state.weights.get(name)!, shape)]));
  const optimizer = { ...recipe.optimizer, warmup: 5, rate: 5e-3 };
  const steps = 80;
  for (let step = 0; step < steps; step++) {
    const batch = drawBatch(samples, tinyUpsampler, stage, recipe, { seed: 1, step });
    const w = tensors();
    update(
      model.specs,
      state,
      gradientsOf(model, w, [batch], { layout: 0, placement: 0.01 }).gradients,
      step,
      steps,
      optimizer,
    );
    tf.dispose([...w.values()]);
  }
  const batch = drawBatch(samples, tinyUpsampler, { ...stage, noise: { mean: 1, std: 0.1 } }, recipe, {
    seed: 9,
    step: 1000,
  });
  const shifted = Float32Array.from(batch.low!.x, (_, i) => batch.low!.x[(i + batch.x.length / 4) % batch.x.length]!);
  const w = tensors();
  const own = gradientsOf(model, w, [batch], { layout: 0, placement: 0.01 }).diffusion;
  const other = gradientsOf(model, w, [{ ...batch, low: { ...batch.low!, x: shifted } }], {
    layout: 0,
    placement: 0,
  }).diffusion;
  expect(own).toBeLessThan(0.7 * other);
  const [probe] = evaluate(model, w, samples.slice(0, 2), { levels: [3] });
  expect(probe!.right).toBeGreaterThan(0);
});

describe('a cascade', () => {
  const load = (preset: Preset): LoadedModel => {
    const built = buildModel(preset);
    return { model: built, weights: randomWeights(built.specs), sha256: preset.name };
  };
  const [base, upsampler] = [load(tiny), load(tinyUpsampler)];
  const input: GenerateInput = {
    prompt: { task: 'text-to-video', instruction: '', parts: [{ text: 'a box' }] },
    ...{ frames: 4, width: 16, height: 16, fps: 16, steps: 2, guidance: { text: 1, image: 1 }, seed: 5 },
  };
  const run = (change: Partial<GenerateInput> = {}, onStep?: (done: number, total: number) => void) =>
    generate(base, { ...input, ...change }, { upsampler, signal: new AbortController().signal, onStep });

  test('gives the frames and pixels of the upsampler, the same each time, and counts all steps', async () => {
    const seen: string[] = [];
    const video = await run({}, (done, total) => seen.push(`${done}/${total}`));
    expect(video).toMatchObject({ frames: 4, width: 16, height: 16 });
    expect(video.data).toHaveLength(4 * 16 * 16 * 3);
    expect(seen).toEqual(['1/4', '2/4', '3/4', '4/4']);
    expect(await run()).toEqual(video);
    expect((await run({ seed: 6 })).data).not.toEqual(video.data);
    expect((await run({ prompt: { ...input.prompt, parts: [{ text: 'suns' }] } })).data).not.toEqual(video.data);
    const some = await run({ frames: 3, width: 8, height: 12 });
    expect(some).toMatchObject({ frames: 3, width: 8, height: 12 });
    expect(some.data).toHaveLength(3 * 8 * 12 * 3);
  });

  test('shows how far it is, which changes nothing', async () => {
    const shown: string[] = [];
    const frames: RgbImage[] = [];
    const signal = new AbortController().signal;
    const onStep = (done: number) => shown.push(`step ${done}`);
    const onEstimate = (draw: () => RgbImage) => {
      frames.push(draw());
      shown.push('frame');
    };
    const wanted = { ...input, width: 12 };
    const video = await generate(base, wanted, { upsampler, signal, onStep, onEstimate });
    expect(video.data).toEqual((await run({ width: 12 })).data);
    expect(shown).toEqual(['frame', 'step 1', 'frame', 'step 2', 'frame', 'step 3', 'step 4']);
    // Of the base first, then of the upsampler.
    expect(frames.map(({ width, height }) => `${width}x${height}`)).toEqual(['6x8', '6x8', '12x16']);
    for (const { width, height, data } of frames) expect(data).toHaveLength(width * height * 3);
    const size = 12 * 16 * 3;
    const distance = ({ data }: RgbImage, to = video.data.subarray(2 * size, 3 * size)) =>
      data.reduce((sum, v, i) => sum + Math.abs(v - to[i]!), 0) / data.length;
    expect(distance(frames[2]!)).toBeLessThan(distance({ ...frames[2]!, data: new Uint8Array(size).fill(127) }) + 20);
  });

  test('the upsampler lays images where the base laid them last', async () => {
    const laid: Float32Array[] = [];
    const told: Float32Array[] = [];
    const watched: LoadedModel = {
      ...base,
      model: {
        ...base.model,
        fit: {
          ...base.model.fit,
          network: (w, given) => {
            const result = base.model.fit.network(w, given);
            laid.push(result.placed.at(-1)!.pose.dataSync() as Float32Array);
            return result;
          },
        },
      },
    };
    const watching: LoadedModel = {
      ...upsampler,
      model: {
        ...upsampler.model,
        fit: {
          ...upsampler.model.fit,
          network: (w, given) => {
            told.push(given.low!.places!.pose.dataSync() as Float32Array);
            return upsampler.model.fit.network(w, given);
          },
        },
      },
    };
    const pixels = { width: 8, height: 8, data: Uint8Array.from(numbers(8 * 8 * 3, 3), (v) => 128 + 40 * v) };
    const prompt = { ...input.prompt, parts: [{ text: 'a box' }, { pixels, role: 'reference' as const }] };
    const signal = new AbortController().signal;
    await generate(watched, { ...input, prompt }, { upsampler: watching, signal });
    const [first, ...rest] = told;
    expect([...first!]).toEqual([...posesBetween(laid.at(-1)!, 4, low)]);
    for (const one of rest) expect(one).toEqual(first);
  });

  test('what the base makes decides what comes out', async () => {
    const other = { ...base, weights: randomWeights(base.model.specs, 2) };
    const video = await generate(other, input, { upsampler, signal: new AbortController().signal });
    expect(video.data).not.toEqual((await run()).data);
  });

  test('ends at a step border of the upsampler too when it is cancelled', async () => {
    const abort = new AbortController();
    const going = generate(base, input, {
      ...{ upsampler, signal: abort.signal },
      onStep: (done) => done === 3 && abort.abort(),
    });
    await expect(going).rejects.toMatchObject({ code: 'CANCELLED', where: 'step 3 of 4' });
  });

  test('is made of models that fit each other', () => {
    checkCascade(tiny, tinyUpsampler);
    checkCascade(presets.nano!, presets['nano-upsampler']!);
    for (const [a, b] of [
      [tiny, tiny],
      [presets.nano!, tinyUpsampler],
    ] as const)
      expect(() => checkCascade(a, b)).toThrow(expect.objectContaining({ code: 'MODEL_UNKNOWN' }));
  });
});
