/** What a ranking found: the grade of each place, from the first; 0 fits not at all. `grades`: of all that could be found. */
export interface Graded {
  found: readonly number[];
  grades: readonly number[];
}

/** The share of all that fits that stands in the first k places. NaN where nothing fits. */
export function recallAt(k: number, { found, grades }: Graded): number {
  return fitting(found.slice(0, k)) / fitting(grades);
}

/** 1 / the first place that fits; 0 where none does. NaN where nothing could. */
export function reciprocalRank({ found, grades }: Graded): number {
  if (fitting(grades) === 0) return Number.NaN;
  const first = found.findIndex((grade) => grade > 0);
  return first < 0 ? 0 : 1 / (first + 1);
}

/**
 * Normalised discounted cumulative gain (Järvelin and Kekäläinen, 2002) with gain 2^grade - 1 and discount log2(place + 1):
 * 1 for the best order there is, 0 where nothing that fits is in the first k places. NaN where nothing could be.
 */
export function ndcgAt(k: number, { found, grades }: Graded): number {
  const best = [...grades].sort((a, b) => b - a);
  return gain(found.slice(0, k)) / gain(best.slice(0, k));
}

function fitting(grades: readonly number[]): number {
  return grades.filter((grade) => grade > 0).length;
}

function gain(grades: readonly number[]): number {
  return grades.reduce((sum, grade, n) => sum + (2 ** grade - 1) / Math.log2(n + 2), 0);
}
