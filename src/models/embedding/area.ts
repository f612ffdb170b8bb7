import { VimiError } from '../../errors.js';
import type { RgbImage } from '../ports.js';

/** `count` cells over a stretch of pixels, from `from` on, `length` long. Beyond the image its outermost pixel goes on. */
export interface Stretch {
  from: number;
  length: number;
  count: number;
}

/**
 * An image scaled to side x side by area averaging, as floats 0 to 1 in the order row, column, channel (RGB).
 * SHAPE_MISMATCH when the data do not fit the size.
 */
export function shrink(image: RgbImage, side: number): Float64Array {
  const { width, height } = image;
  return average(image, { from: 0, length: width, count: side }, { from: 0, length: height, count: side });
}

/** The same of a part of it, in cells of any number: [down.count, across.count, 3]. */
export function average(image: RgbImage, across: Stretch, down: Stretch): Float64Array {
  const { width, height, data } = image;
  if (!(width >= 1 && height >= 1 && data.length === width * height * 3))
    throw new VimiError('SHAPE_MISMATCH', 'An image does not fit its size', {
      expected: `${width} x ${height} x 3 bytes`,
      found: `${data.length} bytes`,
    });
  const columns = overlaps(width, across);
  const rows = overlaps(height, down);
  const out = new Float64Array(down.count * across.count * 3);
  for (const [y, covered] of rows.entries())
    for (const [x, beside] of columns.entries()) {
      const at = (y * across.count + x) * 3;
      for (const [row, dy] of covered)
        for (const [column, dx] of beside) {
          const from = (row * width + column) * 3;
          const share = (dx * dy) / 255;
          out[at]! += data[from]! * share;
          out[at + 1]! += data[from + 1]! * share;
          out[at + 2]! += data[from + 2]! * share;
        }
    }
  return out;
}

/** For each cell over `pixels` of them: those it covers and the share of the cell that each fills. */
function overlaps(pixels: number, { from: start, length, count }: Stretch): [pixel: number, share: number][][] {
  return Array.from({ length: count }, (_, cell) => {
    const from = start + (cell * length) / count;
    const to = start + ((cell + 1) * length) / count;
    const [first, end] = [Math.max(0, from), Math.min(pixels, to)];
    if (end - first < 1e-9) return [[from < 0 ? 0 : pixels - 1, 1]];
    const covered: [number, number][] = [];
    for (let pixel = Math.floor(first); pixel < Math.ceil(end); pixel++) {
      const share = (Math.min(end, pixel + 1) - Math.max(first, pixel)) / (end - first);
      if (share > 1e-9) covered.push([pixel, share]);
    }
    return covered;
  });
}
