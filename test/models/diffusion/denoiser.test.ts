import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBackend } from '../../../src/models/backends/backend.js';
import { denoiserAt, lessonAt } from '../../../src/models/diffusion/denoiser.js';
import { Random } from '../../../src/models/numerics/random.js';

beforeAll(async () => {
  await openBackend('wasm');
});
afterAll(() => tf.removeBackend('wasm'));

test('a network that learned its lesson lets the sampler see the clean video, at each level', () => {
  const p = { sd: 1, si: 4 };
  const levels = [0.05, 1, 20];
  const shape = [levels.length, 1, 2, 2, 3];
  const [x, eps] = [new Random(1).normals(36), new Random(2).normals(36)];
  const { input, target, weight } = lessonAt(p, levels, { x: tf.tensor(x, shape), eps: tf.tensor(eps, shape) });
  const [inputs, targets] = [input.dataSync(), target.dataSync()] as [Float32Array, Float32Array];
  for (const [b, sigma] of levels.entries()) {
    const of = (all: Float32Array) => all.subarray(12 * b, 12 * (b + 1));
    const noisy = Float64Array.from(of(x), (v, i) => v / p.si + sigma * of(eps)[i]!);
    const denoiser = denoiserAt(p, sigma);
    for (const [i, v] of denoiser.input(noisy).entries()) expect(v).toBeCloseTo(of(inputs)[i]!, 5);
    const clean = denoiser.clean(noisy, of(targets));
    for (const [i, v] of clean.entries()) expect(v).toBeCloseTo(of(x)[i]!, 3);
    // Off by d, F is off by d / c_out, which the loss weighs as lambda weighs d.
    const wrong = denoiser.clean(
      noisy,
      of(targets).map((v) => v + 1),
    );
    const off = (wrong[0]! - clean[0]!) ** 2;
    expect(weight.dataSync()[b]! / ((1 / p.sd ** 2 + 1 / sigma ** 2) * off)).toBeCloseTo(1, 6);
  }
});
