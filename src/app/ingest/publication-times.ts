import { setTimeout } from 'node:timers/promises';

/** So far the times may be ahead of the clock: a second's worth of records. */
const mostAheadMs = 1_000;

/**
 * Times for records that are published one after another: each is later than the one before, in whichever partition it lies. So the order
 * of the media is written down with them, and steps that ask for it find the same in every run (flow/order.ts).
 */
export class PublicationTimes {
  #last = 0;
  /** Given since it was settled: so many milliseconds may they have taken the times ahead. */
  #given = 0;

  next(): number {
    this.#last = Math.max(Date.now(), this.#last + 1);
    this.#given++;
    return this.#last;
  }

  /**
   * Until the clock has nearly come to the last one: who publishes next, perhaps another process, goes on from there. A clock that
   * was set back is not waited for.
   */
  async settled(): Promise<void> {
    const ahead = this.#last - Date.now();
    const given = this.#given;
    this.#given = 0;
    if (ahead > mostAheadMs) await setTimeout(Math.min(ahead - mostAheadMs, given));
  }
}
