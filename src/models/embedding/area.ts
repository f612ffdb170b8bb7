import { VimiError } from '../../errors.js';
import type { RgbImage } from '../ports.js';

/**
 * An image scaled to side x side by area averaging, as floats 0 to 1 in the order row, column, channel (RGB).
 * SHAPE_MISMATCH when the data do not fit the size.
 */
export function shrink(image: RgbImage, side: number): Float64Array {
  const { width, height, data } = image;
  if (!(width >= 1 && height >= 1 && data.length === width * height * 3))
    throw new VimiError('SHAPE_MISMATCH', 'An image does not fit its size', {
      expected: `${width} x ${height} x 3 bytes`,
      found: `${data.length} bytes`,
    });
  const across = overlaps(width, side);
  const down = overlaps(height, side);
  const out = new Float64Array(side * side * 3);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const at = (y * side + x) * 3;
      for (const [row, dy] of down[y]!)
        for (const [column, dx] of across[x]!) {
          const from = (row * width + column) * 3;
          const share = (dx * dy) / 255;
          out[at]! += data[from]! * share;
          out[at + 1]! += data[from + 1]! * share;
          out[at + 2]! += data[from + 2]! * share;
        }
    }
  return out;
}

/** For each of n cells over `length` pixels: the pixels it covers and the share of the cell that each fills. */
function overlaps(length: number, n: number): [pixel: number, share: number][][] {
  return Array.from({ length: n }, (_, cell) => {
    const from = (cell * length) / n;
    const to = ((cell + 1) * length) / n;
    const covered: [number, number][] = [];
    for (let pixel = Math.floor(from); pixel < Math.min(Math.ceil(to), length); pixel++) {
      const share = (Math.min(to, pixel + 1) - Math.max(from, pixel)) / (to - from);
      if (share > 1e-9) covered.push([pixel, share]);
    }
    return covered;
  });
}
