import type { Clock } from '../../core/clock.js';
import { VimiError } from '../../core/errors.js';
import type { StoredRecord } from '../../events/record.js';
import { placeOf } from '../../events/replay.js';
import type { GenerationRequested } from '../../events/schemas.js';
import type { Envelope } from '../../flow/envelope.js';

/** The clock of the machine may be set while a request waits: a deadline is looked at this often (milliseconds). */
const lookMs = 60_000;

/** The work on an event, as far as its deadlines are concerned. */
type Timed = Pick<Envelope, 'origin' | 'signal' | 'abort' | 'hasBegun'>;
type Times = Pick<GenerationRequested, 'start_by' | 'finish_by'>;

/** Ends requests that have not begun by their `start_by`, or have no outcome by their `finish_by`: REQUEST_EXPIRED. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #open = new Map<string, AbortController>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws REQUEST_EXPIRED when one has passed already; else sees to it that the event is aborted with that. */
  keep(event: Timed, times: Times): void {
    if (this.#check(event, times) === undefined) return;
    const place = placeOf(event.origin);
    if (this.#open.has(place)) return;
    const over = new AbortController();
    this.#open.set(place, over);
    event.signal.addEventListener('abort', () => this.end(event.origin), { once: true });
    void this.#watch(event, times, over.signal);
  }

  /** The event has its outcome. */
  end(origin: StoredRecord): void {
    const place = placeOf(origin);
    this.#open.get(place)?.abort();
    this.#open.delete(place);
  }

  async #watch(event: Timed, times: Times, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      let left: number | undefined;
      try {
        left = this.#check(event, times);
      } catch (expired) {
        event.abort(expired as VimiError);
        return;
      }
      if (left === undefined) return;
      await this.#clock.sleep(Math.min(lookMs, left + 1), over);
    }
  }

  /** Milliseconds until the next of them; undefined: none is left. */
  #check({ hasBegun }: Pick<Timed, 'hasBegun'>, times: Times): number | undefined {
    const now = this.#clock.now();
    const late = lateness(times, now, hasBegun);
    if (late) throw late;
    const open = momentsOf(times, hasBegun);
    return open.length > 0 ? Math.min(...open.map(({ moment }) => Date.parse(moment))) - now : undefined;
  }
}

/** REQUEST_EXPIRED where a deadline has passed at a moment; undefined: none has. */
export function lateness(times: Times, now: number, hasBegun = false): VimiError | undefined {
  const passed = momentsOf(times, hasBegun).find(({ moment }) => Date.parse(moment) < now);
  return (
    passed &&
    new VimiError('REQUEST_EXPIRED', `The ${passed.name} of this request has passed`, {
      expected: `${passed.expected} by ${passed.moment}`,
      found: new Date(now).toISOString(),
    })
  );
}

function momentsOf({ start_by, finish_by }: Times, hasBegun: boolean) {
  return [
    ...(start_by === undefined || hasBegun ? [] : [{ moment: start_by, name: 'start_by', expected: 'begun' }]),
    ...(finish_by === undefined ? [] : [{ moment: finish_by, name: 'finish_by', expected: 'finished' }]),
  ];
}
