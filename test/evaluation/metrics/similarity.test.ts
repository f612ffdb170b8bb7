import { expect, test } from 'vitest';
import { mse, ssim } from '../../../src/evaluation/metrics/similarity.js';

const [width, height, channels] = [20, 16, 3];
const raster = (value: (x: number, y: number, c: number) => number) => ({
  ...{ width, height, channels },
  data: Float64Array.from({ length: width * height * channels }, (_, i) => {
    const pixel = Math.floor(i / channels);
    return value(pixel % width, Math.floor(pixel / width), i % channels);
  }),
});
const p = raster((x, y, c) => 128 + 60 * Math.sin(x / 3 + c) + 40 * Math.cos(y / 2 - c));
const q = raster((x, y, c) => 120 + 50 * Math.sin(x / 3 + c + 0.4) + 45 * Math.cos(y / 2.2 - c));

test('mean squared error', () => {
  expect(mse([1, 2, 3], [1, 4, 0])).toBeCloseTo(13 / 3, 12);
  expect(() => mse([1], [1, 2])).toThrow('of the same size');
});

test('SSIM is 1 for equal images, and that of scikit-image 0.26 for these two', () => {
  expect(ssim(p, p)).toBeCloseTo(1, 12);
  // structural_similarity(p, q, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=-1)
  expect(ssim(p, q)).toBeCloseTo(0.885258330693159, 10);
});

test('SSIM of two plain images is their luminance term', () => {
  const [a, b] = [raster(() => 100), raster(() => 150)];
  const C1 = (0.01 * 255) ** 2;
  expect(ssim(a, b)).toBeCloseTo((2 * 100 * 150 + C1) / (100 ** 2 + 150 ** 2 + C1), 8);
});
