import type { Recipe } from '../loop/recipe.js';

/** Linear warm-up, then level, then a cosine to a hundredth over the last `decay` of the steps. `step` counts from 0. */
export function rateAt(
  step: number,
  steps: number,
  { warmup, decay }: Pick<Recipe['optimizer'], 'warmup' | 'decay'>,
): number {
  const rising = Math.min(1, (step + 1) / Math.max(1, warmup));
  const left = (steps - step) / Math.max(1, steps * decay);
  const falling = left >= 1 ? 1 : 0.01 + 0.99 * 0.5 * (1 - Math.cos(Math.PI * left));
  return rising * falling;
}
