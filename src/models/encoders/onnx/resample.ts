import type { RgbImage } from '../../ports.js';

/** Filters by their numbers in preprocessor_config.json, which are Pillow's: a kernel and how far it reaches. */
const filters: Record<number, { reach: number; weight(x: number): number }> = {
  // Lanczos: sinc times a wider sinc.
  1: { reach: 3, weight: (x) => (x < 3 ? sinc(x) * sinc(x / 3) : 0) },
  // Bilinear: a triangle.
  2: { reach: 1, weight: (x) => Math.max(0, 1 - x) },
  // Bicubic with a = -0.5 (Keys, 1981).
  3: {
    reach: 2,
    weight: (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0),
  },
  // Box.
  4: { reach: 0.5, weight: (x) => (x <= 0.5 ? 1 : 0) },
};
/** Nearest neighbour, which has no kernel. */
const nearest = 0;

export const resamplings: readonly number[] = [nearest, ...Object.keys(filters).map(Number)];

/** Weights are whole numbers with so many bits behind the point, as Pillow rounds them. */
const bits = 22;

/**
 * An image of another size, rounded as Pillow rounds: first the columns, then the rows, each rounded to bytes.
 * Encoders were trained on images that went through it, and a kernel without its antialiasing gives other vectors.
 */
export function resample(image: RgbImage, width: number, height: number, filter: number): RgbImage {
  if (filter === nearest) return pickNearest(image, width, height);
  return rows(columns(image, width, filter), height, filter);
}

function columns({ width: from, height, data }: RgbImage, width: number, filter: number): RgbImage {
  if (from === width) return { width, height, data };
  const taps = tapsOf(from, width, filter);
  const result = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const { first, weights } = taps[x]!;
      for (let c = 0; c < 3; c++) {
        let sum = 1 << (bits - 1);
        for (let i = 0; i < weights.length; i++) sum += data[(y * from + first + i) * 3 + c]! * weights[i]!;
        result[(y * width + x) * 3 + c] = byte(sum);
      }
    }
  return { width, height, data: result };
}

function rows({ width, height: from, data }: RgbImage, height: number, filter: number): RgbImage {
  if (from === height) return { width, height, data };
  const taps = tapsOf(from, height, filter);
  const result = new Uint8Array(width * height * 3);
  const stride = width * 3;
  for (let y = 0; y < height; y++) {
    const { first, weights } = taps[y]!;
    for (let x = 0; x < stride; x++) {
      let sum = 1 << (bits - 1);
      for (let i = 0; i < weights.length; i++) sum += data[(first + i) * stride + x]! * weights[i]!;
      result[y * stride + x] = byte(sum);
    }
  }
  return { width, height, data: result };
}

const byte = (sum: number) => Math.min(255, Math.max(0, Math.floor(sum / 2 ** bits)));

/** What each new pixel is made of: the first of the old ones, and their weights. */
function tapsOf(from: number, to: number, filter: number): { first: number; weights: number[] }[] {
  const { reach, weight } = filters[filter]!;
  const scale = from / to;
  // When it gets smaller the kernel is wider, so that no old pixel is passed over.
  const wide = Math.max(scale, 1);
  return Array.from({ length: to }, (_, n) => {
    const centre = (n + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - reach * wide + 0.5));
    const end = Math.min(from, Math.floor(centre + reach * wide + 0.5));
    const weights = Array.from({ length: end - first }, (_, i) => weight(Math.abs((first + i - centre + 0.5) / wide)));
    const sum = weights.reduce((total, one) => total + one, 0);
    return { first, weights: weights.map((one) => fixed(one / sum)) };
  });
}

/** Rounded away from zero at the half. */
const fixed = (value: number) => Math.trunc(value * 2 ** bits + (value < 0 ? -0.5 : 0.5));

function pickNearest({ width: from, height: high, data }: RgbImage, width: number, height: number): RgbImage {
  const result = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const at = Math.floor(((y + 0.5) * high) / height) * from + Math.floor(((x + 0.5) * from) / width);
      result.set(data.subarray(at * 3, at * 3 + 3), (y * width + x) * 3);
    }
  return { width, height, data: result };
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
