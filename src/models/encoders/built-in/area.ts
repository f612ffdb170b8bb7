import { VimiError } from '../../../core/errors.js';
import type { RgbImage } from '../../ports.js';

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
  // Plain loops over numbers: with iterators and tuples, this made a third of the garbage of a run over films.
  for (let y = 0, at = 0; y < down.count; y++) {
    const above = rows[y]!;
    for (let x = 0; x < across.count; x++, at += 3) {
      const beside = columns[x]!;
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let n = 0; n < above.shares.length; n++) {
        const dy = above.shares[n]!;
        let from = ((above.first + n) * width + beside.first) * 3;
        for (let i = 0; i < beside.shares.length; i++, from += 3) {
          const share = (beside.shares[i]! * dy) / 255;
          red += data[from]! * share;
          green += data[from + 1]! * share;
          blue += data[from + 2]! * share;
        }
      }
      out[at] = red;
      out[at + 1] = green;
      out[at + 2] = blue;
    }
  }
  return out;
}

/** What a cell covers: so many pixels from the first one on, and the share of the cell that each fills. */
interface Covered {
  first: number;
  shares: number[];
}

/** For each cell over `pixels` of them. */
function overlaps(pixels: number, { from: start, length, count }: Stretch): Covered[] {
  return Array.from({ length: count }, (_, cell) => {
    const from = start + (cell * length) / count;
    const to = start + ((cell + 1) * length) / count;
    const [first, end] = [Math.max(0, from), Math.min(pixels, to)];
    if (end - first < 1e-9) return { first: from < 0 ? 0 : pixels - 1, shares: [1] };
    const covered: Covered = { first: Math.floor(first), shares: [] };
    for (let pixel = Math.floor(first); pixel < Math.ceil(end); pixel++) {
      const share = (Math.min(end, pixel + 1) - Math.max(first, pixel)) / (end - first);
      if (share > 1e-9) covered.shares.push(share);
      else if (covered.shares.length === 0) covered.first = pixel + 1;
    }
    return covered;
  });
}
