import type { Learner } from './learners.js';

/** The norm of the whole gradient, and what to multiply it by so that it is at most `clip`. */
export function clipping(
  learning: readonly Learner[],
  gradients: ReadonlyMap<string, Float32Array>,
  clip: number,
): { norm: number; scale: number } {
  let square = 0;
  for (const { spec, parts } of learning) {
    const gradient = gradients.get(spec.name)!;
    for (const [from, to] of parts) for (let i = from; i < to; i++) square += gradient[i]! * gradient[i]!;
  }
  const norm = Math.sqrt(square);
  return { norm, scale: norm > clip ? clip / norm : 1 };
}
