import type { Clock } from '../../core/clock.js';
import { VimiError } from '../../core/errors.js';
import type { StoredRecord } from '../../events/record.js';
import { placeOf } from '../../events/replay.js';
import type { Envelope } from '../../flow/envelope.js';

/** The clock of the machine may be set while a request waits: a deadline is looked at this often (milliseconds). */
const lookMs = 60_000;

/** The work on an event, as far as a deadline is concerned. */
type Abortable = Pick<Envelope, 'origin' | 'signal' | 'abort'>;

/** Ends requests whose deadline passes before they have their outcome: REQUEST_EXPIRED. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #open = new Map<string, AbortController>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws REQUEST_EXPIRED when it has passed already; else sees to it that the event is aborted with that. */
  keep(event: Abortable, deadline: string): void {
    this.#check(deadline);
    const place = placeOf(event.origin);
    if (this.#open.has(place)) return;
    const over = new AbortController();
    this.#open.set(place, over);
    event.signal.addEventListener('abort', () => this.end(event.origin), { once: true });
    void this.#watch(event, deadline, over.signal);
  }

  /** The event has its outcome. */
  end(origin: StoredRecord): void {
    const place = placeOf(origin);
    this.#open.get(place)?.abort();
    this.#open.delete(place);
  }

  async #watch(event: Abortable, deadline: string, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      try {
        this.#check(deadline);
      } catch (expired) {
        event.abort(expired as VimiError);
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
