import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test, vi } from 'vitest';
import { presets } from '../../../../src/models/presets/presets.js';
import { generate } from '../../../../src/models/sampling/generate.js';
import { drawBatch } from '../../../../src/models/training/data/batch.js';
import { readSamples } from '../../../../src/models/training/data/samples.js';
import { type Recipe, recipeOf, recipe as recipeSchema } from '../../../../src/models/training/loop/recipe.js';
import { type TrainProgress, train } from '../../../../src/models/training/loop/train.js';
import { loadModel } from '../../../../src/models/weights/load-model.js';
import { readWeights } from '../../../../src/models/weights/safetensors.js';
import { openFileStore } from '../../../../src/stores/objects/files.js';
import { patience } from '../../../support/patience.js';
import { tinyWorld } from '../tiny-world.js';

// Real steps of a real network, the tiny one; nano is trained by the command (test/cli/train.test.ts).
vi.setConfig({ testTimeout: patience(400) });

const world = tinyWorld();

const small: Recipe = {
  ...recipeOf(presets.nano!),
  stages: [
    { share: 0.5, frames: 1, batch: 2, noise: { mean: 0, std: 1 }, selfCondition: 0 },
    { share: 0.5, frames: 2, batch: 1, noise: { mean: 0.5, std: 1 }, selfCondition: 1 },
  ],
};
const folder = () => mkdtemp(join(tmpdir(), 'vimi-'));
const run = async (out: string, change: Partial<Parameters<typeof train>[0]> = {}) =>
  train({
    shards: [world.shard],
    preset: 'tiny',
    steps: 4,
    out,
    seed: 7,
    recipe: small,
    backend: 'wasm',
    checkpointEvery: 1,
    ...change,
  });
