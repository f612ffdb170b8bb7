import * as tf from '@tensorflow/tfjs';
import { cIn, cNrm, cOut, cSkip, type Preconditioning, targetWeight } from './preconditioning.js';

/*
 * The denoiser D around the network F: what F is given of a noisy video, what it is trained towards, and what D makes of
 * its answer. preconditioning.ts has the symbols and coefficients; the sampler and the loss have both from here.
 */

/** D at one noise level, as a sampler takes it. */
export function denoiserAt(p: Preconditioning, sigma: number) {
  const [into, skip, out] = [cIn(p, sigma), cSkip(p, sigma), cOut(p, sigma)];
  return {
    /** c_in * x_sigma */
    input: (noisy: Float64Array) => Float32Array.from(noisy, (v) => v * into),
    /** D = c_skip * x_sigma + c_out * F */
    clean: (noisy: Float64Array, f: Float32Array) => Float64Array.from(noisy, (v, i) => skip * v + out * f[i]!),
  };
}

/**
 * What a training step asks of F: clean videos x and noise eps, [B, T, H, W, 3], with a noise level for each entry. The loss
 * is weight [B] times |F - target|^2.
 */
export function lessonAt(
  p: Preconditioning,
  sigma: readonly number[],
  { x, eps }: { x: tf.Tensor; eps: tf.Tensor },
): { input: tf.Tensor; target: tf.Tensor; weight: tf.Tensor1D } {
  const each = (f: (s: number) => number) => tf.tensor(sigma.map(f), [sigma.length, 1, 1, 1, 1]);
  const noisy = x.mul(1 / p.si).add(eps.mul(each((s) => s)));
  const input = noisy.mul(each((s) => cIn(p, s)));
  const target = eps
    .mul(p.sd * p.sd)
    .sub(x.mul(each((s) => s)))
    .mul(each((s) => cNrm(p, s)));
  return { input, target, weight: tf.tensor1d(sigma.map((s) => targetWeight(p, s))) };
}
