import { VimiError } from '../errors.js';
import { placeOf } from '../events/replay.js';
import type { Envelope } from '../streams/envelope.js';
import type { StoredRecord } from '../streams/transport.js';
import type { Clock } from './operator.js';

/** The clock of the machine may be set while a request waits: a deadline is looked at this often (milliseconds). */
const lookMs = 60_000;

/** Ends requests whose deadline passes before they have their fate: REQUEST_EXPIRED. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #open = new Map<string, AbortController>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws REQUEST_EXPIRED when it has passed already; else sees to it that the envelope is aborted with that. */
  keep(envelope: Envelope, deadline: string): void {
    this.#check(deadline);
    const place = placeOf(envelope.origin);
    if (this.#open.has(place)) return;
    const over = new AbortController();
    this.#open.set(place, over);
    envelope.signal.addEventListener('abort', () => this.end(envelope.origin), { once: true });
    void this.#watch(envelope, deadline, over.signal);
  }

  /** The event has its fate. */
  end(origin: StoredRecord): void {
    const place = placeOf(origin);
    this.#open.get(place)?.abort();
    this.#open.delete(place);
  }

  async #watch(envelope: Envelope, deadline: string, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      try {
        this.#check(deadline);
      } catch (expired) {
        envelope.abort(expired as VimiError);
        return;
      }
      await this.#clock.sleep(Math.min(lookMs, Date.parse(deadline) - this.#clock.now() + 1), over);
    }
  }

  #check(deadline: string): void {
    const now = this.#clock.now();
    if (Date.parse(deadline) >= now) return;
    throw new VimiError('REQUEST_EXPIRED', 'The deadline of this request has passed', {
      expected: `service before ${deadline}`,
      found: new Date(now).toISOString(),
    });
  }
}
