import { VimiError } from '../../core/errors.js';

/** Rows of interleaved channels, 0 to 255. */
export interface Raster {
  width: number;
  height: number;
  channels: number;
  data: ArrayLike<number>;
}

/** Mean squared error of pixels, 0 to 255 each. */
export function mse(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length || a.length === 0)
    throw new VimiError('SHAPE_MISMATCH', 'Only images of the same size can be compared', {
      expected: `${a.length} numbers`,
      found: `${b.length}`,
    });
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum / a.length;
}

/** Wang et al. 2004: a Gaussian window of 11 x 11, sigma 1.5; C1 = (.01 * 255)^2, C2 = (.03 * 255)^2. */
const radius = 5;
const window = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * 1.5 ** 2)));
const total = window.reduce((sum, v) => sum + v, 0);
const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;

/** Structural similarity, -1 to 1: the mean over channels and all places where the whole window fits. */
export function ssim(a: Raster, b: Raster): number {
  const { width, height, channels } = a;
  const size = width * height * channels;
  const side = 2 * radius + 1;
  if (
    b.width !== width ||
    b.height !== height ||
    b.channels !== channels ||
    a.data.length !== size ||
    width < side ||
    height < side
  )
    throw new VimiError('SHAPE_MISMATCH', 'SSIM needs two images of the same size', {
      expected: `at least ${side} x ${side}`,
      found: `[${height}, ${width}, ${channels}] and [${b.height}, ${b.width}, ${b.channels}]`,
    });
  let sum = 0;
  for (let c = 0; c < channels; c++) {
    const plane = ({ data }: Raster) =>
      Float64Array.from({ length: width * height }, (_, i) => data[i * channels + c]!);
    const [x, y] = [plane(a), plane(b)];
    const mean = (values: Float64Array) => blur(values, width, height);
    const product = (p: Float64Array, q: Float64Array) => p.map((v, i) => v * q[i]!);
    const [mx, my, xx, yy, xy] = [mean(x), mean(y), mean(product(x, x)), mean(product(y, y)), mean(product(x, y))];
    let channel = 0;
    for (let i = 0; i < mx.length; i++) {
      const [m, n] = [mx[i]!, my[i]!];
      const [vx, vy, cov] = [xx[i]! - m * m, yy[i]! - n * n, xy[i]! - m * n];
      channel += ((2 * m * n + C1) * (2 * cov + C2)) / ((m * m + n * n + C1) * (vx + vy + C2));
    }
    sum += channel / mx.length;
  }
  return sum / channels;
}

/** Where the whole window fits: [height - 10, width - 10]. */
function blur(values: Float64Array, width: number, height: number): Float64Array {
  const [w, h] = [width - 2 * radius, height - 2 * radius];
  const across = new Float64Array(w * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < w; x++) {
      let sum = 0;
      for (let k = 0; k < window.length; k++) sum += window[k]! * values[y * width + x + k]!;
      across[y * w + x] = sum / total;
    }
  const out = new Float64Array(w * h);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      let sum = 0;
      for (let k = 0; k < window.length; k++) sum += window[k]! * across[(y + k) * w + x]!;
      out[y * w + x] = sum / total;
    }
  return out;
}
