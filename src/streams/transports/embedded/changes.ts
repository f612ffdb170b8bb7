/** First look at what other processes wrote, and the longest pause between two looks; doubled in between. */
const shortestMs = 4;
const longestMs = 64;

/**
 * Wakes those who wait for records. What this process commits wakes them at once. What others commit is seen by SQLite's
 * data_version, a counter in shared memory that changes with every foreign commit: looking costs microseconds, so it is
 * polled, and only while somebody waits.
 */
export class Changes {
  readonly #version: () => number;
  readonly #waiting = new Set<() => void>();
  #seen: number;
  #pause = shortestMs;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(version: () => number) {
    this.#version = version;
    this.#seen = version();
  }

  /**
   * Resolves when something was committed, `signal` aborts, or on close. Look for records first and wait in the same
   * turn of the event loop: then nothing can be missed.
   */
  wait(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted || this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      signal?.addEventListener('abort', wake, { once: true });
      this.#waiting.add(wake);
      this.#schedule();
    });
  }

  notify(): void {
    this.#pause = shortestMs;
    for (const wake of [...this.#waiting]) wake();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.notify();
  }

  #schedule(): void {
    if (this.#timer || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#waiting.size === 0) return;
      this.#look();
      if (this.#waiting.size > 0) this.#schedule();
    }, this.#pause);
    this.#pause = Math.min(longestMs, this.#pause * 2);
  }

  #look(): void {
    const version = this.#versionOrNone();
    if (version === this.#seen) return;
    this.#seen = version;
    this.notify();
  }

  /** NaN when it cannot be read: the waiters wake, meet the same error in their own reads, and say it better. */
  #versionOrNone(): number {
    try {
      return this.#version();
    } catch {
      return Number.NaN;
    }
  }
}
