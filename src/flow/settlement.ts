import { VimiError } from '../core/errors.js';
import { catalogue } from '../events/catalogue.js';
import type { VimiEvent } from '../events/event.js';
import type { NewRecord, StoredRecord } from '../events/record.js';
import type { GenerationRequested } from '../events/schemas.js';
import { type Standing, standingOf, usualAgeingMs } from '../stores/jobs/turn-order.js';
import type { DropReason, Envelope, Outcome } from './envelope.js';
import type { Order } from './order.js';
import type { Pause } from './pause.js';
import type { StepWatch } from './step-watch.js';
import type { Work } from './work.js';

/** What one consumed record came to, once every descendant has its outcome. */
export interface Settlement {
  origin: StoredRecord;
  event: VimiEvent;
  /**
   * The record's own outcome: delivered when any part was, else rejected when any part was, else dropped for the first
   * part's reason.
   */
  outcome: Outcome;
  parts: SettledPart[];
  /** In the order of parts, whatever the order in which they finished. Outputs of rejected parts are left out. */
  outputs: NewRecord[];
}

/** One descendant of a record: what became of it, and what it carried then. */
export interface SettledPart {
  part: string;
  outcome: Outcome;
  /** The flow, as the last step that it reached left it; missing: it reached none. */
  data?: unknown;
}

/** What a pipeline has for all its envelopes. */
export interface Around {
  readonly pause: Pause;
  readonly watch: StepWatch;
  /** A request that waits gains a priority after so long each; `usualAgeingMs` when left out. */
  readonly ageingMs?: number | undefined;
  /** Missing where no step asks for it. */
  readonly order?: Order | undefined;
}

/**
 * Opens the envelope of a consumed record. `onSettled` is called once, when the envelope and all that was forked from
 * it have their outcomes.
 */
export function openEnvelope<T>(
  origin: StoredRecord,
  event: VimiEvent,
  data: T,
  work: Work,
  onSettled: (settlement: Settlement) => void,
  around: Around,
): Envelope<T> {
  return new Part(new Whole(origin, event, work, onSettled, around), data, '', { used: false, outputs: [] });
}

/** What the parts of a record have in common. */
class Whole {
  readonly origin: StoredRecord;
  readonly event: VimiEvent;
  readonly work: Work;
  readonly around: Around;
  readonly turn: Standing | undefined;
  readonly #onSettled: (settlement: Settlement) => void;
  readonly #settled: (SettledPart & { outputs: NewRecord[] })[] = [];
  /** Parts without an outcome. */
  open = 1;
  hasBegun = false;
  /** What waits for the end. */
  #ends: Set<() => void> | undefined;

  constructor(
    origin: StoredRecord,
    event: VimiEvent,
    work: Work,
    onSettled: (settlement: Settlement) => void,
    around: Around,
  ) {
    this.around = around;
    this.origin = origin;
    this.event = event;
    this.work = work;
    this.turn =
      catalogue[event.schema].asks === 'job'
        ? standingOf(event.data as GenerationRequested, origin.timestamp)
        : undefined;
    this.#onSettled = onSettled;
  }

  settle({ part, outcome, data }: SettledPart, outputs: NewRecord[]): void {
    const settled = this.#settled;
    const kept = outcome.kind === 'rejected' ? [] : outputs;
    this.open--;
    if (this.open > 0 || settled.length > 0) settled.push({ part, outcome, data, outputs: kept });
    if (this.open > 0) return;
    const { origin, event } = this;
    if (settled.length === 0) {
      this.#onSettled({ origin, event, outcome, parts: [{ part, outcome, data }], outputs: kept });
      this.#ended();
      return;
    }
    settled.sort((a, b) => compareParts(a.part, b.part));
    this.#onSettled({
      origin,
      event,
      outcome: outcomeOfWhole(settled.map((one) => one.outcome)),
      parts: settled.map(({ outputs: _, ...one }) => one),
      outputs: settled.flatMap((one) => one.outputs),
    });
    this.#ended();
  }

  onEnd(done: () => void): void {
    const { work } = this;
    if (work.isAborted || this.open === 0) {
      done();
      return;
    }
    const once = () => {
      work.offAbort(once);
      if (this.#ends?.delete(once)) done();
    };
    this.#ends ??= new Set();
    this.#ends.add(once);
    work.onAbort(once);
  }

  #ended(): void {
    if (this.#ends) for (const end of [...this.#ends]) end();
  }
}

