/**
 * Gives frames again and again, for as long as they are shown, but each at most so many times: a picture that stands for an
 * hour says no more than one that stands for some seconds. Knows how much was left out, and where.
 */
export class Repeats {
  readonly #most: number;
  #given = 0;
  #leftOut = 0;
  /** Not yet asked for: before frame `at` of those given, so many were left out in all. */
  readonly #gaps: { at: number; leftOut: number }[] = [];
  #asked = 0;

  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most;
  }

  *of(frame: Uint8Array, times: number): Generator<Uint8Array> {
    for (let n = 0; n < Math.min(times, this.#most); n++) {
      this.#given++;
      yield frame;
    }
    if (times <= this.#most) return;
    this.#leftOut += times - this.#most;
    this.#gaps.push({ at: this.#given, leftOut: this.#leftOut });
  }

  /** How many were left out before frame n of those given. Asked in order. */
  leftOutBefore(n: number): number {
    while (this.#gaps[0] && this.#gaps[0].at <= n) this.#asked = this.#gaps.shift()!.leftOut;
    return this.#asked;
  }
}
