/** Labels in ascending order, each with a value; `from` to `to` of two columns that others share. */
export interface Run {
  labels: Uint32Array;
  values: Uint16Array;
  from: number;
  to: number;
}

/** Where a label stands in a run; -1: nowhere. */
export function placeIn({ labels, from, to }: Run, label: number): number {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (labels[middle]! < label) low = middle + 1;
    else high = middle;
  }
  return low < to && labels[low] === label ? low : -1;
}

/** A merge costs as much as all postings, so it waits until they grew by this part, and by so many. */
const growth = 0.25;
const leastFresh = 65_536;

/**
 * Which labels have a term, in memory: 6 bytes a posting. Labels only grow, so a term has one run in the columns that all terms share
 * and one of what came since; `merge` makes one of both, without the labels that are gone. The value is what the caller makes of it: a
 * count or a place.
 */
export class Postings {
  #numbers = new Map<string, number>();
  /** The run of term n is from `starts[n]` to `starts[n + 1]`. */
  #starts = new Uint32Array(1);
  #labels = new Uint32Array(0);
  #values = new Uint16Array(0);
  #fresh: (Fresh | undefined)[] = [];
  #freshCount = 0;

  /** Labels come in ascending order; a term may have one more than once. */
  add(term: string, label: number, value: number): void {
    let number = this.#numbers.get(term);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(term, number);
    }
    let fresh = this.#fresh[number];
    if (!fresh) {
      fresh = new Fresh();
      this.#fresh[number] = fresh;
    }
    fresh.add(label, value);
    this.#freshCount++;
  }

  get isDue(): boolean {
    return this.#freshCount > Math.max(leastFresh, growth * this.#labels.length);
  }

  /** Those of a term, the older first. */
  runs(term: string): Run[] {
    const number = this.#numbers.get(term);
    if (number === undefined) return [];
    const runs: Run[] = [];
    const [from, to] = [this.#starts[number] ?? 0, this.#starts[number + 1] ?? 0];
    if (to > from) runs.push({ labels: this.#labels, values: this.#values, from, to });
    const fresh = this.#fresh[number];
    if (fresh) runs.push({ labels: fresh.labels, values: fresh.values, from: 0, to: fresh.count });
    return runs;
  }

  merge(isLive: (label: number) => boolean): void {
    const room = this.#labels.length + this.#freshCount;
    const [labels, values] = [new Uint32Array(room), new Uint16Array(room)];
    const starts = new Uint32Array(this.#numbers.size + 1);
    const numbers = new Map<string, number>();
    let end = 0;
    for (const term of this.#numbers.keys()) {
      const start = end;
      for (const run of this.runs(term))
        for (let i = run.from; i < run.to; i++) {
          const label = run.labels[i]!;
          if (!isLive(label)) continue;
          labels[end] = label;
          values[end++] = run.values[i]!;
        }
      if (end === start) continue;
      numbers.set(term, numbers.size);
      starts[numbers.size] = end;
    }
    this.#numbers = numbers;
    this.#starts = starts.slice(0, numbers.size + 1);
    this.#labels = labels.slice(0, end);
    this.#values = values.slice(0, end);
    this.#fresh = [];
    this.#freshCount = 0;
  }

  /** For `fromColumns`; merge first. */
  toColumns(): { terms: string[]; starts: Uint32Array; labels: Uint32Array; values: Uint16Array } {
    return { terms: [...this.#numbers.keys()], starts: this.#starts, labels: this.#labels, values: this.#values };
  }

  static fromColumns({ terms, starts, labels, values }: ReturnType<Postings['toColumns']>): Postings {
    const postings = new Postings();
    for (const [number, term] of terms.entries()) postings.#numbers.set(term, number);
    postings.#starts = starts as Uint32Array<ArrayBuffer>;
    postings.#labels = labels as Uint32Array<ArrayBuffer>;
    postings.#values = values as Uint16Array<ArrayBuffer>;
    return postings;
  }
}

class Fresh {
  labels = new Uint32Array(2);
  values = new Uint16Array(2);
  count = 0;

  add(label: number, value: number): void {
    if (this.count === this.labels.length) {
      const [labels, values] = [new Uint32Array(2 * this.count), new Uint16Array(2 * this.count)];
      labels.set(this.labels);
      values.set(this.values);
      this.labels = labels;
      this.values = values;
    }
    this.labels[this.count] = label;
    this.values[this.count++] = value;
  }
}
