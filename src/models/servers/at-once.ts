/** After so many jobs without trouble, twice as many are tried again. */
const jobsToTrust = 32;

/** How many jobs a model draws at once: what was asked for, or measured, and less where the memory was too small for it. */
export class AtOnce {
  /** By whoever set it up; undefined: what was measured counts. */
  asked: number | undefined;
  measured: number | undefined;
  #bound = Number.POSITIVE_INFINITY;
  #since = 0;

  get now(): number {
    return Math.max(1, Math.min(this.asked ?? this.measured ?? 1, this.#bound));
  }

  /** More than so many are too many. */
  shrink(to: number): void {
    this.#bound = Math.max(1, to);
    this.#since = 0;
  }

  /** A job has come to its end in good order. */
  done(): void {
    if (++this.#since < jobsToTrust || this.#bound === Number.POSITIVE_INFINITY) return;
    this.#since = 0;
    this.#bound *= 2;
    if (this.#bound >= (this.asked ?? this.measured ?? 1)) this.#bound = Number.POSITIVE_INFINITY;
  }
}
