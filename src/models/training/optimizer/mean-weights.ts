import type { Learner } from './learners.js';

/** The exponential mean of the weights (EMA), a step further, in place. */
export function meanWeights(
  learning: readonly Learner[],
  { weights, ema }: { weights: ReadonlyMap<string, Float32Array>; ema: ReadonlyMap<string, Float32Array> },
  { step, keep: most }: { step: number; keep: number },
): void {
  // A young mean forgets faster, or the start values would stay in it.
  const keep = Math.min(most, (1 + step) / (10 + step));
  for (const { spec, parts } of learning) {
    const [mean, w] = [ema.get(spec.name)!, weights.get(spec.name)!];
    for (const [from, to] of parts) for (let i = from; i < to; i++) mean[i] = keep * mean[i]! + (1 - keep) * w[i]!;
  }
}
