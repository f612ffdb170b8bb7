import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { openBackend, tensorflowPackage } from '../../../../src/models/backends/backend.js';
import { buildModel } from '../../../../src/models/networks/model.js';
import { startValues, weightTensors } from '../../../../src/models/networks/parameters.js';
import { hidden } from '../../../../src/models/networks/prompt-input.js';
import { presets } from '../../../../src/models/presets/presets.js';
import type { Batch } from '../../../../src/models/training/data/batch.js';
import { openDevices } from '../../../../src/models/training/devices/devices.js';
import { shareRecipe } from '../../../../src/models/training/devices/share-recipe.js';
import { gradientsOf } from '../../../../src/models/training/loop/gradients.js';
import { type Recipe, recipeOf } from '../../../../src/models/training/loop/recipe.js';
import { type TrainProgress, train } from '../../../../src/models/training/loop/train.js';
import { patience } from '../../../support/patience.js';
import { tiny, tinyBatch } from '../../networks/tiny.js';
import { gradientProcesses } from '../gradient-processes.js';
import { tinyWorld } from '../tiny-world.js';

// Real processes, which take their time to start where other work shares the cores.
vi.setConfig({ testTimeout: patience(400) });

const world = tinyWorld();

const two = ['cpu', 'cpu'] as const;
const three = ['cpu', 'cpu', 'cpu'] as const;
const lossWeights = { layout: 0.1, placement: 0.1 };
const nanoRecipe = recipeOf(presets.nano!);
const [first, second] = [
  { share: 0.5, frames: 1, batch: 6, noise: { mean: 0, std: 1 }, selfCondition: 0, stills: 0.5 },
  { share: 0.5, frames: 2, batch: 6, noise: { mean: 0.5, std: 1 }, selfCondition: 1 },
];
/** In as few pieces as three devices share, and one after another on each. */
const recipe: Recipe = { ...nanoRecipe, stages: [first!, { ...second!, accumulate: 2 }] };
const inPieces: Recipe = {
  ...nanoRecipe,
  stages: [
    { ...first!, accumulate: 3 },
    { ...second!, accumulate: 6 },
  ],
};

/** Six that differ, and among them what prompts can hold. */
const pieces: Batch[] = [0.3, 0.5, 1, 2, 4, 8].map((sigma, i) => ({
  ...tinyBatch,
  sigma: [sigma, 3],
  fps: [8, Number.POSITIVE_INFINITY],
  selfCondition: i % 2 === 1,
  prompts: [[...tinyBatch.prompts[0]!, { word: hidden }], tinyBatch.prompts[i % 2]!],
}));

const folder = () => mkdtemp(join(tmpdir(), 'vimi-'));

describe.each([
  ['wasm', true],
  ['tensorflow', tensorflowPackage() !== null], // where `npm run setup:tensorflow` has been run
] as const)('on %s', (backend, there) => {
  describe.skipIf(!there)('three devices', () => {
    beforeAll(async () => {
      await openBackend(backend, { threads: 1 });
    });
    const run = (out: string, change: Partial<Parameters<typeof train>[0]> = {}) =>
      train({
        ...{ shards: [world.shard], preset: 'tiny', steps: 4, out, seed: 7, recipe, backend, threads: 1 },
        ...{ devices: three, checkpointEvery: 2, ...change },
      });

    test('compute the gradients of one, bit for bit, and leave nothing behind', async () => {
      const model = buildModel(tiny);
      const values = startValues(
        model.specs.map((spec) => (spec.start === 0 ? { ...spec, start: 0.1 } : spec)),
        1,
      );
      const w = weightTensors(model.specs, values);
      const alone = gradientsOf(model, w, pieces, lossWeights);
      tf.dispose([...w.values()]);
      const before = tf.memory().numTensors;
      const devices = await openDevices(model, { devices: three, backend, threads: 1, lossWeights });
      try {
        expect(gradientProcesses()).toHaveLength(2);
        // After weights that must be forgotten.
        await devices.gradientsOf(startValues(model.specs, 2), pieces.slice(0, 3));
        const shared = await devices.gradientsOf(values, pieces);
        expect([shared.loss, shared.diffusion]).toEqual([alone.loss, alone.diffusion]);
        expect(shared.loss).toBeGreaterThan(0);
        expect(shared.gradients).toEqual(alone.gradients);
        expect(tf.memory().numTensors).toBe(before);
      } finally {
        await devices.close();
      }
      expect(gradientProcesses()).toEqual([]);
    });

    test('end where one does with as many pieces, interrupted by a process that dies and continued', async () => {
      const alone = await run(await folder(), { devices: undefined, recipe: inPieces });
      const out = await folder();
      let killed = 0;
      const dying = run(out, {
        onProgress(progress) {
          if (progress.phase !== 'training' || progress.step !== 3) return;
          const [one] = gradientProcesses();
          killed = one!;
          process.kill(one!, 'SIGKILL');
        },
      });
      await expect(dying).rejects.toMatchObject({
        code: 'MODEL_CRASHED',
        found: expect.stringMatching(/^SIGKILL/),
        remedy: expect.stringContaining('last checkpoint'),
      });
      expect(killed).toBeGreaterThan(0);
      expect(gradientProcesses()).toEqual([]);

      const seen: TrainProgress[] = [];
      const continued = await run(out, { onProgress: (progress) => seen.push(progress) });
      expect(seen.flatMap((one) => (one.phase === 'training' ? one.step : []))).toEqual([3, 4]);
      expect(continued.sha256).toBe(alone.sha256);
      expect(continued.backend).toBe(alone.backend);
      expect(gradientProcesses()).toEqual([]);
      expect(JSON.parse(await readFile(join(out, 'recipe.json'), 'utf8'))).toMatchObject({ devices: three });
    });
  });
});