/** An envelope. Those made by `with` are one part, and share its `state`. */
class Part<T> implements Envelope<T> {
  readonly #whole: Whole;
  readonly data: T;
  readonly part: string;
  readonly #state: { used: boolean; outputs: NewRecord[] };

  constructor(whole: Whole, data: T, part: string, state: { used: boolean; outputs: NewRecord[] }) {
    this.#whole = whole;
    this.data = data;
    this.part = part;
    this.#state = state;
  }

  get event(): VimiEvent {
    return this.#whole.event;
  }

  get origin(): StoredRecord {
    return this.#whole.origin;
  }

  get signal(): AbortSignal {
    return this.#whole.work.signal;
  }

  get isAborted(): boolean {
    return this.#whole.work.isAborted;
  }

  get work(): Work {
    return this.#whole.work;
  }

  get pause(): Pause {
    return this.#whole.around.pause;
  }

  get watch(): StepWatch {
    return this.#whole.around.watch;
  }

  get order(): Order | undefined {
    return this.#whole.around.order;
  }

  get turn(): Standing | undefined {
    return this.#whole.turn;
  }

  get ageingMs(): number {
    return this.#whole.around.ageingMs ?? usualAgeingMs;
  }

  abort(reason: VimiError): void {
    this.#whole.work.abort(reason);
  }

  begin(): void {
    this.#whole.hasBegun = true;
  }

  get hasBegun(): boolean {
    return this.#whole.hasBegun;
  }

  with<U>(data: U): Envelope<U> {
    return new Part(this.#whole, data, this.part, this.#state);
  }

  fork<U>(children: U[], reason: DropReason = 'custom'): Envelope<U>[] {
    this.#use('forked');
    if (children.length === 0) {
      this.settle({ kind: 'dropped', reason });
      return [];
    }
    this.#state.used = true;
    this.#whole.open += children.length - 1;
    return children.map(
      (child, n) =>
        new Part(this.#whole, child, this.part === '' ? `${n}` : `${this.part}.${n}`, {
          used: false,
          outputs: n === 0 ? this.#state.outputs : [],
        }),
    );
  }

  output(record: NewRecord): void {
    this.#use('given an output');
    this.#state.outputs.push(record);
  }

  onEnd(done: () => void): void {
    this.#whole.onEnd(done);
  }

  settle(outcome: Outcome): void {
    this.#use('settled');
    this.#state.used = true;
    const { part, data } = this;
    this.#whole.settle({ part, outcome, data }, this.#state.outputs);
  }

  #use(what: string): void {
    if (!this.#state.used) return;
    const { topic, partition, offset } = this.origin;
    throw new VimiError('INTERNAL', `An envelope was ${what} after it had its outcome`, {
      where: `${topic}/${partition}/${offset} part '${this.part}'`,
    });
  }
}

function outcomeOfWhole(outcomes: Outcome[]): Outcome {
  return (
    outcomes.find((outcome) => outcome.kind === 'delivered') ??
    outcomes.find((outcome) => outcome.kind === 'rejected') ??
    outcomes[0]!
  );
}

/** '2' before '10', '3' before '3.0'. */
export function compareParts(a: string, b: string): number {
  const left = a === '' ? [] : a.split('.').map(Number);
  const right = b === '' ? [] : b.split('.').map(Number);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] !== right[i]) return left[i]! - right[i]!;
  }
  return left.length - right.length;
}
