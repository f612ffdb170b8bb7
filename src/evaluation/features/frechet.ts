import { VimiError } from '../../core/errors.js';
import type { Features } from './read-features.js';
import { symmetricEigen } from './symmetric-eigen.js';

/** Mean [d] and covariance [d, d] of a set of features. */
export interface Gaussian {
  d: number;
  mean: Float64Array;
  covariance: Float64Array;
}

/** Of features: at 4,096 a covariance has 128 MiB, and a distance takes some minutes. */
const mostFeatures = 4096;

/**
 * The Gaussian of rows of features; the covariance is divided by n - 1, as numpy.cov does. SHAPE_MISMATCH for one row, and
 * for rows of more than 4,096 features.
 */
export function gaussianOf({ n, d, values }: Features): Gaussian {
  if (d > mostFeatures)
    throw new VimiError('SHAPE_MISMATCH', 'These rows are too long for a covariance', {
      expected: `at most ${mostFeatures} features`,
      found: `${d}`,
    });
  if (n < 2) throw new VimiError('SHAPE_MISMATCH', 'A covariance needs two rows of features', { found: `${n}` });
  const mean = new Float64Array(d);
  for (let i = 0; i < n; i++) for (let k = 0; k < d; k++) mean[k]! += values[i * d + k]! / n;
  const covariance = new Float64Array(d * d);
  const off = new Float64Array(d);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < d; k++) off[k] = values[i * d + k]! - mean[k]!;
    for (let j = 0; j < d; j++) {
      const share = off[j]! / (n - 1);
      for (let k = 0; k <= j; k++) covariance[j * d + k]! += share * off[k]!;
    }
  }
  for (let j = 0; j < d; j++) for (let k = 0; k < j; k++) covariance[k * d + j] = covariance[j * d + k]!;
  return { d, mean, covariance };
}

/**
 * Frechet distance of two Gaussians: |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^1/2). The trace of the root is that of
 * (S1^1/2 S2 S1^1/2)^1/2, which is symmetric: two eigenproblems, no complex numbers, and rank-deficient covariances (fewer
 * rows than features) do no harm: what rounding makes of an eigenvalue of 0 is set to 0. SHAPE_MISMATCH when the features
 * differ in length.
 */
export function frechetDistance(a: Gaussian, b: Gaussian): number {
  const { d } = a;
  if (b.d !== d)
    throw new VimiError('SHAPE_MISMATCH', 'Only features of the same net can be compared', {
      expected: `${d} numbers a row`,
      found: `${b.d}`,
    });
  let distance = 0;
  for (let k = 0; k < d; k++)
    distance += (a.mean[k]! - b.mean[k]!) ** 2 + a.covariance[k * d + k]! + b.covariance[k * d + k]!;
  const root = squareRoot(a.covariance, d);
  const middle = product(product(root, b.covariance, d), root, d);
  for (let j = 0; j < d; j++)
    for (let k = 0; k < j; k++) {
      const both = (middle[j * d + k]! + middle[k * d + j]!) / 2;
      middle[j * d + k] = both;
      middle[k * d + j] = both;
    }
  for (const value of symmetricEigen(middle, d).values) distance -= 2 * Math.sqrt(Math.max(0, value));
  return Math.max(0, distance);
}

/** Of a symmetric matrix without negative eigenvalues: symmetric as well. */
export function squareRoot(a: Float64Array, n: number): Float64Array {
  const { values, vectors } = symmetricEigen(a, n);
  const scaled = vectors.slice();
  for (let k = 0; k < n; k++) {
    const quarter = Math.max(0, values[k]!) ** 0.25;
    for (let i = 0; i < n; i++) scaled[k * n + i]! *= quarter;
  }
  const out = new Float64Array(n * n);
  for (let k = 0; k < n; k++)
    for (let i = 0; i < n; i++) {
      const v = scaled[k * n + i]!;
      if (v !== 0) for (let j = 0; j < n; j++) out[i * n + j]! += v * scaled[k * n + j]!;
    }
  return out;
}

function product(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let k = 0; k < n; k++) {
      const v = a[i * n + k]!;
      if (v !== 0) for (let j = 0; j < n; j++) out[i * n + j]! += v * b[k * n + j]!;
    }
  return out;
}