const lines = async (out: string) =>
  (await readFile(join(out, 'log.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number>);

describe('a run', () => {
  test('interrupted and continued ends where an uninterrupted one does, bit for bit', async () => {
    const [whole, parts] = [await folder(), await folder()];
    const seen: TrainProgress[] = [];
    const uninterrupted = await run(whole, { onProgress: (progress) => seen.push(progress) });
    expect(seen.filter(({ phase }) => phase === 'training')).toHaveLength(4);

    const abort = new AbortController();
    const stopped = run(parts, {
      signal: abort.signal,
      onProgress: (progress) => progress.phase === 'training' && progress.step === 2 && abort.abort(),
    });
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
    const continued = await run(parts);
    expect(continued.sha256).toBe(uninterrupted.sha256);

    const strip = (all: Record<string, number>[]) => all.map(({ seconds, ...rest }) => rest);
    expect(strip(await lines(parts))).toEqual(strip(await lines(whole)));
    expect((await lines(whole)).map(({ step, stage }) => [step, stage])).toEqual([
      [1, 0],
      [2, 0],
      [3, 1],
      [4, 1],
    ]);

    const file = await readWeights(uninterrupted.weights);
    expect(file.metadata.preset).toBe('tiny');
    expect(JSON.parse(file.metadata.card!)).toMatchObject({ seed: 7, steps: 4, data: { samples: 2 } });
    // [kind 13] What it was told in training.
    expect(file.metadata.words!.split(' ')).toEqual(expect.arrayContaining(['generate', 'video']));
    expect(JSON.parse(await readFile(join(whole, 'recipe.json'), 'utf8'))).toMatchObject({
      preset: 'tiny',
      recipe: small,
    });

    // What was trained can be used.
    const loaded = await loadModel(uninterrupted.weights);
    expect(loaded.sha256).toBe(uninterrupted.sha256);
    const prompt = { task: 'text-to-video' as const, instruction: '', parts: [{ text: 'a red box' }] };
    const size = { frames: 2, width: 8, height: 8 };
    const input = { prompt, ...size, fps: 8, steps: 1, guidance: { text: 1, image: 1 }, seed: 1 };
    const video = await generate(loaded, input, { signal: new AbortController().signal });
    expect(video).toMatchObject(size);
  });

  test('can start from the weights of another, and says so in its card', async () => {
    const first = await run(await folder(), { steps: 1 });
    const second = await run(await folder(), { steps: 1, from: first.weights, seed: 9 });
    const file = await readWeights(second.weights);
    expect(JSON.parse(file.metadata.card!).from).toMatchObject({ sha256: first.sha256, card: { seed: 7 } });
    // One step at the start of the warm-up moves little: it began where the first ended.
    const [a, b] = [(await readWeights(first.weights)).tensors, file.tensors];
    let [moved, length] = [0, 0];
    for (const [name, { values }] of a)
      for (const [i, v] of values.entries()) {
        moved += (b.get(name)!.values[i]! - v) ** 2;
        length += v ** 2;
      }
    expect(moved / length).toBeLessThan(1e-3);
    expect(moved).toBeGreaterThan(0);
    await expect(run(await folder(), { from: '/nowhere.safetensors' })).rejects.toMatchObject({
      code: 'WEIGHTS_NOT_FOUND',
    });
  });

  test('of stage 2 asks for weights to start from, and takes the recipe of the three tasks', async () => {
    await expect(run(await folder(), { preset: 'nano', stage: 2, recipe: undefined })).rejects.toMatchObject({
      code: 'USAGE',
    });
    const nano = presets.nano!;
    expect(recipeOf(nano, 2).tasks).toBeDefined();
    expect(recipeOf(nano, 1).tasks).toBeUndefined();
    for (const one of [recipeOf(nano), recipeOf(nano, 2), recipeOf(presets['nano-upsampler']!)])
      expect(recipeSchema.parse(one)).toEqual(one);
    await expect(
      run(await folder(), {
        preset: 'nano',
        recipe: { ...small, stages: [{ ...small.stages[0]!, share: 1, frames: 9 }] },
      }),
    ).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('in pieces and with tasks, interrupted and continued, is the same too', async () => {
    const recipe: Recipe = {
      ...small,
      stages: [{ ...small.stages[0]!, share: 1, accumulate: 2, stills: 0.5 }],
      tasks: { 'text-to-video': 1, 'subject-driven': 1, prediction: 1 },
    };
    const [whole, parts] = [await folder(), await folder()];
    const uninterrupted = await run(whole, { steps: 2, recipe });
    const abort = new AbortController();
    const stopped = run(parts, {
      ...{ steps: 2, recipe, signal: abort.signal },
      onProgress: (progress) => progress.phase === 'training' && abort.abort(),
    });
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
    // Continued, it need not decode the shards again.
    const seen: TrainProgress[] = [];
    const continued = await run(parts, { steps: 2, recipe, onProgress: (progress) => seen.push(progress) });
    expect(continued.sha256).toBe(uninterrupted.sha256);
    expect(seen.some(({ phase }) => phase === 'reading')).toBe(false);
  });

  test('does not go on from the checkpoint of another', async () => {
    const out = await folder();
    await run(out, { steps: 1 });
    await expect(run(out, { steps: 1, seed: 8 })).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('that never gets a finite loss is given up: TRAINING_DIVERGED', async () => {
    const wild = { ...small, optimizer: { ...small.optimizer, rate: 1e30, muonRate: 0, warmup: 0 } };
    const diverging = run(await folder(), { steps: 40, recipe: wild, checkpointEvery: 1000 });
    await expect(diverging).rejects.toMatchObject({ code: 'TRAINING_DIVERGED' });
  });

  test('learns: the loss on one clip falls', async () => {
    const out = await folder();
    const stages = [{ share: 1, frames: 1, batch: 2, noise: { mean: 0, std: 0.5 }, selfCondition: 0 }];
    await run(out, {
      steps: 48,
      recipe: {
        ...small,
        dropout: { images: 0, all: 0 },
        augment: { hideNames: 0, mirror: 0, colours: 0 },
        stages,
        optimizer: { ...small.optimizer, warmup: 2, decay: 0.2 },
      },
      checkpointEvery: 100,
    });
    const losses = (await lines(out)).map(({ loss }) => loss!);
    const mean = (part: number[]) => part.reduce((a, b) => a + b, 0) / part.length;
    expect(mean(losses.slice(-4))).toBeLessThan(0.7 * mean(losses.slice(0, 4)));
  });
});

describe('what a run leaves behind', () => {
  const stepsOf = (seen: TrainProgress[]) => seen.flatMap((one) => (one.phase === 'training' ? one.step : []));

  test('images at the probes and at the end, which change nothing of what is trained', async () => {
    const [often, once] = [await folder(), await folder()];
    const looked = await run(often, { heldOut: [world.shard], evaluateEvery: 1 });
    const left = await run(once, { evaluateEvery: 100 });
    expect(looked.sha256).not.toBe(left.sha256); // the card tells the probes
    const [a, b] = [await readWeights(looked.weights), await readWeights(left.weights)];
    for (const [name, { values }] of a.tensors) expect(values).toEqual(b.tensors.get(name)!.values);

    // An image of the prompt, and the two frames.
    expect(await sharp(join(once, 'samples.png')).metadata()).toMatchObject({ width: 224 + 3 * 100 - 4 + 16 });
    const width = async (out: string) =>
      Number(/ width="(\d+)"/.exec(await readFile(join(out, 'loss.svg'), 'utf8'))![1]);
    expect(await width(often)).toBe(2 * (await width(once)));
    const probes = (await lines(often)).filter((line) => 'probes' in line);
    expect(probes.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    // The same command on what is finished adds nothing to the log.
    await run(often, { heldOut: [world.shard], evaluateEvery: 1 });
    expect((await lines(often)).filter((line) => 'probes' in line)).toEqual(probes);
  });

  test('is in the store too, from where another machine goes on as if nothing had happened', async () => {
    const whole = await run(await folder(), { checkpointEvery: 2 });
    const store = { objects: await openFileStore(await folder()), prefix: 'runs/tiny' };
    const kept = async () => {
      const names: string[] = [];
      for await (const key of store.objects.list('runs/tiny/')) names.push(key.slice(store.prefix.length + 1));
      return names;
    };

    const [died, other] = [await folder(), await folder()];
    const abort = new AbortController();
    const stopped = run(died, {
      ...{ store, checkpointEvery: 2, evaluateEvery: 1, signal: abort.signal },
      onProgress: (progress) => progress.phase === 'training' && progress.step === 2 && abort.abort(),
    });
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
    const files = ['checkpoint.safetensors', 'log.jsonl', 'loss.svg', 'recipe.json', 'samples.png'];
    expect(await kept()).toEqual(files);
    await rm(died, { recursive: true });

    const seen: TrainProgress[] = [];
    const continued = await run(other, { store, checkpointEvery: 2, onProgress: (one) => seen.push(one) });
    expect(stepsOf(seen)).toEqual([3, 4]);
    expect(continued.sha256).toBe(whole.sha256);
    expect((await lines(other)).map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    expect(await kept()).toEqual([...files, 'tiny.safetensors'].sort());
    expect((await store.objects.stat('runs/tiny/tiny.safetensors'))!.sha256).toBe(whole.sha256);

    await expect(run(await folder(), { store, seed: 8 })).rejects.toMatchObject({
      code: 'USAGE',
      where: 'runs/tiny/recipe.json',
    });
  });

  test('a store that is full stops no training: it is tried again at each checkpoint', async () => {
    let full = true;
    const objects = await openFileStore(await folder(), {
      write: async (handle, chunk) => {
        if (full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        await handle.writeFile(chunk);
      },
    });
    const store = { objects, prefix: 'full' };
    const warnings: string[] = [];
    const onWarning = ({ code }: { code: string }) => void warnings.push(code);
    const out = await folder();
    await expect(run(out, { store, onWarning })).rejects.toMatchObject({
      code: 'STORAGE_FULL',
      where: expect.stringContaining(out),
    });
    // At the three checkpoints before the last; that one is the end.
    expect(warnings).toEqual(['STORAGE_FULL', 'STORAGE_FULL', 'STORAGE_FULL']);
    expect(await readdir(out)).toContain('tiny.safetensors');

    // With room again, the same command stores what is finished, and trains nothing.
    full = false;
    const seen: TrainProgress[] = [];
    const { sha256 } = await run(out, { store, onProgress: (one) => seen.push(one) });
    expect(stepsOf(seen)).toEqual([]);
    expect((await objects.stat('full/tiny.safetensors'))!.sha256).toBe(sha256);
  });
});

test.each([
  ['MODEL_UNKNOWN', { preset: 'none' }],
  ['OBJECT_NOT_FOUND', { shards: ['/nowhere.tar'] }],
])('%s', async (code, change) => {
  await expect(run(await folder(), change)).rejects.toMatchObject({ code });
});

test('stills and tasks come as often as the recipe says', async () => {
  const samples = await readSamples([world.shard], { side: 32, frames: 8 });
  const draw = (change: Partial<Recipe['stages'][number]>, tasks?: Recipe['tasks']) => {
    const stage = { ...small.stages[0]!, batch: 100, ...change };
    const plain = { ...small, tasks, dropout: { images: 0, all: 0 } };
    return drawBatch(samples, presets.nano!, stage, plain, { seed: 4, step: 0 });
  };
  const stills = (batch: ReturnType<typeof draw>) => batch.fps.filter((fps) => fps === Number.POSITIVE_INFINITY).length;
  expect(stills(draw({ stills: 0 }))).toBe(0);
  expect(stills(draw({ stills: 1 }))).toBe(100);
  expect(Math.abs(stills(draw({ stills: 0.25 })) - 25)).toBeLessThan(15);
  const roles = (tasks: Recipe['tasks']) => {
    const found: Record<string, number> = {};
    for (const items of draw({ stills: 0 }, tasks).prompts)
      for (const item of items) if ('role' in item) found[item.role] = (found[item.role] ?? 0) + 1;
    return found;
  };
  expect(roles({ 'text-to-video': 1, 'subject-driven': 0, prediction: 0 })).toEqual({ reference: 100 });
  expect(roles({ 'text-to-video': 0, 'subject-driven': 1, prediction: 0 })).toEqual({ subject: 100 });
  const mixed = roles({ 'text-to-video': 2, 'subject-driven': 1, prediction: 1 });
  expect(Math.abs(mixed['first-frame']! - 25)).toBeLessThan(15);
  expect(Math.abs(mixed.reference! - 50)).toBeLessThan(20);
});

test('the first frame of a prediction is that of the window, flipped and painted like the clip', async () => {
  const samples = (await readSamples([world.shard], { side: 32, frames: 8 })).filter(({ fps }) => fps === 8);
  const stage = { ...small.stages[0]!, frames: 8, batch: 12 };
  const recipe: Recipe = {
    ...small,
    dropout: { images: 0, all: 0 },
    augment: { hideNames: 0, mirror: 0.5, colours: 0.5 },
    tasks: { 'text-to-video': 0, 'subject-driven': 0, prediction: 1 },
  };
  const batch = drawBatch(samples, presets.nano!, stage, recipe, { seed: 4, step: 0 });
  for (const [b, items] of batch.prompts.entries()) {
    const shown = items.flatMap((item) => ('image' in item ? [...item.image] : []));
    const first = batch.x.subarray(b * 8 * 3072, b * 8 * 3072 + 3072);
    expect(shown).toHaveLength(3072);
    for (const [i, v] of first.entries()) expect(shown[i]).toBeCloseTo(v, 5);
  }
});

test('a batch is a function of seed and step', async () => {
  const samples = await readSamples([world.shard], { side: 32, frames: 8 });
  const draw = (step: number) => drawBatch(samples, presets.nano!, small.stages[0]!, small, { seed: 1, step });
  expect(draw(3)).toEqual(draw(3));
  expect(draw(3).eps).not.toEqual(draw(4).eps);
});
