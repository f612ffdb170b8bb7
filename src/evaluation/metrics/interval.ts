import { Random } from '../../models/numerics/random.js';

/** A mean with the interval that holds the true one in 95 % of such measurements. */
export interface Measured {
  mean: number;
  low: number;
  high: number;
  n: number;
}

const resampleCount = 2000;

/**
 * By bootstrap: percentiles 2.5 and 97.5 of the means of 2,000 resamples, the same for the same seed. Where every value is
 * 0 or every value is 1, resampling knows no doubt: there the exact bound of a share is given, 1 - 0.025^(1/n). NaN values
 * (nothing to measure) are left out; without any value all is NaN.
 */
export function measured(values: readonly number[], seed = 1): Measured {
  const valid = values.filter((value) => !Number.isNaN(value));
  const n = valid.length;
  if (n === 0) return { mean: Number.NaN, low: Number.NaN, high: Number.NaN, n };
  const mean = valid.reduce((sum, value) => sum + value, 0) / n;
  const bound = 0.025 ** (1 / n);
  if (valid.every((value) => value === 0)) return { mean, low: 0, high: 1 - bound, n };
  if (valid.every((value) => value === 1)) return { mean, low: bound, high: 1, n };
  const drawn = resamples(n, seed);
  const means = Float64Array.from({ length: resampleCount }, (_, r) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += valid[drawn[r * n + i]!]!;
    return sum / n;
  }).sort();
  return {
    mean,
    low: means[Math.floor(0.025 * resampleCount)]!,
    high: means[Math.ceil(0.975 * resampleCount) - 1]!,
    n,
  };
}

let last = { n: -1, seed: -1, drawn: new Uint32Array(0) };

/** resampleCount times n places out of n. The last ones are kept: the cells of a table mostly have the same n. */
function resamples(n: number, seed: number): Uint32Array {
  if (last.n !== n || last.seed !== seed) {
    const random = new Random(seed);
    last = { n, seed, drawn: Uint32Array.from({ length: resampleCount * n }, () => random.below(n)) };
  }
  return last.drawn;
}

/** The ratio of two means over the same things, by the same bootstrap of pairs. */
export function measuredRatio(above: readonly number[], below: readonly number[], seed = 1): Measured {
  const n = above.length;
  const ratio = (places: ArrayLike<number>) => {
    let [a, b] = [0, 0];
    for (let i = 0; i < n; i++) {
      a += above[places[i]!]!;
      b += below[places[i]!]!;
    }
    return a / b;
  };
  if (n === 0) return { mean: Number.NaN, low: Number.NaN, high: Number.NaN, n };
  const drawn = resamples(n, seed);
  const ratios = Float64Array.from({ length: resampleCount }, (_, r) =>
    ratio(drawn.subarray(r * n, (r + 1) * n)),
  ).sort();
  return {
    mean: ratio(Uint32Array.from({ length: n }, (_, i) => i)),
    ...{ low: ratios[Math.floor(0.025 * resampleCount)]!, high: ratios[Math.ceil(0.975 * resampleCount) - 1]!, n },
  };
}

/**
 * The mean of the differences a - b over the same things, by the same bootstrap of pairs; pairs of which one could not be
 * measured are left out. For shares (0 or 1 each). Where all differences are alike resampling knows no doubt: there the
 * exact bound for the share of pairs that are not is given, on the sides that they could lie on.
 */
export function measuredDifference(a: readonly number[], b: readonly number[], seed = 1): Measured {
  const differences = a.map((value, i) => value - b[i]!).filter((value) => !Number.isNaN(value));
  const [n, first] = [differences.length, differences[0]];
  if (first === undefined || differences.some((value) => value !== first)) return measured(differences, seed);
  const others = 1 - 0.025 ** (1 / n);
  const off = Math.abs(first) < 1 ? others : 2 * others;
  return { mean: first, low: Math.max(-1, first - off), high: Math.min(1, first + off), n };
}

/**
 * Pearson's correlation of pairs, by the same bootstrap; pairs of which one could not be measured are left out. NaN where one side is
 * all alike.
 */
export function measuredCorrelation(a: readonly number[], b: readonly number[], seed = 1): Measured {
  const pairs = a.map((x, i) => [x, b[i]!] as const).filter(([x, y]) => !Number.isNaN(x + y));
  const n = pairs.length;
  const whole = correlationOf(pairs);
  if (Number.isNaN(whole)) return { mean: Number.NaN, low: Number.NaN, high: Number.NaN, n: 0 };
  const drawn = resamples(n, seed);
  const all = Float64Array.from({ length: resampleCount }, (_, r) =>
    correlationOf(pairs.map((_, i) => pairs[drawn[r * n + i]!]!)),
  )
    // A resample of one pair alone has none.
    .map((r) => (Number.isNaN(r) ? whole : r))
    .sort();
  return {
    mean: whole,
    ...{ low: all[Math.floor(0.025 * resampleCount)]!, high: all[Math.ceil(0.975 * resampleCount) - 1]!, n },
  };
}

/** By Fisher's transformation: unrelated numbers, n of each, correlate less than this in 95 % of cases. */
export const chanceOfCorrelation = (n: number): number => (n > 3 ? Math.tanh(1.96 / Math.sqrt(n - 3)) : 1);

function correlationOf(pairs: readonly (readonly [number, number])[]): number {
  const n = pairs.length;
  const [mx, my] = [0, 1].map((k) => pairs.reduce((sum, pair) => sum + pair[k as 0 | 1], 0) / n) as [number, number];
  let [xy, xx, yy] = [0, 0, 0];
  for (const [x, y] of pairs) {
    xy += (x - mx) * (y - my);
    xx += (x - mx) ** 2;
    yy += (y - my) ** 2;
  }
  return xx * yy < 1e-24 ? Number.NaN : xy / Math.sqrt(xx * yy);
}
