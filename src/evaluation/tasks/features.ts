import { VimiError } from '../../core/errors.js';
import { Random } from '../../models/numerics/random.js';
import { clipSimilarity } from '../features/clip-similarity.js';
import { frechetDistance, gaussianOf } from '../features/frechet.js';
import { inceptionScore } from '../features/inception-score.js';
import type { Features } from '../features/read-features.js';
import { measured } from '../metrics/interval.js';
import type { Cell, Report } from '../report.js';

/*
 * Scores on features of nets that the user brings. A distance is called by the net that it was measured with: FVD is I3D's
 * name alone, on its 400 Kinetics logits.
 */

/** Random halvings that the floor is the mean of. */
const halvingCount = 5;

export interface NamedFeatures {
  /** The net, as the user calls it. */
  net: string;
  seed: number;
}

/** The name that a Frechet distance may carry. */
export function distanceName(net: string, d: number): string {
  return /^i3d\b/i.test(net) && d === 400 ? `FVD (${net})` : `Frechet distance on ${net}`;
}

/**
 * Generated against real features; beside it the floor, real against real: random halves of the real set, and the
 * generated set against the same halves at the same N, because the distance shrinks with N by itself.
 */
export function evaluateDistance(real: Features, generated: Features, { net, seed }: NamedFeatures): Report {
  const name = distanceName(net, real.d);
  const random = new Random(seed, 0xf2ed);
  const whole = frechetDistance(gaussianOf(real), gaussianOf(generated));
  const half = Math.min(real.n >> 1, generated.n);
  const [floor, same]: [number[], number[]] = [[], []];
  for (let i = 0; i < halvingCount && half >= 2; i++) {
    const order = shuffledRows(real.n, random);
    const one = gaussianOf(rowsOf(real, order.slice(0, half)));
    const other = gaussianOf(rowsOf(real, order.slice(half, 2 * half)));
    floor.push(frechetDistance(one, other));
    const some = rowsOf(generated, shuffledRows(generated.n, random).slice(0, half));
    same.push(frechetDistance(one, gaussianOf(some)));
  }
  const few = Math.min(real.n, generated.n);
  const notes = [
    `Features of ${net}, ${real.d} numbers a row. ${halvingCount} random halvings for the floor.`,
    ...(few <= real.d
      ? [
          `Only ${few} rows for ${real.d} features: the covariances are rank-deficient and the distance says little. Thousands are usual.`,
        ]
      : []),
    ...(name.startsWith('FVD') ? [] : ['Not FVD: that is measured on the 400 logits of I3D alone.']),
  ];
  const mean = (values: number[]) => measured(values, seed);
  return {
    title: name,
    notes,
    tables: [
      {
        title: 'Distances (0: alike)',
        columns: ['what', 'N of each', 'distance'],
        rows: [
          ['generated against real', `${generated.n} and ${real.n}`, { value: point(whole), digits: 3 }],
          ['generated against half of real', half, { value: mean(same), digits: 3 }],
          ['real against real: the floor', half, { value: mean(floor), digits: 3 }],
        ],
      },
    ],
    records: [{ net, distance: whole, floor, same, half, real: real.n, generated: generated.n, d: real.d }],
    sheets: [],
  };
}

/** Inception score of class probabilities or logits; that of the real set beside it, where there is one. */
export function evaluateInception(
  generated: Features,
  real: Features | null,
  { net, splits, logits }: NamedFeatures & { splits: number; logits: boolean },
): Report {
  const score = inceptionScore(generated, { splits, logits });
  const ceiling = real && inceptionScore(real, { splits, logits });
  const row = (what: string, { n }: Features, { mean, deviation }: { mean: number; deviation: number }): Cell[] => [
    ...[what, n, splits, mean.toFixed(3), deviation.toFixed(3)],
  ];
  return {
    title: `Inception score on ${net}`,
    notes: [`Between 1 and ${generated.d}, the number of classes. It grows with the rows of a split: compare equal N.`],
    tables: [
      {
        title: 'Scores',
        columns: ['what', 'N', 'splits', 'score', 'standard deviation over splits'],
        rows: [row('generated', generated, score), ...(real && ceiling ? [row('real', real, ceiling)] : [])],
      },
    ],
    records: [{ net, splits, ...score, real: ceiling }],
    sheets: [],
  };
}

/** Similarity of videos and their texts; the floor is that of videos with the text after theirs. */
export function evaluateSimilarity(
  images: Features,
  texts: Features,
  real: Features | null,
  { net, seed }: NamedFeatures,
): Report {
  if (texts.n < 2) throw new VimiError('SHAPE_MISMATCH', 'A floor needs two texts', { found: `${texts.n}` });
  const next = rowsOf(
    texts,
    Array.from({ length: texts.n }, (_, i) => (i + 1) % texts.n),
  );
  const rows: [string, number[]][] = [
    ['generated, its own text', clipSimilarity(images, texts)],
    ['generated, another text: the floor', clipSimilarity(images, next)],
    ...(real ? [['real, its own text', clipSimilarity(real, texts)] as [string, number[]]] : []),
  ];
  return {
    title: `Text similarity on ${net}`,
    notes: ['Mean cosine of frames and text, -1 to 1.'],
    tables: [
      {
        title: 'Similarities',
        columns: ['what', 'N', 'cosine'],
        rows: rows.map(([what, values]): Cell[] => [
          ...[what, values.length],
          { value: measured(values, seed), digits: 4 },
        ]),
      },
    ],
    records: rows.map(([what, similarities]) => ({ what, similarities })),
    sheets: [],
  };
}

/** One measurement, about which resampling knows nothing. */
const point = (value: number) => ({ mean: value, low: Number.NaN, high: Number.NaN, n: 1 });

function shuffledRows(n: number, random: Random): number[] {
  const out = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

function rowsOf({ d, values }: Features, rows: readonly number[]): Features {
  const out = new Float64Array(rows.length * d);
  for (const [to, from] of rows.entries()) out.set(values.subarray(from * d, (from + 1) * d), to * d);
  return { n: rows.length, d, values: out };
}
