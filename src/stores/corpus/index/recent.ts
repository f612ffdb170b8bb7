/** What was made last of the keys that were asked for: between `most` and twice as many. For values that never change. */
export class Recent<K, V> {
  #newer = new Map<K, V>();
  #older = new Map<K, V>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  get(key: K, make: (key: K) => V): V {
    let value = this.#newer.get(key);
    if (value !== undefined) return value;
    value = this.#older.get(key) ?? make(key);
    if (this.#newer.size >= this.#most) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(key, value);
    return value;
  }
}
