/** Parts that are opened when they are first asked for, each once, and closed in the opposite order. */
export class OpenedParts {
  readonly #parts = new Map<string, Promise<unknown>>();
  readonly #closes: (() => Promise<void>)[] = [];

  once<T>(name: string, open: () => Promise<T>): Promise<T> {
    const there = this.#parts.get(name);
    if (there) return there as Promise<T>;
    const opening = open();
    this.#parts.set(name, opening);
    return opening;
  }

  /** Called by `open` as soon as there is something to close. */
  onClose(close: () => Promise<void>): void {
    this.#closes.push(close);
  }

  async close(): Promise<void> {
    for (const close of this.#closes.splice(0).reverse()) await close();
  }
}
