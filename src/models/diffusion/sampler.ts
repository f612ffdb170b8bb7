import type { Preconditioning } from './preconditioning.js';

/**
 * D(x_sigma, sigma): the clean video that the network sees in the noisy one, in the scale of x (not of x / si). `step` is
 * the sampler's, from 0: guidance may depend on it.
 */
export type Denoise = (x: Float64Array, sigma: number, step: number) => Promise<Float64Array> | Float64Array;

export interface SamplerOptions {
  /** Falling noise levels, the last one 0. */
  schedule: number[];
  /** Heun is of second order and calls D twice a step (once in the last); Euler once. */
  method?: 'heun' | 'euler';
  /** Called after each step, and awaited: the step border, where a job can be cancelled by throwing. */
  onStep?(done: number, total: number): Promise<void> | void;
}

/**
 * The deterministic sampler of EDM (Alg. 1 with S_churn = 0), on y = x / si (Snap Video, App. D).
 *
 * The probability-flow ODE is dy/dsigma = (y - D / si) / sigma. `noise` is standard normal; it starts at
 * y = sigma_max * noise, and what comes back is x = si * y.
 */
export async function sample(
  denoise: Denoise,
  noise: ArrayLike<number>,
  { si }: Pick<Preconditioning, 'si'>,
  { schedule, method = 'heun', onStep }: SamplerOptions,
): Promise<Float64Array> {
  const n = noise.length;
  const total = schedule.length - 1;
  let y = Float64Array.from(noise, (e) => e * schedule[0]!);
  for (let i = 0; i < total; i++) {
    const [sigma, next] = [schedule[i]!, schedule[i + 1]!];
    // Euler: follow the tangent at sigma.
    const clean = await denoise(y, sigma, i);
    const slope = new Float64Array(n);
    const ahead = new Float64Array(n);
    for (let j = 0; j < n; j++) {
      slope[j] = (y[j]! - clean[j]! / si) / sigma;
      ahead[j] = y[j]! + (next - sigma) * slope[j]!;
    }
    // Heun: the mean of the tangents at both ends. At 0 there is none.
    if (method === 'heun' && next > 0) {
      const cleanAhead = await denoise(ahead, next, i);
      for (let j = 0; j < n; j++)
        ahead[j] = y[j]! + (next - sigma) * 0.5 * (slope[j]! + (ahead[j]! - cleanAhead[j]! / si) / next);
    }
    y = ahead;
    await onStep?.(i + 1, total);
  }
  return y.map((v) => v * si);
}
