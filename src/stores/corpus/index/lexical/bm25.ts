import { Best } from './best.js';
import { Cursor, end } from './cursor.js';
import type { Run } from './postings.js';

/** As in SQLite's FTS5, which made the same ranking before. */
const k1 = 1.2;
const b = 0.75;
/** What a word counts that is in half of all documents or more. */
const leastIdf = 1e-6;
/** Scores are compared in steps of this: sums of other terms that are equal differ in their last digits. */
const step = 1e-10;

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
  /** By label. */
  lengths: Uint16Array;
}

/**
 * The best documents by BM25 for any of the terms; with `required`, of those alone that have one of these as well. Exactly
 * what scoring all would give, equal scores in the order of `before`. Terms whose parts together cannot lift a document into
 * the ranking find none (MaxScore; Turtle and Flood, 1995): common words only add to the scores of what rarer ones find.
 */
export function bm25(
  terms: readonly Term[],
  required: readonly (readonly Run[])[] | null,
  { documents, meanLength, lengths }: Statistics,
  { depth, accepts, before }: { depth: number; accepts(label: number): boolean; before(a: number, b: number): boolean },
): { label: number; score: number }[] {
  const scorers = terms.map(({ runs, documents: having, most, shortest }, place) => {
    const log = Math.log((documents - having + 0.5) / (having + 0.5));
    const idf = log > 0 ? log : leastIdf;
    return { place, idf, cursor: new Cursor(runs), bound: part(idf, most, normOf(shortest, meanLength)) };
  });
  scorers.sort((one, other) => one.bound - other.bound);
  const count = scorers.length;
  const cursors = scorers.map(({ cursor }) => cursor);
  const idfs = scorers.map(({ idf }) => idf);
  const places = scorers.map(({ place }) => place);
  /** What the first n terms can give together. */
  const bounds = new Float64Array(count + 1);
  for (let i = 0; i < count; i++) bounds[i + 1] = bounds[i]! + scorers[i]!.bound;
  const filters = required?.map((runs) => new Cursor(runs)) ?? null;
  const best = new Best(depth, before);
  /** Of the candidate, in the order of `terms`, in which they are added up. */
  const parts = new Float64Array(count);
  let least = Number.NEGATIVE_INFINITY;
  /** Terms before this one find no candidates. */
  let finding = 0;

  const lowest = (list: readonly Cursor[], from: number) => {
    let label = end;
    for (let i = from; i < list.length; i++) if (list[i]!.label < label) label = list[i]!.label;
    return label;
  };
  const seekAll = (list: readonly Cursor[], from: number, label: number) => {
    for (let i = from; i < list.length; i++) if (list[i]!.label < label) list[i]!.seek(label);
  };

  for (let label = 0; finding < count || filters; label++) {
    if (filters) {
      // The next that has a required term, and while terms find candidates at all, one of those too.
      for (;;) {
        seekAll(filters, 0, label);
        label = lowest(filters, 0);
        if (label === end || finding === 0) break;
        seekAll(cursors, finding, label);
        const found = lowest(cursors, finding);
        if (found === label) break;
        label = found;
        if (label === end) break;
      }
    } else {
      for (let i = finding; i < count; i++) if (cursors[i]!.label < label) cursors[i]!.next();
      label = lowest(cursors, finding);
    }
    if (label === end) break;
    if (!accepts(label)) continue;

    const norm = normOf(lengths[label]!, meanLength);
    let score = 0;
    let i = count - 1;
    for (; i >= 0; i--) {
      if (score + bounds[i + 1]! < least) break;
      const cursor = cursors[i]!;
      if (cursor.label < label) cursor.seek(label);
      const one = cursor.label === label ? part(idfs[i]!, cursor.value, norm) : 0;
      parts[places[i]!] = one;
      score += one;
    }
    if (i >= 0) continue;
    let sum = 0;
    for (let place = 0; place < count; place++) sum += parts[place]!;
    best.offer(label, Math.round(sum / step) * step);
    if (best.least > least) {
      least = best.least - step;
      while (finding < count && bounds[finding + 1]! < least) finding++;
    }
  }
  return best.ranking();
}

function normOf(length: number, meanLength: number): number {
  return k1 * (1 - b + (b * length) / meanLength);
}

function part(idf: number, times: number, norm: number): number {
  return idf * ((times * (k1 + 1)) / (times + norm));
}
