import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { planText } from '../../../src/cli/commands/train-plan.js';
import { openBackend } from '../../../src/models/backends/backend.js';
import { buildModel } from '../../../src/models/networks/model.js';
import type { PromptItem } from '../../../src/models/networks/prompt-input.js';
import { costOf } from '../../../src/models/planning/cost.js';
import { kept, planTraining } from '../../../src/models/planning/plan.js';
import type { Preset } from '../../../src/models/presets/preset.js';
import { presets } from '../../../src/models/presets/presets.js';
import type { Batch } from '../../../src/models/training/data/batch.js';
import { shareRecipe } from '../../../src/models/training/devices/share-recipe.js';
import { lossOf } from '../../../src/models/training/loop/loss.js';
import { recipeOf } from '../../../src/models/training/loop/recipe.js';
import { numbers, randomWeights } from '../networks/tiny.js';

beforeAll(async () => {
  await openBackend('wasm');
});
afterAll(() => tf.removeBackend('wasm'));

type Profile = Awaited<ReturnType<typeof tf.profile>>;
const size = (list: readonly number[]) => list.reduce((n, d) => n * d, 1);

/** Of all products of matrices and convolutions that were run. */
function flopsRun({ kernels }: Profile): number {
  let flops = 0;
  for (const { name, inputShapes, outputShapes } of kernels) {
    const [a, b] = inputShapes as number[][];
    const out = outputShapes[0] as number[];
    if (name === 'BatchMatMul' || name === '_FusedMatMul') {
      const entries = size(out.slice(0, -2));
      // |a| = e m k, |b| = e k n, |out| = e m n, whichever of them is transposed.
      flops += 2 * size(out) * Math.sqrt((size(a!) * size(b!)) / (size(out) * entries));
    } else if (/^Conv2D(BackpropInput|BackpropFilter)?$/.test(name)) {
      const [filter, pixels] = name === 'Conv2DBackpropFilter' ? [out, b!] : [b!, a!];
      flops += 2 * size(pixels.slice(0, 3)) * size(filter);
    }
  }
  return flops;
}

const words = (n: number): PromptItem[] => Array.from({ length: n }, (_, i) => ({ word: `w${i}` }));
function given(preset: Preset, T: number) {
  const { imageSide } = preset.encoder;
  const image = { image: numbers(imageSide ** 2 * 3, 2), role: 'reference' as const };
  const prompt = [...words(7), image, image];
  const shape = [1, T, preset.side, preset.side, 3];
  return { prompt, x: numbers(size(shape)), shape, frames: [Array.from({ length: T }, (_, t) => t)] };
}

test.each([
  ['nano', 2, true],
  ['nano', 1, false],
  ['nano-upsampler', 1, false],
] as const)('%s with %i frames costs what its products of matrices say', async (name, T, carried) => {
  const preset = presets[name]!;
  const model = buildModel(preset);
  const w = randomWeights(model.specs);
  const { prompt, x, shape, frames } = given(preset, T);
  const run = async (compute: () => tf.Tensor) =>
    flopsRun(
      await tf.profile(() => {
        tf.tidy(compute);
        return tf.scalar(0);
      }),
    );
  const condition = model.encode(w, [prompt]);
  const cost = costOf(model, { frames: T, words: 7, images: 2, carried });
  const encoded = await run(() => model.encode(w, [prompt]).tokens);
  expect(Math.abs(cost.encode / encoded - 1)).toBeLessThan(0.01);
  const denoised = await run(
    () =>
      model.denoise(w, {
        ...{ x: tf.tensor(x, shape), sigma: [1], frames, fps: [8], condition },
        latents: carried ? tf.zeros([1, preset.latents, preset.width]) : undefined,
        low: preset.low && {
          x: tf.zeros(shape),
          level: [0.1],
          places: { pose: tf.ones([1, 2, T, 5]), known: tf.ones([1, 2, T]) },
        },
      }).f,
  );
  expect(Math.abs(cost.denoise / denoised - 1)).toBeLessThan(0.01);
});

test('a gradient costs two forward passes more, and keeps about what is planned', async () => {
  const model = buildModel(presets.nano!);
  const w = randomWeights(model.specs);
  const { prompt, x, frames } = given(presets.nano!, 2);
  const batch: Batch = {
    ...{ B: 1, T: 2, side: 32, x, eps: numbers(x.length, 5), sigma: [1], frames, fps: [8], prompts: [prompt] },
    ...{ masks: [null], places: [[]], selfCondition: false },
  };
  const profile = await tf.profile(() => {
    const { value, grads } = tf
      .engine()
      .gradients(() => lossOf(model, w, batch, { layout: 0, placement: 0 }).total, [...w.values()], undefined, true);
    tf.dispose(grads.filter(Boolean));
    return value;
  });
  const cost = costOf(model, { frames: 2, words: 7, images: 2, carried: false });
  const run = flopsRun(profile);
  // Less than three: inputs have no gradient.
  expect(run / (cost.encode + cost.denoise)).toBeGreaterThan(2.7);
  expect(run / (cost.encode + cost.denoise)).toBeLessThan(3.02);
  const planned = 4 * (kept.matrices * cost.numbers.matrices + kept.attentions * cost.numbers.attentions);
  const base = [...w.values()].reduce((sum, t) => sum + 4 * t.size, 0);
  expect(planned / (profile.peakBytes - base)).toBeGreaterThan(0.75);
  expect(planned / (profile.peakBytes - base)).toBeLessThan(1.33);
});

const recipe = recipeOf(presets.nano!);

test('a plan is its stages, and allocates nothing', () => {
  const before = tf.memory().numBytes;
  const plan = planTraining('nano', 1000, recipe);
  expect(plan.stages.map(({ steps }) => steps)).toEqual([450, 200, 350]);
  expect(plan.flops).toBeCloseTo(
    plan.stages.reduce((sum, { steps, flops }) => sum + steps * flops, 0),
    -3,
  );
  const [whole, pieces] = [1, 4].map(
    (accumulate) =>
      planTraining('nano', 10, { ...recipe, stages: [{ ...recipe.stages[0]!, share: 1, accumulate }] }).memory,
  );
  expect(whole!.activations / pieces!.activations).toBeCloseTo(4, 6);
  expect(pieces!.weights).toBe(8 * plan.parameters);
  const large = planTraining('snap-3.9b', 550_000);
  expect(large.flops).toBeGreaterThan(1e19);
  expect(tf.memory().numBytes).toBe(before);
});

test('a plan is told in a few lines', () => {
  const plan = planTraining('nano', 1000, recipe);
  const time = { rate: 2e10, secondsPerStep: [1, 2, 3], measured: true, seconds: 1900 };
  const text = planText(plan, time, 'wasm (SIMD, one thread)');
  expect(text).toContain('nano, 1.65 M parameters');
  expect(text).toContain('part 2       200 steps of 8 x 4 frames');
  expect(text).toContain('31 min 40 s on wasm (SIMD, one thread), measured by a step of each part');
  expect(text.trimEnd().split('\n')).toHaveLength(7);

  const devices = [0, 1, 2, 3];
  const shared = planTraining('nano', 1000, shareRecipe(recipeOf(presets.nano!), devices), devices.length);
  expect(shared.exchange).toEqual({ weights: 12 * plan.parameters, gradients: 12 * plan.parameters });
  expect(planText(shared, time, 'tensorflow')).toContain('devices      4 share this');
});
