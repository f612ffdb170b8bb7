/** What one video has had of the time: milliseconds, as far as it was shared out. */
export class Share {
  ms = 0;
}

/**
 * Shares out the time as it passes: each moment evenly among those who are at work then. So the shares of all add up to the time in
 * which anybody was.
 */
export class SharedTime {
  readonly #now: () => number;
  readonly #atWork = new Set<Share>();
  #sharedUntil: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#sharedUntil = now();
  }

  begin(share: Share): void {
    this.#shareOut();
    this.#atWork.add(share);
  }

  end(share: Share): void {
    this.#shareOut();
    this.#atWork.delete(share);
  }

  #shareOut(): void {
    const now = this.#now();
    const each = (now - this.#sharedUntil) / this.#atWork.size;
    for (const share of this.#atWork) share.ms += each;
    this.#sharedUntil = now;
  }
}
