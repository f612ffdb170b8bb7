import type { ContextEntry } from '../../../events/prompt.js';

/** The usual constant of reciprocal rank fusion (Cormack et al., 2009): how little a first place counts above a second. */
const k0 = 60;
/** Comes after all that are. */
const unnamed = 1e9;

/** A document at its place in a ranking; one that fits is similar enough to be an answer on the strength of it. */
export interface Ranked<H> {
  hit: H;
  fits: boolean;
}

export interface Rankings<H> {
  /** Ids, all of them in `lexical` too. They come first, in this order. */
  named: readonly string[];
  lexical: readonly Ranked<H>[];
  dense: readonly Ranked<H>[];
  image: readonly Ranked<H>[];
}

export interface Fused<H> {
  hit: H;
  score: number;
  ranks: ContextEntry['ranks'];
}

/**
 * The best `k` of all rankings, at places from 1; a document is an answer when it fits in one ranking. What is found by its
 * caption's likeness alone comes after all that shares words or looks.
 */
export function fuse<H extends { id: string }>({ named, ...rankings }: Rankings<H>, k: number): Fused<H>[] {
  const found = new Map<string, { hit: H; fits: boolean; ranks: ContextEntry['ranks'] }>();
  for (const name of ['lexical', 'dense', 'image'] as const)
    for (const [n, { hit, fits }] of rankings[name].entries()) {
      const entry = found.get(hit.id) ?? { hit, fits: false, ranks: {} };
      entry.ranks[name] = n + 1;
      entry.fits ||= fits;
      found.set(hit.id, entry);
    }
  for (const [n, id] of named.entries()) {
    const entry = found.get(id)!;
    entry.ranks = { named: n + 1, ...entry.ranks };
  }
  return [...found.values()]
    .filter(({ fits }) => fits)
    .map(({ hit, ranks }) => ({ hit, score: reciprocalRank(ranks), ranks }))
    .sort(
      (a, b) =>
        (a.ranks.named ?? unnamed) - (b.ranks.named ?? unnamed) ||
        Number(isLikeOnly(a.ranks)) - Number(isLikeOnly(b.ranks)) ||
        b.score - a.score ||
        compare(a.hit.id, b.hit.id),
    )
    .slice(0, k);
}

function isLikeOnly({ lexical, image }: ContextEntry['ranks']): boolean {
  return lexical === undefined && image === undefined;
}

/** Sum over the rankings of 1 / (k0 + rank), rank counted from 1. */
function reciprocalRank({ lexical, dense, image }: ContextEntry['ranks']): number {
  return [lexical, dense, image].reduce<number>((sum, rank) => (rank === undefined ? sum : sum + 1 / (k0 + rank)), 0);
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
