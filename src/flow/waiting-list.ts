import type { Clock } from '../core/clock.js';
import { compareTurns } from '../stores/jobs/turn-order.js';
import type { Envelope } from './envelope.js';
import type { Flow } from './flow.js';

/**
 * Envelopes that wait for a step. Those of requests leave in the order of their turns (stores/jobs/turn-order.ts), all others, and
 * those alike, as they came; but the one that was published first, for which others may wait in a later step, before them. Only that one:
 * to put all in the order of their publication would keep back who comes with a time in the future. One that is aborted leaves at once.
 */
export class WaitingList {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #onAbort: (envelope: Envelope<Flow>) => void;
  readonly #onChange: (envelope: Envelope<Flow>, by: 1 | -1) => void;
  /** In order of arrival, each with what ends its wait. */
  readonly #waiting = new Map<Envelope<Flow>, () => void>();

  /** `onChange`: one more waits, or one fewer. */
  constructor(
    clock: Pick<Clock, 'now'>,
    onAbort: (envelope: Envelope<Flow>) => void,
    onChange: (envelope: Envelope<Flow>, by: 1 | -1) => void,
  ) {
    this.#clock = clock;
    this.#onAbort = onAbort;
    this.#onChange = onChange;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  add(envelope: Envelope<Flow>): void {
    const onAbort = () => {
      this.#leave(envelope);
      this.#onAbort(envelope);
    };
    this.#waiting.set(envelope, onAbort);
    this.#onChange(envelope, 1);
    if (envelope.isAborted) onAbort();
    else envelope.work.onAbort(onAbort);
  }

  /**
   * The one whose turn it is leaves the list, of those that may; undefined: none. A look at each: they are few, and their turns change
   * with time.
   */
  take(may: (envelope: Envelope<Flow>) => boolean = () => true): Envelope<Flow> | undefined {
    const now = this.#clock.now();
    let first: Envelope<Flow> | undefined;
    for (const envelope of this.#waiting.keys()) {
      const { turn, ageingMs, order, origin } = envelope;
      if (!may(envelope)) continue;
      if (order?.isFirst(origin)) {
        first = envelope;
        break;
      }
      if (!first) first = envelope;
      else if (first.turn && turn && compareTurns(turn, first.turn, now, ageingMs) < 0) first = envelope;
      else if (!first.turn && !order) break;
    }
    if (first) this.#leave(first);
    return first;
  }

  #leave(envelope: Envelope<Flow>): void {
    const onAbort = this.#waiting.get(envelope);
    if (!onAbort) return;
    envelope.work.offAbort(onAbort);
    this.#waiting.delete(envelope);
    this.#onChange(envelope, -1);
  }
}
