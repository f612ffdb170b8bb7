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

  /** Closes all, also when one of them cannot be closed: what stays open keeps the process alive. Throws what was thrown first. */
  async close(): Promise<void> {
    const errors: unknown[] = [];
    for (const close of this.#closes.splice(0).reverse()) await close().catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw errors[0];
  }
}
