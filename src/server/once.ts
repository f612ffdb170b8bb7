/** Opens something when it is first asked for, once for all who ask. What failed is tried again by the next who asks. */
export class Once<T> {
  readonly #open: () => Promise<T>;
  #opened: Promise<T> | undefined;

  constructor(open: () => Promise<T>) {
    this.#open = open;
  }

  get(): Promise<T> {
    this.#opened ??= this.#open().catch((thrown: unknown) => {
      this.#opened = undefined;
      throw thrown;
    });
    return this.#opened;
  }

  /** Whatever was opened is given to `end`; a failure to close ends nobody. */
  async close(end: (opened: T) => Promise<void> | undefined): Promise<void> {
    await this.#opened?.then(end).catch(() => {});
  }
}
