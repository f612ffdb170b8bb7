export interface Turn {
  /** Resolves when all before have ended, or the signal aborts, which ends this turn too. */
  mine: Promise<void>;
  end(): void;
}

/** Lets those of one name go one at a time, in the order in which they came. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  take(name: string, signal: AbortSignal): Turn {
    const before = this.#last.get(name) ?? Promise.resolve();
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    // Who gives up lets the next go only when those before have ended as well.
    const whole = before.then(() => ended);
    this.#last.set(name, whole);
    void whole.then(() => {
      if (this.#last.get(name) === whole) this.#last.delete(name);
    });
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    return { mine: Promise.race([before, aborted]), end };
  }
}
