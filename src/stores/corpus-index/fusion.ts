/** The usual constant of reciprocal rank fusion (Cormack et al., 2009): how little a first place counts above a second. */
export const k0 = 60;

/** Sum over the rankings of 1 / (k0 + rank), rank counted from 1. `ranks` are the places of one document. */
export function reciprocalRank(ranks: readonly (number | undefined)[]): number {
  return ranks.reduce<number>((sum, rank) => (rank === undefined ? sum : sum + 1 / (k0 + rank)), 0);
}
