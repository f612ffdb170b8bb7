import { setImmediate } from 'node:timers/promises';
import type { Clock } from './clock.js';

interface Sleeper {
  due: number;
  wake(): void;
}

/**
 * A clock that stands still. `advance` moves it, and so does a sleep that nobody advances: it lasts as long as it says, and
 * the clock then shows that it did. So retries work as always, and hours pass in no time.
 */
export class VirtualClock implements Clock {
  readonly #start: number;
  #now: number;
  readonly #sleepers = new Set<Sleeper>();

  /** `start`: milliseconds since 1970. */
  constructor(start: number) {
    this.#start = start;
    this.#now = start;
  }

  readonly now = () => this.#now;

  readonly elapsed = () => this.#now - this.#start;

  readonly sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const sleeper: Sleeper = {
        due: this.#now + Math.max(0, ms),
        wake: () => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', sleeper.wake);
          this.#sleepers.delete(sleeper);
          resolve();
        },
      };
      const slept = () => {
        this.#now = Math.max(this.#now, sleeper.due);
        sleeper.wake();
      };
      const timer = setTimeout(slept, Math.min(ms, 0x7fff_ffff));
      signal?.addEventListener('abort', sleeper.wake, { once: true });
      this.#sleepers.add(sleeper);
    });
  };

  /** Lets `ms` pass: wakes whoever sleeps no longer than that, in order, and lets each do what it woke for. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (let next = this.#nextUntil(end); next; next = this.#nextUntil(end)) {
      this.#now = Math.max(this.#now, next.due);
      next.wake();
      await setImmediate();
    }
    this.#now = Math.max(this.#now, end);
  }

  #nextUntil(end: number): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of this.#sleepers)
      if (sleeper.due <= end && !(first && first.due <= sleeper.due)) first = sleeper;
    return first;
  }
}
