import type { Preconditioning } from '../diffusion/preconditioning.js';

/**
 * D(x_sigma, sigma): the clean video that the network sees in the noisy one, in the scale of x (not of x / si). `step` is
 * the sampler's, from 0: guidance may depend on it.
 */
export type Denoise = (x: Float64Array, sigma: number, step: number) => Promise<Float64Array> | Float64Array;

/**
 * Heun follows the ODE in second order and calls D twice a step (once in the last); Euler once.
 *
 * Multistep (Song et al. 2023, Alg. 1, there for consistency models; not from the papers here) calls D once, and lays fresh noise of
 * the next level over what it saw. It leaves the ODE: what a small network is unsure of is its mean, smooth, where the ODE
 * turns it into grain; and what one step saw wrongly is not carried on in the noise.
 */
export type Method = 'heun' | 'euler' | 'multistep';

/** As video records name them. */
export const samplerNames: Record<Method, string> = {
  heun: 'edm-heun',
  euler: 'edm-euler',
  multistep: 'multistep',
};

export interface SamplerOptions {
  /** Falling noise levels, the last one 0. */
  schedule: number[];
  method?: Method;
  /** n numbers, standard normal: what `multistep` lays over each step. */
  fresh?: (n: number) => ArrayLike<number>;
  /** Begins at the first level that is not above this one, with x in noise: the steps before it are left out. */
  start?: { x: ArrayLike<number>; level: number };
  /** Ends after so many steps, with D(x, sigma) of the last one of them. */
  draft?: number;
  /** Called after each step, and awaited: the step border, where a job can be cancelled by throwing. */
  onStep?(done: number, total: number): Promise<void> | void;
}

/** Steps of a schedule with more noise than `level`; the last one is left in any case. */
export const stepsBefore = (schedule: readonly number[], level: number): number =>
  Math.min(schedule.filter((sigma) => sigma > level).length, schedule.length - 2);

/**
 * The deterministic sampler of EDM (Alg. 1 with S_churn = 0), on y = x / si (Snap Video, App. D), or `multistep`.
 *
 * The probability-flow ODE is dy/dsigma = (y - D / si) / sigma. `noise` is standard normal; it starts at
 * y = sigma_max * noise, and what comes back is x = si * y. With `start` it starts at y = start / si + sigma * noise.
 */
export async function sample(
  denoise: Denoise,
  noise: ArrayLike<number>,
  { si }: Pick<Preconditioning, 'si'>,
  { schedule, method = 'heun', fresh, start, draft = Number.POSITIVE_INFINITY, onStep }: SamplerOptions,
): Promise<Float64Array> {
  const n = noise.length;
  const total = schedule.length - 1;
  const first = start ? stepsBefore(schedule, start.level) : 0;
  let y = Float64Array.from(noise, (e, j) => (start ? start.x[j]! / si : 0) + e * schedule[first]!);
  for (let i = first; i < total; i++) {
    const [sigma, next] = [schedule[i]!, schedule[i + 1]!];
    const clean = await denoise(y, sigma, i);
    if (i + 1 >= draft) {
      await onStep?.(i + 1, total);
      return clean;
    }
    if (method === 'multistep') {
      const over = next > 0 ? fresh?.(n) : [];
      if (!over) throw new Error('multistep needs fresh noise');
      y = clean.map((v, j) => v / si + (next > 0 ? next * over[j]! : 0));
      await onStep?.(i + 1, total);
      continue;
    }
    // Euler: follow the tangent at sigma.
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
