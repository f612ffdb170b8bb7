import type { Clock } from '../../core/clock.js';
import { asVimiError, VimiError } from '../../core/errors.js';
import type { ControlData } from '../../events/catalogue.js';
import { decodeEvent } from '../../events/cloudevents.js';
import type { VimiEvent } from '../../events/event.js';
import type { StoredRecord } from '../../events/record.js';
import type { SchemaName } from '../../events/schemas.js';
import type { Outcome } from '../../flow/envelope.js';
import { firstFlow } from '../../flow/first-flow.js';
import type { Pause } from '../../flow/pause.js';
import { openEnvelope, type Settlement } from '../../flow/settlement.js';
import type { PipelineSpans } from '../../flow/spans.js';
import type { StepWatch } from '../../flow/step-watch.js';
import { type Cancels, isCancel } from './cancels.js';
import type { Chain } from './chain.js';
import { type InFlight, InFlightEvent } from './in-flight.js';
import type { PublishedOrder } from './published-order.js';
import { rejectedWhole, type Settled } from './settled.js';

/** What the admission to all partitions of a pipeline shares. */
export interface AdmissionParts {
  schemas: readonly SchemaName[];
  chain: Chain;
  inFlight: InFlight;
  /** null: the topic carries none. */
  cancels: Cancels | null;
  /** The job that an event asks for; undefined: it asks for none. */
  jobOf(event: VimiEvent): string | undefined;
  clock: Clock;
  pause: Pause;
  watch: StepWatch;
  /** Missing where nothing is traced. */
  spans?: PipelineSpans | undefined;
  /** See PipelineSpec. */
  ageingMs?: number | undefined;
  /** Missing where no step asks for it. */
  order?: PublishedOrder | undefined;
}

interface Listener {
  onSettled(settled: Settled): void;
  /** Cancels came to wait, or wait no more: they do not count as in flight. */
  onCredit(): void;
}

/** Makes events of the records of one partition, and sends them on their way: into the steps, or to the cancels. */
export class Admission {
  readonly #parts: AdmissionParts;
  readonly #listener: Listener;
  /** Aborts when nothing more is committed. */
  readonly #over: AbortSignal;
  /** By offset; those that wait for their commit are among them. */
  readonly #open = new Map<number, InFlightEvent>();
  #cancels = 0;
  readonly #onSettled = (settlement: Settlement) => {
    const open = this.#open.get(settlement.origin.offset);
    if (open) open.isSettled = true;
    open?.span?.end(settlement.outcome);
    this.#parts.order?.end(settlement.origin);
    this.#listener.onSettled(settlement);
  };

  constructor(parts: AdmissionParts, over: AbortSignal, listener: Listener) {
    this.#parts = parts;
    this.#over = over;
    this.#listener = listener;
  }

  /** Cancels that wait for their jobs to end. The work could not go on without them, so they take nothing of its credit. */
  get cancels(): number {
    return this.#cancels;
  }

  admit(record: StoredRecord): void {
    const { schemas, chain, inFlight, cancels, jobOf, clock, spans, order } = this.#parts;
    let event: VimiEvent;
    try {
      event = decodeEvent(record, schemas);
    } catch (thrown) {
      this.#listener.onSettled(rejectedWhole({ origin: record }, asVimiError(thrown), 'decode'));
      return;
    }
    if (isCancel(event.schema)) {
      void this.#cancel(record, event as VimiEvent<ControlData>);
      return;
    }
    const job = jobOf(event);
    const span = spans?.event(record, event);
    if (span) event = { ...event, traceparent: span.traceparent };
    const open = new InFlightEvent(job, clock.elapsed(), span);
    if (job !== undefined && cancels?.isWanted(job))
      open.abort(new VimiError('CANCELLED', 'The job was cancelled before it began'));
    inFlight.add(open);
    order?.add(record, open);
    this.#open.set(record.offset, open);
    chain.feed(openEnvelope(record, event, firstFlow(event), open, this.#onSettled, this.#parts));
  }

  /** Seconds since the record at `offset` went into the steps; undefined: it did not. */
  secondsOf(offset: number): number | undefined {
    const since = this.#open.get(offset)?.since;
    return since === undefined ? undefined : (this.#parts.clock.elapsed() - since) / 1000;
  }

  committed(offsets: readonly number[]): void {
    for (const offset of offsets) {
      const open = this.#open.get(offset);
      if (open) this.#parts.inFlight.end(open);
      this.#open.delete(offset);
    }
  }

  /** Work on what is in flight is pointless. */
  abort(reason: VimiError): void {
    for (const open of this.#open.values()) open.abort(reason);
  }

  /** Others do what is in flight: nobody here waits for it any more. */
  release(): void {
    for (const open of this.#open.values()) this.#parts.inFlight.end(open);
  }

  /**
   * The cancel itself settles only once what it wants is written down, so that a crash in between brings back both. What
   * it asks for is done long before: see Cancels.
   */
  async #cancel(origin: StoredRecord, event: VimiEvent<ControlData>): Promise<void> {
    const { cancels, pause } = this.#parts;
    let settled: Settled;
    this.#cancels++;
    this.#listener.onCredit();
    try {
      const settle = async () => (cancels ? cancels.settle(event, origin) : 'cancel-late');
      const outcome: Outcome = { kind: 'dropped', reason: await pause.through('cancel', settle, this.#over) };
      settled = { origin, event, outcome, parts: [{ part: '', outcome }], outputs: [] };
    } catch (thrown) {
      settled = rejectedWhole({ origin, event }, asVimiError(thrown), 'cancel');
    }
    this.#cancels--;
    this.#listener.onSettled(settled);
  }
}
