import * as tf from '@tensorflow/tfjs';
import { buildModel } from '../../../src/models/networks/model.js';
import { type ParameterSpec, startValues, type Weights } from '../../../src/models/networks/parameters.js';
import type { PromptItem } from '../../../src/models/networks/prompt-input.js';
import { Random } from '../../../src/models/numerics/random.js';
import type { Preset } from '../../../src/models/presets/preset.js';
import type { Batch } from '../../../src/models/training/data/batch.js';
import { lossOf } from '../../../src/models/training/loop/loss.js';

/** Every part of nano at sizes where gradients can be checked number by number. */
export const tiny: Preset = {
  name: 'tiny',
  frames: 2,
  side: 8,
  patch: 2,
  group: { rows: 2, columns: 2 },
  patchWidth: 8,
  width: 8,
  heads: 2,
  latents: 8,
  blocks: 1,
  layers: 1,
  ratio: 2,
  encoder: { layers: 1, vocabulary: 32, words: 8, images: 2, imageSide: 16 },
  local: true,
  noise: { min: 0.005, max: 40 },
  thresholding: 'dynamic',
  defaults: { fps: 8, steps: 2, method: 'heun', guidance: { text: 1, image: 1 } },
};

/** The same for an upsampler of tiny's videos. */
export const tinyUpsampler: Preset = {
  ...tiny,
  name: 'tiny-upsampler',
  frames: 4,
  side: 16,
  patch: 4,
  low: { everyFrame: 2, everyPixel: 2, corruption: { most: 0.5, usual: 0.1 } },
  defaults: { ...tiny.defaults, fps: 16, method: 'euler' },
};

/** Start values as tensors; zeros too are random, so that nothing is hidden behind them. */
export function randomWeights(specs: readonly ParameterSpec[], seed = 1): Weights {
  const noisy = specs.map((spec) => (spec.start === 0 ? { ...spec, start: 0.1 } : spec));
  const values = startValues(noisy, seed);
  return new Map(specs.map(({ name, shape }) => [name, tf.tensor(values.get(name)!, shape)]));
}

export const image = (seed: number): Float32Array => new Random(seed).normals(16 * 16 * 3);

export const items: PromptItem[] = [
  { word: 'fox' },
  { image: image(1), role: 'reference' },
  { word: 'a' },
  { word: 'fox' },
  { word: 'runs' },
];

export const numbers = (n: number, seed = 3): Float32Array => new Random(seed).normals(n);

/** Two clips with everything that a batch may hold: both kinds of prompt items, masks for one clip, both passes. */
export const tinyBatch: Batch = {
  ...{ B: 2, T: 2, side: 8, sigma: [0.5, 3], fps: [8, 24], selfCondition: true },
  frames: [
    [0, 1],
    [0, 1],
  ],
  x: numbers(2 * 2 * 8 * 8 * 3, 31),
  eps: numbers(2 * 2 * 8 * 8 * 3, 32),
  prompts: [items, [{ word: 'sun' }, { image: image(2), role: 'subject' }, { image: image(3), role: 'background' }]],
  masks: [{ cells: new Float32Array(8).fill(0.25), patches: new Float32Array(32).fill(1) }, null],
  places: [
    [
      {
        known: Float32Array.of(1, 0),
        pose: Float32Array.of(0.4, 0.6, -0.5, 0, 1, 0, 0, 0, 0, 0),
        heat: new Float32Array(32).fill(1 / 16, 0, 16),
      },
    ],
    [],
  ],
};

/** One frame for nano, with one image. */
export const nanoBatch: Batch = {
  ...{ B: 1, T: 1, side: 32, sigma: [1], fps: [8], frames: [[3]], selfCondition: false, masks: [null], places: [[]] },
  x: numbers(32 * 32 * 3, 41),
  eps: numbers(32 * 32 * 3, 42),
  prompts: [[{ word: 'fox' }, { image: new Random(43).normals(32 * 32 * 3), role: 'reference' }, { word: 'runs' }]],
};

/** Loss and gradients of all parameters that the batch uses, in the order of the declarations. */
export function lossAndGradients(preset: Preset, batch: Batch): tf.Tensor[] {
  const model = buildModel(preset);
  const w = randomWeights(model.specs);
  const loss = () => lossOf(model, w, batch, { layout: 0.1, placement: 0.1 }).total;
  const { value, grads } = tf.engine().gradients(loss, [...w.values()], undefined, true);
  return [value, ...grads.filter(Boolean)];
}

/** The same computation on two backends; the greatest difference, as part of the greatest value. */
export async function difference(compute: () => tf.Tensor[], a: string, b: string): Promise<number> {
  const on = async (backend: string) => {
    tf.setBackend(backend);
    const tensors = tf.tidy(compute);
    const values = await Promise.all(tensors.map((t) => t.data()));
    tf.dispose(tensors);
    return values;
  };
  const left = await on(a);
  const right = await on(b);
  let [worst, scale] = [0, 1e-12];
  for (const [t, values] of right.entries())
    for (const [i, v] of values.entries()) {
      const apart = Math.abs(v - left[t]![i]!);
      if (!(apart <= worst)) worst = Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart;
      scale = Math.max(scale, Math.abs(v));
    }
  return worst / scale;
}
