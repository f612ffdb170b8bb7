/** Of what is kept, together. */
const mostBytes = 64 * 2 ** 20;

interface Kept {
  value: unknown;
  bytes: number;
  drop: (() => void) | undefined;
}

/**
 * What prompts were read as, by their content: a prompt that comes again is not read again. What was not asked for the longest goes
 * when there is too much.
 */
export class KnownReadings {
  /** The one asked for last is the last. */
  readonly #kept = new Map<string, Kept>();
  readonly #mostBytes: number;
  #bytes = 0;

  constructor(most = mostBytes) {
    this.#mostBytes = most;
  }

  get(key: string): Kept | undefined {
    const kept = this.#kept.get(key);
    if (kept) {
      this.#kept.delete(key);
      this.#kept.set(key, kept);
    }
    return kept;
  }

  /** Two videos may have read the same at once: the first reading stays. */
  keep(key: string, kept: Kept): void {
    if (this.#kept.has(key)) {
      kept.drop?.();
      return;
    }
    this.#kept.set(key, kept);
    this.#bytes += kept.bytes;
    for (const [oldest, { bytes, drop }] of this.#kept) {
      if (this.#bytes <= this.#mostBytes) return;
      this.#kept.delete(oldest);
      this.#bytes -= bytes;
      drop?.();
    }
  }
}

export interface Reading<V, R = V> {
  /** Names all that the reading depends on. */
  key: string;
  read(): R;
  bytesOf(value: V): number;
  /** Of a value that has to be disposed: each user has one of its own. */
  copies?: { copy(value: V): V; drop(value: V): void };
}

/** The readings of one video: made for it, or known from others. */
export class Readings {
  readonly counts = { made: 0, known: 0 };
  readonly #known: KnownReadings;

  /** Left out: nothing is known. */
  constructor(known = new KnownReadings(0)) {
    this.#known = known;
  }

  /** At once, for what is read at once. */
  now<V>(reading: Reading<V>): V {
    return this.#found(reading) ?? this.#made(reading, reading.read());
  }

  async of<V>(reading: Reading<V, Promise<V>>): Promise<V> {
    return this.#found(reading) ?? this.#made(reading, await reading.read());
  }

  #found<V>({ key, copies }: Reading<V, unknown>): V | undefined {
    const kept = this.#known.get(key);
    if (!kept) return undefined;
    this.counts.known++;
    const value = kept.value as V;
    return copies ? copies.copy(value) : value;
  }

  #made<V>({ key, bytesOf, copies }: Reading<V, unknown>, value: V): V {
    this.counts.made++;
    const own = copies ? copies.copy(value) : value;
    this.#known.keep(key, { value: own, bytes: bytesOf(value), drop: copies && (() => copies.drop(own)) });
    return value;
  }
}
