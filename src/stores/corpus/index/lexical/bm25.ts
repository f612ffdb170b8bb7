import { Best } from './best.js';
import type { Candidates } from './candidates.js';
import { placeIn, type Run } from './postings.js';

/** As in SQLite's FTS5, which made the same ranking before. */
const k1 = 1.2;
const b = 0.75;
/** What a word counts that is in half of all documents or more. */
const leastIdf = 1e-6;
/** Scores are compared in steps of this: sums of other terms that are equal differ in their last digits. */
const step = 1e-10;
/** Looking one label up in a run costs as much as walking over so many. */
const lookup = 12;

/** A term's postings, its values the counts, and what bounds its part of any score. */
export interface Term {
  runs: readonly Run[];
  /** Documents that have it. */
  documents: number;
  /** Its highest count in a document, and the length of the shortest that has it. */
  most: number;
  shortest: number;
}

export interface Statistics {
  documents: number;
  /** Mean length of a document, in words. */
  meanLength: number;
  /** By label; 0: there is none. */
  lengths: Uint16Array;
}

export interface Ranked {
  depth: number;
  accepts(label: number): boolean;
  /** Of two labels with equal scores, the one that comes first. */
  before(a: number, b: number): boolean;
}

/**
 * The best documents by BM25 for any of the terms; with `required`, of those alone that have one of these as well, even if
 * they have no term. Exactly what scoring all would give, equal scores in the order of `before`.
 *
 * Rare terms come first, one after the other. What candidates score already says how much a further one must be able to score,
 * with what the terms that come later can give at most (MaxScore; Turtle and Flood, 1995). So of common words only short
 * documents are looked at, or none: they add to the scores of what rarer words found.
 */
export function bm25(
  terms: readonly Term[],
  required: readonly (readonly Run[])[] | null,
  { documents, meanLength, lengths }: Statistics,
  { depth, accepts, before }: Ranked,
  candidates: Candidates,
): { label: number; score: number }[] {
  /** A document of `length` words makes of `times` its part idf · times (k1 + 1) / (times + fixed + perWord · length). */
  const [fixed, perWord] = [k1 * (1 - b), (k1 * b) / meanLength];
  const scorers = terms.map(({ runs, documents: having, most, shortest }) => {
    const log = Math.log((documents - having + 0.5) / (having + 0.5));
    const weight = (log > 0 ? log : leastIdf) * (k1 + 1);
    return { runs, weight, bound: having > 0 ? (weight * most) / (most + fixed + perWord * shortest) : 0 };
  });
  // Equal corpora add up in the same order, whatever their bounds are: those depend on how they grew.
  scorers.sort((one, other) => other.weight - one.weight);
  /** What the terms from the nth on can give together. */
  const rest = new Float64Array(scorers.length + 1);
  for (let n = scorers.length - 1; n >= 0; n--) rest[n] = rest[n + 1]! + scorers[n]!.bound;

  candidates.begin(lengths.length);
  if (required) markAll(required);
  /** Who scores less cannot be among the best. */
  let least = Number.NEGATIVE_INFINITY;
  /** At so many candidates it is worth looking whether it has risen. */
  let due = depth;
  for (const [n, { runs, weight, bound }] of scorers.entries()) {
    for (const run of runs) addTo(run, weight);
    if (rest[n]! >= least) for (const run of runs) admit(run, weight, rest[n + 1]!);
    if (bound > 0) raise(rest[n + 1]!);
  }
  if (required && least <= 0) admitRest(required);

  const best = new Best(depth, before);
  const { labels, scores, count } = candidates;
  for (let place = 0; place < count; place++) best.offer(labels[place]!, Math.round(scores[place]! / step) * step);
  return best.ranking();

  /** Documents that have the term are candidates from now on, if with it and the `rest` they can be among the best. */
  function admit({ labels, values, from, to }: Run, weight: number, rest: number): void {
    let longest = longestOf(weight, rest);
    for (let i = from; i < to; i++) {
      const label = labels[i]!;
      const length = lengths[label]!;
      const times = values[i]!;
      if ((length > longest && times === 1) || length === 0 || candidates.placeOf(label) >= 0) continue;
      const part = (weight * times) / (times + fixed + perWord * length);
      if (part + rest < least || (required && !candidates.isMarked(label)) || !accepts(label)) continue;
      candidates.add(label, part);
      if (candidates.count >= due) {
        raise(rest);
        longest = longestOf(weight, rest);
      }
    }
  }

  /** A longer document that has the term once cannot be among the best, by it and the `rest`. */
  function longestOf(weight: number, rest: number): number {
    return rest >= least ? Number.POSITIVE_INFINITY : (weight / (least - rest) - 1 - fixed) / perWord + 1;
  }

  /** By what candidates have already; drops those that cannot be among the best even with the `rest`. */
  function raise(rest: number): void {
    if (candidates.count < depth) return;
    least = Math.max(least, leastOfBest() - 2 * step);
    candidates.keep(least - rest);
    due = Math.max(depth, 2 * candidates.count, 256);
  }

  /** Candidates that have the term score more. */
  function addTo(run: Run, weight: number): void {
    const { labels, values, from, to } = run;
    const { scores, count } = candidates;
    const add = (place: number, i: number) => {
      const times = values[i]!;
      scores[place]! += (weight * times) / (times + fixed + perWord * lengths[labels[i]!]!);
    };
    if (to - from <= lookup * count) {
      for (let i = from; i < to; i++) {
        const place = candidates.placeOf(labels[i]!);
        if (place >= 0) add(place, i);
      }
      return;
    }
    for (let place = 0; place < count; place++) {
      const i = placeIn(run, candidates.labels[place]!);
      if (i >= 0) add(place, i);
    }
  }

  /** The score that the last of the best has, or more: a lower bound of what it has in the end. */
  function leastOfBest(): number {
    const best = new Best(depth, () => false);
    const { labels, scores, count } = candidates;
    let least = best.least;
    for (let place = 0; place < count; place++) {
      if (scores[place]! <= least) continue;
      best.offer(labels[place]!, scores[place]!);
      least = best.least;
    }
    return least;
  }

  function markAll(lists: readonly (readonly Run[])[]): void {
    for (const runs of lists)
      for (const { labels, from, to } of runs) for (let i = from; i < to; i++) candidates.mark(labels[i]!);
  }

  function admitRest(lists: readonly (readonly Run[])[]): void {
    for (const runs of lists)
      for (const { labels, from, to } of runs)
        for (let i = from; i < to; i++) {
          const label = labels[i]!;
          if (lengths[label] !== 0 && candidates.placeOf(label) < 0 && accepts(label)) candidates.add(label, 0);
        }
  }
}
