import type { Learner } from './learners.js';

const [b1, b2] = [0.9, 0.98];

export interface AdamWOptions {
  /** Of this step, from 0. */
  step: number;
  rate: number;
  /** Of matrices and tables alone. */
  weightDecay: number;
  /** What the gradient is multiplied by. */
  scale: number;
}

/** One step of AdamW (Loshchilov, Hutter 2019) for one parameter, in place: weights w, moments m and v, gradient g. */
export function adamW(
  { spec, parts }: Learner,
  [w, m, v, g]: readonly [w: Float32Array, m: Float32Array, v: Float32Array, g: Float32Array],
  { step, rate, weightDecay, scale }: AdamWOptions,
): void {
  const [c1, c2] = [1 - b1 ** (step + 1), 1 - b2 ** (step + 1)];
  const shrink = spec.shape.length >= 2 ? 1 - rate * weightDecay : 1;
  for (const [from, to] of parts)
    for (let i = from; i < to; i++) {
      const gi = g[i]! * scale;
      m[i] = b1 * m[i]! + (1 - b1) * gi;
      v[i] = b2 * v[i]! + (1 - b2) * gi * gi;
      w[i] = w[i]! * shrink - (rate * (m[i]! / c1)) / (Math.sqrt(v[i]! / c2) + 1e-8);
    }
}
