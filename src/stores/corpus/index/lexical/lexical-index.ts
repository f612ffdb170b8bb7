import type { Indexed, LexicalTerms } from '../../ranking/lexical-terms.js';
import { bm25, type Ranked, type Term } from './bm25.js';
import { Candidates } from './candidates.js';
import { Postings, placeIn, type Run } from './postings.js';
import { adjacent } from './runs-of-characters.js';

/** A retrievable document as the lexical index takes it. */
export interface LexicalEntry extends Indexed {
  /** What it is about, as text: equal for many documents. */
  subjects: string;
}

export interface LexicalHit {
  label: number;
  score: number;
}

/** The columns of a document (Indexed) begin the terms of the postings. */
const word = 'w';
const name = 'n';
const character = 'c';

const nothing = { documents: 0, most: 0, shortest: Number.POSITIVE_INFINITY };

/**
 * All captions by their words, in memory: about 120 bytes a document. Postings of words hold how often a document has it,
 * those of characters at which places.
 */
export class LexicalIndex {
  #postings = new Postings();
  /** Words, names and characters of a document: its length for BM25. 0 or gone: there is none. */
  #lengths = new Uint16Array(1024);
  #wordCounts = new Uint16Array(1024);
  /** Of each document, and the texts that they number. */
  #subjects = new Uint32Array(1024);
  #subjectTexts: string[] = [];
  #subjectNumbers = new Map<string, number>();
  #documents = 0;
  #totalLength = 0;
  #removed = 0;
  readonly #candidates = new Candidates();
  /** What bounds a word's part of a score; as long as its postings do not grow, and nothing is removed. */
  #bounds = new Map<string, Omit<Term, 'runs'> & { count: number; removed: number }>();

