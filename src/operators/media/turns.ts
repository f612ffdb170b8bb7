import type { StoredRecord } from '../../events/record.js';
import { comparePublished } from '../../flow/order.js';

export interface Turn {
  /** Resolves when all before have ended, or the signal aborts, which ends this turn too. */
  mine: Promise<void>;
  end(): void;
}

interface Taken {
  origin: StoredRecord;
  ended: Promise<void>;
}

/** Lets those of one name go one at a time, in the order in which they were published. One that comes late waits for none after it. */
export class Turns {
  readonly #taken = new Map<string, Set<Taken>>();

  take(name: string, origin: StoredRecord, signal: AbortSignal): Turn {
    const all = this.#taken.get(name) ?? new Set();
    this.#taken.set(name, all);
    const before = [...all].filter((other) => comparePublished(other.origin, origin) < 0).map(({ ended }) => ended);
    let end = () => {};
    const taken = { origin, ended: new Promise<void>((resolve) => (end = resolve)) };
    all.add(taken);
    void taken.ended.then(() => {
      all.delete(taken);
      if (all.size === 0 && this.#taken.get(name) === all) this.#taken.delete(name);
    });
    const aborted = new Promise<void>((resolve) => {
      const give = () => {
        end();
        resolve();
      };
      if (signal.aborted) give();
      else signal.addEventListener('abort', give, { once: true });
    });
    return { mine: Promise.race([Promise.all(before).then(() => {}), aborted]), end };
  }
}
