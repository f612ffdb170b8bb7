import type { RgbImage } from '../../ports.js';
import { shrink } from './area.js';
import { cosineTransform, zigzag } from './cosine-transform.js';
import { unit } from './text-embedding.js';

export const imageDimensions = 128;
const side = 32;

/**
 * An image as 128 numbers of unit length. It describes looks, not meaning: where which colours lie (48 numbers), which
 * colours there are (40) and which way edges run (40); each part has length 1 before they are joined, so none drowns
 * the others. Images of any size compare; two sizes of one image are nearly the same vector.
 */
export function embedImage(image: RgbImage): number[] {
  const pixels = shrink(image, side);
  return unit([...colourLayout(pixels), ...part(colourHistogram(pixels)), ...part(edgeOrientations(pixels))]);
}

/** 28 + 10 + 10 DCT coefficients of lowest frequency of Y, Cb, Cr; the mean is weighed down so that places count. */
function colourLayout(pixels: Float64Array): number[] {
  const [luma, blue, red] = planes(pixels);
  const take = (plane: Float64Array, n: number) => {
    const table = cosineTransform(plane, side, 8);
    return zigzag(8, n).map((at) => table[at]! * (at === 0 ? 0.25 : 1));
  };
  return part([...take(luma, 28), ...take(blue, 10), ...take(red, 10)]);
}

/** 8 hues x 2 saturations x 2 values, then 8 greys; counts as square roots, so that a small subject is seen. */
function colourHistogram(pixels: Float64Array): number[] {
  const bins = new Array<number>(40).fill(0);
  for (let i = 0; i < pixels.length; i += 3) {
    const [r, g, b] = [pixels[i]!, pixels[i + 1]!, pixels[i + 2]!];
    const value = Math.max(r, g, b);
    const chroma = value - Math.min(r, g, b);
    if (chroma < 0.12) {
      bins[32 + Math.min(7, Math.floor(value * 8))]!++;
      continue;
    }
    const sixth =
      value === r ? ((((g - b) / chroma) % 6) + 6) % 6 : value === g ? (b - r) / chroma + 2 : (r - g) / chroma + 4;
    const hue = Math.floor(((sixth + 0.375) / 6) * 8) % 8;
    bins[hue * 4 + (chroma / value > 0.6 ? 2 : 0) + (value > 0.6 ? 1 : 0)]!++;
  }
  return bins.map(Math.sqrt);
}

/** Gradient strength by direction (10 bins over half a turn) in each quarter of the image. */
function edgeOrientations(pixels: Float64Array): number[] {
  const [luma] = planes(pixels);
  const bins = new Array<number>(40).fill(0);
  for (let y = 1; y < side - 1; y++)
    for (let x = 1; x < side - 1; x++) {
      const dx = luma[y * side + x + 1]! - luma[y * side + x - 1]!;
      const dy = luma[(y + 1) * side + x]! - luma[(y - 1) * side + x]!;
      const turn = (Math.atan2(dy, dx) / Math.PI + 1) % 1;
      const quarter = (y >= side / 2 ? 2 : 0) + (x >= side / 2 ? 1 : 0);
      bins[quarter * 10 + Math.min(9, Math.floor(turn * 10))]! += Math.hypot(dx, dy);
    }
  return bins.map(Math.sqrt);
}

/** Y, Cb, Cr (BT.601, full range) centred on zero. */
function planes(pixels: Float64Array): [Float64Array, Float64Array, Float64Array] {
  const n = pixels.length / 3;
  const [luma, blue, red] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  for (let i = 0; i < n; i++) {
    const [r, g, b] = [pixels[3 * i]!, pixels[3 * i + 1]!, pixels[3 * i + 2]!];
    const y = 0.299 * r + 0.587 * g + 0.114 * b;
    luma[i] = y - 0.5;
    blue[i] = (b - y) / 1.772;
    red[i] = (r - y) / 1.402;
  }
  return [luma, blue, red];
}

/** Length 1, or all zero when there is nothing. */
function part(vector: number[]): number[] {
  const length = Math.hypot(...vector);
  return length < 1e-9 ? vector.map(() => 0) : vector.map((v) => v / length);
}