  add(label: number, { words, names, characters, subjects }: LexicalEntry): void {
    const [said, named, written] = [words, names, characters].map((text) => (text === '' ? [] : text.split(' ')));
    const counts = new Map<string, number>();
    for (const one of said!) counts.set(one, (counts.get(one) ?? 0) + 1);
    for (const [one, count] of counts) this.#postings.add(word + one, label, count);
    for (const one of named!) this.#postings.add(name + one, label, 1);
    for (const [place, one] of written!.entries()) this.#postings.add(character + one, label, place);
    if (label >= this.#lengths.length) this.#grow(label + 1);
    const length = said!.length + named!.length + written!.length;
    this.#lengths[label] = length;
    this.#wordCounts[label] = said!.length;
    this.#subjects[label] = this.#subjectNumber(subjects);
    this.#documents++;
    this.#totalLength += length;
    if (this.#postings.isDue) this.merge();
  }

  /** Of a label that was added. */
  remove(label: number): void {
    this.#totalLength -= this.#lengths[label]!;
    this.#lengths[label] = 0;
    this.#documents--;
    this.#removed++;
  }

  /** The best documents by BM25 for any of the words (bm25.ts). */
  search({ stems, runs, names }: LexicalTerms, ranked: Ranked): LexicalHit[] {
    const terms = [...stems.map((stem) => this.#wordTerm(stem)), ...runs.map((run) => this.#runTerm(run))];
    return bm25(
      terms,
      names?.map((one) => this.#postings.runs(name + one)) ?? null,
      { documents: this.#documents, meanLength: this.#totalLength / this.#documents, lengths: this.#lengths },
      ranked,
      this.#candidates,
    );
  }

  /** The number of its `subjects`: equal for equal texts. */
  subjectOf(label: number): number {
    return this.#subjects[label]!;
  }

  subjectText(number: number): string {
    return this.#subjectTexts[number]!;
  }

  /** Whether every word of a document is one of these. */
  hasOnly(stems: readonly string[]): (label: number) => boolean {
    const runs = stems.map((stem) => this.#postings.runs(word + stem));
    return (label) => runs.reduce((sum, list) => sum + valueAt(list, label), 0) === this.#wordCounts[label];
  }

  merge(): void {
    this.#postings.merge((label) => this.#lengths[label]! > 0);
    this.#bounds.clear();
  }

  toColumns() {
    this.merge();
    const end = Math.max(1, this.#lengths.findLastIndex((length) => length > 0) + 1);
    return {
      ...this.#postings.toColumns(),
      lengths: this.#lengths.subarray(0, end),
      wordCounts: this.#wordCounts.subarray(0, end),
      ...this.#subjectsInUse(end),
      totals: Float64Array.of(this.#documents, this.#totalLength),
    };
  }

  /** What removed documents were about is left out. */
  #subjectsInUse(end: number) {
    const subjects = new Uint32Array(end);
    const numbers = new Map<number, number>();
    for (let label = 0; label < end; label++) {
      if (this.#lengths[label] === 0) continue;
      const number = this.#subjects[label]!;
      if (!numbers.has(number)) numbers.set(number, numbers.size);
      subjects[label] = numbers.get(number)!;
    }
    return { subjects, subjectTexts: [...numbers.keys()].map((number) => this.#subjectTexts[number]!) };
  }

  static fromColumns(columns: ReturnType<LexicalIndex['toColumns']>): LexicalIndex {
    const index = new LexicalIndex();
    index.#postings = Postings.fromColumns(columns);
    index.#lengths = columns.lengths;
    index.#wordCounts = columns.wordCounts;
    index.#subjects = columns.subjects;
    index.#subjectTexts = columns.subjectTexts;
    index.#subjectNumbers = new Map(columns.subjectTexts.map((text, number) => [text, number]));
    [index.#documents, index.#totalLength] = columns.totals as unknown as [number, number];
    return index;
  }

  #wordTerm(stem: string): Term {
    const runs = this.#postings.runs(word + stem);
    const count = runs.reduce((sum, { from, to }) => sum + to - from, 0);
    let known = this.#bounds.get(stem);
    if (known?.count !== count || known.removed !== this.#removed) {
      const { count: from, ...before } = known?.removed === this.#removed ? known : { count: 0, ...nothing };
      known = { ...this.#boundsOf(runs, before, from), count, removed: this.#removed };
      this.#bounds.set(stem, known);
    }
    return { runs, ...known };
  }

  /** A word of a script without spaces, wherever it stands in the text. */
  #runTerm(run: string): Term {
    const runs = adjacent([...run].map((one) => this.#postings.runs(character + one)));
    return { runs, ...this.#boundsOf(runs, nothing, 0) };
  }

  /** `before`: the bounds of the first `skip` postings. */
  #boundsOf(runs: readonly Run[], before: Omit<Term, 'runs'>, skip: number): Omit<Term, 'runs'> {
    let { documents, most, shortest } = before;
    let passed = 0;
    for (const { labels, values, from, to } of runs) {
      const first = Math.min(to, from + Math.max(0, skip - passed));
      passed += to - from;
      for (let i = first; i < to; i++) {
        const length = this.#lengths[labels[i]!]!;
        if (length === 0) continue;
        documents++;
        if (values[i]! > most) most = values[i]!;
        if (length < shortest) shortest = length;
      }
    }
    return { documents, most, shortest };
  }

  #subjectNumber(text: string): number {
    const known = this.#subjectNumbers.get(text);
    if (known !== undefined) return known;
    this.#subjectNumbers.set(text, this.#subjectTexts.length);
    return this.#subjectTexts.push(text) - 1;
  }

  #grow(least: number): void {
    const size = Math.max(least, this.#lengths.length * 2);
    const grown = <C extends Uint16Array | Uint32Array>(column: C, made: C) => {
      made.set(column);
      return made;
    };
    this.#lengths = grown(this.#lengths, new Uint16Array(size));
    this.#wordCounts = grown(this.#wordCounts, new Uint16Array(size));
    this.#subjects = grown(this.#subjects, new Uint32Array(size));
  }
}

function valueAt(runs: readonly Run[], label: number): number {
  for (const run of runs) {
    const place = placeIn(run, label);
    if (place >= 0) return run.values[place]!;
  }
  return 0;
}