describe('on wasm', () => {
  beforeAll(async () => {
    await openBackend('wasm');
  });

  test('what was stopped on two devices goes on, on one, with the same pieces, and the other way', async () => {
    const run = (out: string, change: Partial<Parameters<typeof train>[0]>) =>
      train({ shards: [world.shard], preset: 'tiny', steps: 2, out, seed: 7, recipe, backend: 'wasm', ...change });
    const [out, alone] = [await folder(), { recipe: shareRecipe(recipe, two) }];
    for (const change of [{ devices: two }, alone]) {
      const abort = new AbortController();
      const stopped = run(out, {
        ...change,
        signal: abort.signal,
        onProgress: ({ phase }) => phase === 'training' && abort.abort(),
      });
      await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(gradientProcesses()).toEqual([]);
    }
    const whole = await run(await folder(), alone);
    expect((await run(out, { devices: two })).sha256).toBe(whole.sha256);
    // In other pieces it would be another run.
    await expect(run(out, {})).rejects.toMatchObject({ code: 'USAGE', where: expect.stringContaining(out) });
  });

  test('a device that is not there is BACKEND_UNAVAILABLE, and leaves no process', async () => {
    const model = buildModel(tiny);
    for (const devices of [
      [0, 1],
      ['cpu', 0],
    ] as const)
      await expect(openDevices(model, { devices, backend: 'wasm', lossWeights })).rejects.toMatchObject({
        code: 'BACKEND_UNAVAILABLE',
      });
    expect(gradientProcesses()).toEqual([]);
  });

  test('a computation that fails in a process fails as it would here', async () => {
    const model = buildModel(tiny);
    const devices = await openDevices(model, { devices: ['cpu', 'cpu'], backend: 'wasm', lossWeights });
    try {
      const wrong = { ...tinyBatch, x: new Float32Array(3) };
      const values = startValues(model.specs, 1);
      const w = weightTensors(model.specs, values);
      const failed = (compute: () => unknown) => {
        try {
          return compute();
        } catch (error) {
          return (error as Error).message;
        }
      };
      const alone = failed(() => gradientsOf(model, w, [wrong], lossWeights));
      await expect(devices.gradientsOf(values, [tinyBatch, wrong])).rejects.toMatchObject({
        ...{ code: 'INTERNAL', message: alone },
      });
    } finally {
      await devices.close();
    }
  });
});

describe('a recipe', () => {
  test('is cut into as few pieces as the devices share evenly', () => {
    expect(shareRecipe(recipe, three)).toEqual(inPieces);
    expect(shareRecipe(inPieces, three)).toEqual(inPieces);
    expect(shareRecipe(recipe, [1])).toEqual(recipe);
    const { stages } = recipeOf(presets['snap-500m']!);
    const many = shareRecipe({ ...nanoRecipe, stages }, [0, 1, 2, 3, 4, 5, 6, 7]).stages;
    expect(many.map(({ accumulate }) => accumulate)).toEqual([1024]);
  });

  test('whose batches cannot be shared is USAGE, says what could be, and nothing is read', async () => {
    const out = await folder();
    const refused = train({
      ...{ shards: ['/nowhere.tar'], preset: 'nano', steps: 1, out: join(out, 'run'), seed: 1 },
      ...{ backend: 'wasm', devices: three },
    });
    await expect(refused).rejects.toMatchObject({
      code: 'USAGE',
      expected: 'a number of devices out of 1, 2, 4',
      found: '3, for batches of 32, 8, 4',
    });
    expect(await readdir(out)).toEqual([]);
  });

  test.each([[[]], [[0, 0]], [['cpu', 0]]] as const)('cannot be shared by %j', (devices) => {
    expect(() => shareRecipe(recipe, devices)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
