import type { Run } from './postings.js';

/** The label of a cursor behind its end. */
export const end = 0xffffffff;

/** Walks the runs of a term in ascending order of labels. */
export class Cursor {
  /** Where it stands; `end` when there is no more. */
  label = end;
  value = 0;
  #labels: Uint32Array;
  #values: Uint16Array;
  #at: number;
  #to: number;
  readonly #next: Run | undefined;

  constructor([first, next]: readonly Run[]) {
    this.#labels = first?.labels ?? new Uint32Array(0);
    this.#values = first?.values ?? new Uint16Array(0);
    this.#at = first?.from ?? 0;
    this.#to = first?.to ?? 0;
    this.#next = next;
    this.#stand();
  }

  next(): void {
    this.#at++;
    this.#stand();
  }

  /** Goes on to the first label that is at least `label`. */
  seek(label: number): void {
    if (this.label >= label) return;
    if (this.#labels[this.#to - 1]! < label) {
      this.#at = this.#to;
      this.#stand();
      this.seek(label);
      return;
    }
    // The wanted one is near, mostly: double the step, then halve it.
    let step = 1;
    let low = this.#at;
    while (low + step < this.#to && this.#labels[low + step]! < label) {
      low += step;
      step *= 2;
    }
    let high = Math.min(low + step, this.#to - 1);
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      if (this.#labels[middle]! < label) low = middle;
      else high = middle;
    }
    this.#at = high;
    this.#stand();
  }

  #stand(): void {
    if (this.#at < this.#to) {
      this.label = this.#labels[this.#at]!;
      this.value = this.#values[this.#at]!;
      return;
    }
    const next = this.#next;
    if (next && next.labels !== this.#labels) {
      this.#labels = next.labels;
      this.#values = next.values;
      this.#at = next.from;
      this.#to = next.to;
      this.#stand();
    } else this.label = end;
  }
}
