import { VimiError } from '../../../core/errors.js';
import type { Device } from '../../backends/backend.js';
import { type Recipe, recipe as recipeSchema } from '../loop/recipe.js';

/**
 * The recipe with each batch in pieces that the devices share evenly: as few as that takes, and a multiple of what the
 * recipe asks for. USAGE when a batch cannot be cut so, or the list names what is not one kind of devices.
 */
export function shareRecipe(recipe: Recipe, devices: readonly Device[]): Recipe {
  const n = devices.length;
  const alike = devices.every((device) => device === 'cpu') || devices.every((device) => device !== 'cpu');
  if (n === 0 || !alike || (devices[0] !== 'cpu' && new Set(devices.map(String)).size < n))
    throw new VimiError('USAGE', 'These devices cannot share a batch', {
      expected: 'different GPUs (0,1), or cpu several times (cpu,cpu)',
      found: devices.join(',') || 'none',
    });
  if (n === 1) return recipe;
  const piecesFor = (accumulate: number, count: number) => (accumulate * count) / greatestDivisor(accumulate, count);
  const fits = (count: number) =>
    recipe.stages.every(({ batch, accumulate = 1 }) => batch % piecesFor(accumulate, count) === 0);
  if (!fits(n)) {
    const fitting = Array.from({ length: mostNamed }, (_, i) => i + 1).filter(fits);
    throw new VimiError('USAGE', 'The batches of the recipe cannot be shared evenly', {
      expected: `a number of devices out of ${fitting.join(', ')}`,
      found: `${n}, for batches of ${recipe.stages.map(({ batch }) => batch).join(', ')}`,
    });
  }
  const stages = recipe.stages.map((stage) => ({ ...stage, accumulate: piecesFor(stage.accumulate ?? 1, n) }));
  return recipeSchema.parse({ ...recipe, stages });
}

/** How far the numbers of devices that would do are named. */
const mostNamed = 64;

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));
