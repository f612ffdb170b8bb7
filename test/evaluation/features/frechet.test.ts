import { describe, expect, test } from 'vitest';
import { frechetDistance, gaussianOf, squareRoot } from '../../../src/evaluation/features/frechet.js';
import { symmetricEigen } from '../../../src/evaluation/features/symmetric-eigen.js';
import { Random } from '../../../src/models/numerics/random.js';
import { rows } from './pattern.js';

const diagonal = (mean: number[], variance: number[]) => ({
  d: mean.length,
  mean: Float64Array.from(mean),
  covariance: Float64Array.from({ length: mean.length ** 2 }, (_, i) =>
    Math.floor(i / mean.length) === i % mean.length ? variance[i % mean.length]! : 0,
  ),
});

describe('eigen decomposition', () => {
  test('that of scipy.linalg.eigvalsh 1.17 for a full matrix', () => {
    const { values } = rows(8, 8, 0.2);
    const a = Float64Array.from({ length: 64 }, (_, i) => values[i]! + values[(i % 8) * 8 + Math.floor(i / 8)]!);
    const scipy = [
      -3.423647158608743, -2.709597247329159, -2.3947529114775867, -1.2176439388973634, 0.07043940753594718,
      2.298292088956115, 4.5489644609102635, 5.130196830660867,
    ];
    for (const [k, value] of symmetricEigen(a, 8).values.sort().entries()) expect(value).toBeCloseTo(scipy[k]!, 10);
  });

  test('vectors are orthonormal and make the matrix again, with equal values and zeros too', () => {
    const n = 12;
    const random = new Random(3);
    const full = random.normals(n * n);
    const cases = [
      Float64Array.from({ length: n * n }, (_, i) => full[i]! + full[(i % n) * n + Math.floor(i / n)]!),
      Float64Array.from({ length: n * n }, () => 1), // of rank 1
      diagonal(Array(n).fill(0), Array(n).fill(2)).covariance,
      new Float64Array(n * n),
    ];
    for (const a of cases) {
      const { values, vectors } = symmetricEigen(a, n);
      for (let i = 0; i < n; i++)
        for (let j = 0; j < n; j++) {
          let [made, dot] = [0, 0];
          for (let k = 0; k < n; k++) {
            made += values[k]! * vectors[k * n + i]! * vectors[k * n + j]!;
            dot += vectors[i * n + k]! * vectors[j * n + k]!;
          }
          expect(made).toBeCloseTo(a[i * n + j]!, 9);
          expect(dot).toBeCloseTo(i === j ? 1 : 0, 9);
        }
    }
  });

  test('what is not finite is an error, and ends', () => {
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const a = diagonal([0, 0, 0, 0], [1, 2, 3, 4]).covariance;
      for (const [i, j] of [
        [0, 2],
        [2, 0],
        [3, 3],
      ] as const)
        a[i * 4 + j] = wrong;
      expect(() => symmetricEigen(a, 4)).toThrow('no eigenvalues');
    }
  });

  test('a square root, squared, is the matrix', () => {
    const { covariance, d } = gaussianOf(rows(40, 6, 0.3));
    const root = squareRoot(covariance, d);
    for (let i = 0; i < d; i++)
      for (let j = 0; j < d; j++) {
        let sum = 0;
        for (let k = 0; k < d; k++) sum += root[i * d + k]! * root[k * d + j]!;
        expect(sum).toBeCloseTo(covariance[i * d + j]!, 10);
      }
  });
});

describe('Frechet distance', () => {
  test('closed forms: shifted and scaled Gaussians', () => {
    // One dimension: (m1 - m2)^2 + (s1 - s2)^2.
    expect(frechetDistance(diagonal([1], [4]), diagonal([4], [25]))).toBeCloseTo(9 + 9, 10);
    expect(frechetDistance(diagonal([0, 1, 2], [1, 4, 9]), diagonal([0, 3, 2], [4, 4, 0]))).toBeCloseTo(4 + 1 + 9, 10);
  });

  test('a rotated Gaussian against the unrotated one', () => {
    // diag(9, 1) turned by 90 degrees is diag(1, 9): commuting, so (3 - 1)^2 twice. By 45 degrees: S = [[5, 4], [4, 5]].
    const turned = { d: 2, mean: new Float64Array(2), covariance: Float64Array.from([5, 4, 4, 5]) };
    const upright = diagonal([0, 0], [9, 1]);
    // tr (S1 S2)^1/2 of 2 x 2: sqrt(tr(S1 S2) + 2 sqrt(det S1 det S2)) = sqrt(50 + 2 * 9).
    expect(frechetDistance(turned, upright)).toBeCloseTo(20 - 2 * Math.sqrt(68), 10);
    expect(frechetDistance(turned, turned)).toBeCloseTo(0, 10);
  });

  test('that of numpy 2.4 and scipy.linalg.sqrtm 1.17', () => {
    const [a, b] = [gaussianOf(rows(40, 6, 0.3)), gaussianOf(rows(50, 6, 1.1))];
    expect(frechetDistance(a, b)).toBeCloseTo(0.3317811018816811, 9);
    expect(frechetDistance(b, a)).toBeCloseTo(0.3317811018816811, 9);
  });

  test('fewer rows than features: still scipy’s number (by eigh)', () => {
    const [a, b] = [gaussianOf(rows(5, 6, 0.3)), gaussianOf(rows(4, 6, 1.1))];
    expect(frechetDistance(a, b)).toBeCloseTo(3.3013767596433983, 7);
  });

  test('features as large as float32 holds them still have a distance', () => {
    const large = { n: 4, d: 3, values: Float64Array.from([3e38, 2, 3, -3e38, 5, 6, 7, 3e38, 9, 1, 2, 3]) };
    const distance = frechetDistance(gaussianOf(large), gaussianOf(rows(5, 3, 0.3)));
    expect(distance).toBeGreaterThan(1e76);
    expect(distance).toBeLessThan(1e78);
  });

  test('one row, and rows too long for a covariance, are refused', () => {
    expect(() => gaussianOf(rows(1, 3, 0.3))).toThrow('two rows');
    expect(() => gaussianOf({ n: 2, d: 4097, values: new Float64Array(2 * 4097) })).toThrow('too long');
  });

  test('features of two nets cannot be compared', () => {
    expect(() => frechetDistance(diagonal([0], [1]), diagonal([0, 0], [1, 1]))).toThrow('the same net');
  });
});
