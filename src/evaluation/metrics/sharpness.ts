import type { RgbVideo } from '../../models/ports.js';

/**
 * How sharp the odd frames of a video are against the even ones: the ratio of their squared differences between neighbouring
 * pixels. 1: alike; below, the odd ones are blurred or double. NaN where there is nothing to compare.
 */
export function oddSharpness({ frames, width, height, data }: RgbVideo): number {
  const energies = [0, 0];
  const pairs = frames - (frames % 2);
  for (let t = 0; t < pairs; t++)
    for (let y = 0; y + 1 < height; y++)
      for (let x = 0; x + 1 < width; x++)
        for (let c = 0; c < 3; c++) {
          const at = ((t * height + y) * width + x) * 3 + c;
          energies[t % 2]! += (data[at]! - data[at + 3]!) ** 2 + (data[at]! - data[at + 3 * width]!) ** 2;
        }
  return energies[0] === 0 ? Number.NaN : energies[1]! / energies[0]!;
}
