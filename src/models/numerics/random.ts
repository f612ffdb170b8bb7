/**
 * Random numbers that are the same on every machine and backend: Philox 4x32-10 (Salmon et al. 2011), counter-based.
 * Block i of a stream is a function of (seed, stream, i) alone, so numbers can be drawn from anywhere, in any order,
 * and the generator's whole state is its position: that is what a checkpoint keeps.
 */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
  out = new Uint32Array(4),
): Uint32Array {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = [highProduct(0xd2511f53, c0), Math.imul(0xd2511f53, c0)];
    const [high1, low1] = [highProduct(0xcd9e8d57, c2), Math.imul(0xcd9e8d57, c2)];
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
  return out;
}

/** The upper 32 bits of the product of two 32-bit numbers, from products of their halves. */
function highProduct(a: number, b: number): number {
  const [al, ah, bl, bh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = ah * bl + ((al * bl) >>> 16);
  const middle2 = al * bh + (middle & 0xffff);
  return ah * bh + (middle - (middle & 0xffff)) / 65536 + (middle2 - (middle2 & 0xffff)) / 65536;
}

/** A stream of numbers; `seed` and `stream` are unsigned 32-bit, streams of one seed are independent. */
export class Random {
  readonly #waiting = new Uint32Array(4);
  #used = 4;
  #spare: number | null = null;

  /** Blocks of four numbers drawn so far. */
  #block: number;

  constructor(
    readonly seed: number,
    readonly stream = 0,
    block = 0,
  ) {
    this.#block = block;
  }

  /** Unsigned 32-bit. */
  bits(): number {
    if (this.#used === 4) {
      const counter = [this.#block >>> 0, Math.floor(this.#block / 2 ** 32), this.stream >>> 0, 0] as const;
      philox(counter, [this.seed >>> 0, 0], this.#waiting);
      this.#block++;
      this.#used = 0;
    }
    return this.#waiting[this.#used++]!;
  }

  /** [0, 1) */
  uniform(): number {
    return this.bits() / 2 ** 32;
  }

  /** An integer of [0, n). */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Standard normal, by Box and Muller. */
  normal(): number {
    if (this.#spare !== null) {
      const value = this.#spare;
      this.#spare = null;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log((this.bits() + 0.5) / 2 ** 32));
    const angle = (2 * Math.PI * this.bits()) / 2 ** 32;
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  normals(n: number): Float32Array {
    const out = new Float32Array(n);
    for (let i = 0; i < n; i++) out[i] = this.normal();
    return out;
  }
}
