/** For sums of squares in single precision, which are a little off. */
const slack = 1e-5;

/**
 * Unit vectors, to find the one nearest to another among: exactly, by looking at all. Of most a quarter is enough: by the
 * inequality of Cauchy and Schwarz the rest of a product is at most the product of the lengths of the rests.
 */
export class KeptVectors {
  readonly #dimensions: number;
  readonly #head: number;
  #values: Float32Array;
  /** The length of what follows the head, of each. */
  #rests: Float64Array;
  #count = 0;

  constructor(dimensions: number) {
    this.#dimensions = dimensions;
    this.#head = Math.ceil(dimensions / 4);
    this.#values = new Float32Array(256 * dimensions);
    this.#rests = new Float64Array(256);
  }

  add(vector: Float32Array): void {
    if (this.#count === this.#rests.length) {
      const [values, rests] = [new Float32Array(this.#values.length * 2), new Float64Array(this.#rests.length * 2)];
      values.set(this.#values);
      rests.set(this.#rests);
      [this.#values, this.#rests] = [values, rests];
    }
    this.#values.set(vector, this.#count * this.#dimensions);
    this.#rests[this.#count++] = this.#restOf(vector);
  }

  /** The place of the nearest, in the order of adding, and its cosine; null: none is at least so near. */
  nearest(vector: Float32Array, least: number): { at: number; cosine: number } | null {
    const [values, d, head] = [this.#values, this.#dimensions, this.#head];
    const rest = this.#restOf(vector);
    let found: { at: number; cosine: number } | null = null;
    let wanted = least;
    for (let at = 0, from = 0; at < this.#count; at++, from += d) {
      let sum = 0;
      for (let i = 0; i < head; i++) sum += vector[i]! * values[from + i]!;
      if (sum + rest * this.#rests[at]! + slack < wanted) continue;
      for (let i = head; i < d; i++) sum += vector[i]! * values[from + i]!;
      if (sum < wanted || (found && sum === wanted)) continue;
      found = { at, cosine: sum };
      wanted = sum;
    }
    return found;
  }

  #restOf(vector: Float32Array): number {
    let sum = 0;
    for (let i = this.#head; i < this.#dimensions; i++) sum += vector[i]! ** 2;
    return Math.sqrt(sum);
  }
}
