import type { Change } from '../media/drawing/moved-image.js';
import type { Random } from '../models/numerics/random.js';

/** Sizes, and the turn to either side; the place is anywhere in which the subject stays whole. */
const sizes = { least: 0.4, most: 0.65 };
const mostAngle = (50 * Math.PI) / 180;

/** A change that leaves the whole image inside of its frame: place, size and turn independent of each other. */
export function someChange(random: Random): Change {
  const size = sizes.least + (sizes.most - sizes.least) * uniform(random);
  const angle = mostAngle * (2 * uniform(random) - 1);
  // The room is that of the largest and most turned one, else the place would tell the size.
  const room = (1 - sizes.most) / 2;
  return { x: room * (2 * uniform(random) - 1), y: room * (2 * uniform(random) - 1), size, angle };
}

const uniform = (random: Random) => random.bits() / 2 ** 32;
