/** Requests of one caller in one window, at one process. */
const limit = 1200;
const windowMs = 60_000;

/** Counts requests of each caller in windows of a minute. */
export class Quota {
  readonly #now: () => number;
  readonly #spent = new Map<string, number>();
  #ends = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** `left`: requests that it has after this one, below 0: it had none; `reset`: seconds until it has all again. */
  spend(caller: string): { limit: number; seconds: number; left: number; reset: number } {
    const now = this.#now();
    if (now >= this.#ends) {
      this.#spent.clear();
      this.#ends = now + windowMs;
    }
    const spent = (this.#spent.get(caller) ?? 0) + 1;
    this.#spent.set(caller, spent);
    return { limit, seconds: windowMs / 1000, left: limit - spent, reset: Math.ceil((this.#ends - now) / 1000) };
  }
}
