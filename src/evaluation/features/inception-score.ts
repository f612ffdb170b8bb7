import { VimiError } from '../../core/errors.js';
import type { Features } from './read-features.js';

/**
 * Inception score of rows of class probabilities (or of logits, which are turned into them): exp of the mean
 * Kullback-Leibler divergence of a row from the mean row, in each of `splits` equal parts of consecutive rows. From 1 to
 * the number of classes. Rows beyond the last whole part are left out.
 */
export function inceptionScore(
  { n, d, values }: Features,
  { splits = 10, logits = false }: { splits?: number; logits?: boolean } = {},
): { mean: number; deviation: number } {
  const size = Math.floor(n / splits);
  if (size < 1)
    throw new VimiError('SHAPE_MISMATCH', 'There are fewer rows than splits', {
      expected: `at least ${splits}`,
      found: `${n}`,
    });
  const p = logits ? softmax(values, n, d) : values;
  const wrong = logits ? null : noDistribution({ n, d, values });
  if (wrong)
    throw new VimiError('SHAPE_MISMATCH', 'A row is not a distribution over classes', {
      expected: 'numbers of at least 0 with the sum 1, or --logits',
      found: `sum ${wrong.sum}`,
      where: `row ${wrong.row}`,
    });
  const scores = Array.from({ length: splits }, (_, s) => {
    const mean = new Float64Array(d);
    for (let i = s * size; i < (s + 1) * size; i++) for (let k = 0; k < d; k++) mean[k]! += p[i * d + k]! / size;
    let divergence = 0;
    for (let i = s * size; i < (s + 1) * size; i++)
      for (let k = 0; k < d; k++) {
        const v = p[i * d + k]!;
        if (v > 0) divergence += (v * Math.log(v / mean[k]!)) / size;
      }
    return Math.exp(divergence);
  });
  const mean = scores.reduce((sum, score) => sum + score, 0) / splits;
  const deviation = Math.sqrt(scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / splits);
  return { mean, deviation };
}

/** The first row that is no distribution over classes, and its sum: NaN with a negative number in it. null: all are. */
export function noDistribution({ n, d, values }: Features): { row: number; sum: number } | null {
  for (let row = 0; row < n; row++) {
    let sum = 0;
    for (let k = 0; k < d; k++) sum += values[row * d + k]! < 0 ? Number.NaN : values[row * d + k]!;
    if (!(Math.abs(sum - 1) < 1e-3)) return { row, sum };
  }
  return null;
}

function softmax(values: Float64Array, n: number, d: number): Float64Array {
  const out = new Float64Array(n * d);
  for (let i = 0; i < n; i++) {
    let most = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < d; k++) most = Math.max(most, values[i * d + k]!);
    let sum = 0;
    for (let k = 0; k < d; k++) {
      out[i * d + k] = Math.exp(values[i * d + k]! - most);
      sum += out[i * d + k]!;
    }
    for (let k = 0; k < d; k++) out[i * d + k]! /= sum;
  }
  return out;
}
