import { expect, test } from 'vitest';
import { measured, measuredRatio } from '../../../src/evaluation/metrics/interval.js';
import { Random } from '../../../src/models/diffusion/random.js';

test('the bootstrap interval of many values is mean and 1.96 standard errors', () => {
  const values = [...new Random(5).normals(400)].map((v) => 3 + 2 * v);
  const mean = values.reduce((sum, v) => sum + v, 0) / 400;
  const error = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 400 / 400);
  const { low, high, mean: found, n } = measured(values);
  expect(n).toBe(400);
  expect(found).toBeCloseTo(mean, 12);
  expect((mean - low) / error).toBeGreaterThan(1.75);
  expect((mean - low) / error).toBeLessThan(2.2);
  expect((high - mean) / error).toBeGreaterThan(1.75);
  expect((high - mean) / error).toBeLessThan(2.2);
  expect(measured(values)).toEqual(measured(values));
  expect(measured(values, 2).low).not.toBe(low);
});

test('shares of 0 and of 1 have the exact bound', () => {
  // 0.025^(1/20): twenty hits in a row have this chance of one in forty.
  expect(measured(Array(20).fill(1))).toEqual({ mean: 1, low: 0.025 ** 0.05, high: 1, n: 20 });
  expect(measured(Array(20).fill(0)).high).toBeCloseTo(1 - 0.025 ** 0.05, 12);
});

test('what could not be measured is left out', () => {
  expect(measured([1, Number.NaN, 3]).mean).toBe(2);
  expect(measured([Number.NaN]).n).toBe(0);
});

test('a ratio is that of the sums, and pairs stay together', () => {
  const below = [1, 2, 3, 4];
  expect(measuredRatio([2, 4, 6, 8], below)).toEqual({ mean: 2, low: 2, high: 2, n: 4 });
  expect(measuredRatio([1, 0, 0, 0], below).mean).toBeCloseTo(0.1, 12);
});
