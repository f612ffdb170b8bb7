import { expect, test } from 'vitest';
import { measured, measuredDifference, measuredRatio } from '../../../src/evaluation/metrics/interval.js';
import { Random } from '../../../src/models/numerics/random.js';

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

test('a difference of pairs knows less doubt than that of their means', () => {
  // Each pair differs by exactly one of twenty; between the pairs lies far more.
  const b = Array.from({ length: 20 }, (_, i) => i);
  const a = b.map((value, i) => value + (i === 3 ? 1 : 0));
  const { mean, low, high, n } = measuredDifference(a, b);
  expect(mean).toBeCloseTo(0.05, 12);
  expect(n).toBe(20);
  expect(low).toBe(0);
  expect(high).toBeLessThan(0.2);
});

test('differences that are all alike have the exact bound, on the sides where others could lie', () => {
  const others = 1 - 0.025 ** (1 / 4);
  expect(measuredDifference([1, 0, 1, 0], [1, 0, 1, 0])).toEqual({ mean: 0, low: -others, high: others, n: 4 });
  expect(measuredDifference([1, 1, 1, 1], [0, 0, 0, 0])).toEqual({ mean: 1, low: 1 - 2 * others, high: 1, n: 4 });
  expect(measuredDifference([0, 0, 0, 0], [1, 1, 1, 1])).toEqual({ mean: -1, low: -1, high: 2 * others - 1, n: 4 });
});

test('pairs of which one could not be measured are left out', () => {
  expect(measuredDifference([1, Number.NaN, 1], [0, 0, Number.NaN])).toMatchObject({ mean: 1, n: 1 });
  expect(measuredDifference([], []).n).toBe(0);
});
