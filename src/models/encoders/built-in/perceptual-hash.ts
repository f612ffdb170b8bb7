import type { RgbImage } from '../../ports.js';
import { shrink } from './area.js';
import { cosineTransform } from './cosine-transform.js';

/**
 * 64 bits that survive scaling and recompression, as 16 hex digits: bit i says whether DCT coefficient i of the 8 x 8
 * lowest frequencies of the 32 x 32 grey image is above the median of them. The mean (bit 0) is always 0: brightness
 * says nothing about likeness. Of an image that is flat but for noise all bits are 0: it is like no other.
 */
export function perceptualHash(image: RgbImage): string {
  const pixels = shrink(image, 32);
  const grey = new Float64Array(32 * 32);
  for (let i = 0; i < grey.length; i++)
    grey[i] = 0.299 * pixels[3 * i]! + 0.587 * pixels[3 * i + 1]! + 0.114 * pixels[3 * i + 2]!;
  if (isFlat(grey)) return flatHash;
  // Rounding keeps the noise of the last bits of a flat image from deciding a bit.
  const table = cosineTransform(grey, 32, 8).map((c) => Math.round(c * 1e6));
  const sorted = [...table.slice(1)].sort((a, b) => a - b);
  const median = sorted[31]!;
  let hex = '';
  for (let digit = 0; digit < 16; digit++) {
    let four = 0;
    for (let bit = 0; bit < 4; bit++) {
      const i = digit * 4 + bit;
      four = four * 2 + (i > 0 && table[i]! > median ? 1 : 0);
    }
    hex += four.toString(16);
  }
  return hex;
}

/** The hash of a flat image, which says nothing of it. */
export const flatHash = '0'.repeat(16);

/** Less than a level of 255 of contrast is noise: its bits would be, too. */
function isFlat(grey: Float64Array): boolean {
  const mean = grey.reduce((sum, value) => sum + value, 0) / grey.length;
  const squares = grey.reduce((sum, value) => sum + (value - mean) ** 2, 0) / grey.length;
  return Math.sqrt(squares) < 1 / 255;
}

/** How many of the bits of two hashes differ, 0 to 64; unrelated images differ in about 32. */
export function hammingDistance(a: string, b: string): number {
  let bits = BigInt(`0x${a}`) ^ BigInt(`0x${b}`);
  let count = 0;
  for (; bits > 0n; bits &= bits - 1n) count++;
  return count;
}
