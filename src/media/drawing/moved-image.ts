import type { Random } from '../models/numerics/random.js';
import type { RgbImage } from '../models/ports.js';

/** How an image was changed: shares of its side, a factor, and radians, clockwise. */
export interface Change {
  x: number;
  y: number;
  size: number;
  angle: number;
}

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

/** Samples a side of a pixel. */
const samples = 3;

/** The image on white, moved, made smaller and turned about its middle. */
export function moveImage({ width, height, data }: RgbImage, { x, y, size, angle }: Change): RgbImage {
  const out = new Uint8Array(width * height * 3);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const sum = [0, 0, 0];
      for (let s = 0; s < samples ** 2; s++) {
        const dx = (column + ((s % samples) + 0.5) / samples - width * (0.5 + x)) / size;
        const dy = (row + (Math.floor(s / samples) + 0.5) / samples - height * (0.5 + y)) / size;
        const u = Math.floor(width / 2 + cos * dx + sin * dy);
        const v = Math.floor(height / 2 + cos * dy - sin * dx);
        const inside = u >= 0 && v >= 0 && u < width && v < height;
        for (let c = 0; c < 3; c++) sum[c]! += inside ? data[(v * width + u) * 3 + c]! : 255;
      }
      for (let c = 0; c < 3; c++) out[(row * width + column) * 3 + c] = Math.round(sum[c]! / samples ** 2);
    }
  return { width, height, data: out };
}
