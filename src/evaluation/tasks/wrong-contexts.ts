import { Random } from '../../models/numerics/random.js';
import { measured, measuredDifference } from '../metrics/interval.js';
import type { Verdict } from '../oracle.js';
import type { Cell } from '../report.js';

/*
 * Does wrong retrieval do harm? Quality when a share of the prompts has another subject's document for a context, beside the
 * same prompts without any. The share is of prompts: one prompt has one document, so each is right or wrong as a whole.
 */

type Judged = Verdict & { clip: number };

/** The same clips, in the same order, under each context; `none` may be empty. */
interface Contexts {
  right: readonly Judged[];
  wrong: readonly Judged[];
  none: readonly Judged[];
  /** Per cent. */
  shares: readonly number[];
  seed: number;
}

const measures: { name: string; of(one: Verdict): number }[] = [
  { name: 'appearance rank-1', of: ({ appearanceRank }) => Number(appearanceRank === 1) },
  { name: 'motion', of: ({ motionRight }) => motionRight },
  { name: 'background', of: ({ colourRight }) => colourRight },
  { name: 'size', of: ({ sizeRight }) => sizeRight },
  {
    name: 'all four',
    of: ({ appearanceRank, motionRight, colourRight, sizeRight }) =>
      Number(appearanceRank === 1 && motionRight + colourRight + sizeRight === 3),
  },
];
/** Of these "no context" has something to lose. */
const compared = measures.slice(1, 4);

export const curveColumns = [
  ...['drawn by', 'wrong contexts', 'n', ...measures.map(({ name }) => name)],
  ...compared.map(({ name }) => `${name}, against no context`),
];

/** A row for each share, and one without any context; none when a context was not drawn. */
export function curveRows(by: string, { right, wrong, none, shares, seed }: Contexts): Cell[][] {
  const n = right.length;
  if (n === 0 || wrong.length !== n) return [];
  const order = placesOf(n, seed);
  const cells = (group: readonly Judged[]): Cell[] => measures.map(({ of }) => ({ share: measured(group.map(of)) }));
  const rows = shares.map((share): Cell[] => {
    const most = Math.round((share / 100) * n);
    const mixed = right.map((one, i) => (order[i]! < most ? wrong[i]! : one));
    const against = compared.map(
      ({ of }): Cell => (none.length === n ? { share: measuredDifference(mixed.map(of), none.map(of)) } : Number.NaN),
    );
    return [by, `${share} %`, n, ...cells(mixed), ...against];
  });
  if (none.length === n) rows.push([by, 'no context', n, ...cells(none), ...compared.map(() => '')]);
  return rows;
}

/** The turn in which each of n clips becomes wrong. */
function placesOf(n: number, seed: number): number[] {
  const random = new Random(seed, 0x3a0e);
  const drawn = Array.from({ length: n }, () => random.normal());
  return drawn.map((mine) => drawn.filter((other) => other < mine).length);
}
