/** Bits of the mantissa that are told apart: numbers in one bucket differ by less than 1 in 1,024. */
const droppedBits = 10;
const words = new DataView(new ArrayBuffer(8));

/**
 * How numbers are spread, in memory that does not grow with them: how many are in each of many narrow buckets, which stand for the first
 * number that came. Few numbers are told as they are.
 */
export class Spread {
  readonly #buckets = new Map<number, { value: number; times: number }>();
  #sorted: { value: number; times: number }[] | null = null;
  count = 0;
  #least = Number.POSITIVE_INFINITY;
  #most = Number.NEGATIVE_INFINITY;

  add(value: number): void {
    this.count++;
    this.#least = Math.min(this.#least, value);
    this.#most = Math.max(this.#most, value);
    words.setFloat64(0, value);
    const key = words.getInt32(0) >> droppedBits;
    const bucket = this.#buckets.get(key);
    if (bucket) bucket.times++;
    else {
      this.#buckets.set(key, { value, times: 1 });
      this.#sorted = null;
    }
  }

  /** The number that this share of all lies below; undefined: there is none. */
  at(share: number): number | undefined {
    if (this.count === 0) return undefined;
    const wanted = Math.min(this.count - 1, Math.floor(share * this.count));
    if (wanted === 0) return this.#least;
    if (wanted === this.count - 1) return this.#most;
    let passed = 0;
    for (const { value, times } of this.entries()) {
      passed += times;
      if (passed > wanted) return value;
    }
    return this.#most;
  }

  /** In ascending order. */
  entries(): readonly { value: number; times: number }[] {
    this.#sorted ??= [...this.#buckets.values()].sort((a, b) => a.value - b.value);
    return this.#sorted;
  }
}
