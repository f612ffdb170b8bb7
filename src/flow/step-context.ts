import { type ErrorCode, type ErrorFacts, VimiError } from '../core/errors.js';
import type { Log } from '../core/log.js';
import type { VimiEvent } from '../events/event.js';
import type { NewRecord, StoredRecord } from '../events/record.js';
import type { Envelope } from './envelope.js';
import type { Place } from './map-each.js';
import type { Operator, Resources } from './operator.js';

/** What a step has as long as it runs: its settings, its state, and all that it may reach outside of its events. */
export interface StepRun<
  C = Record<string, unknown>,
  S = undefined,
  E extends string = string,
  K extends string = string,
> extends Omit<Resources, 'count'> {
  /** The step's name in its pipeline. */
  step: string;
  /** Checked and complete with defaults. */
  config: C;
  /** What `open` returned. */
  state: S;
  /** Lines carry the names of the pipeline and the step. */
  log: Log;
  /** Adds to a counter that the spec names: `vimi_operator_count_total`. */
  count(counter: K, times?: number): void;
  /** An error with a code of vimi's, or one that the spec names, which then brings its fault and its remedy. Throw it. */
  error(code: E | ErrorCode, summary: string, facts?: ErrorFacts): VimiError;
}

/** The same, and the event that is worked on. */
export interface StepContext<
  C = Record<string, unknown>,
  S = undefined,
  E extends string = string,
  K extends string = string,
> extends StepRun<C, S, E, K> {
  /** The event that this descends from, as it was consumed. */
  event: VimiEvent;
  /** The record that the event came in. */
  origin: StoredRecord;
  /** Which descendant of the event this is: '' for the event itself, '3' for its fourth clip, '3.0' below that. */
  part: string;
  /** Aborts when the work is pointless: the process stops, the job was cancelled, or its deadline passed. */
  signal: AbortSignal;
  /** Adds a record to what is published, atomically with the commit of the event. */
  output(record: NewRecord): void;
  /** Ends the work on the whole event, its other parts included; see Envelope. */
  abort(reason: VimiError): void;
  /** The work that the request asks for begins: `start_by` ends it no longer. For steps that spend what is dear; see Envelope. */
  begin(): void;
  readonly hasBegun: boolean;
  /** How far what the request asks for is, 0 to 1: for whoever looks at the run, as `vimi top` does. */
  progress(share: number): void;
  /**
   * What is left to do for this event takes none of what `concurrency` is the limit of: another one may begin. For steps that hold
   * something dear, such as a model, to which the next event is to be brought while this one is finished.
   */
  giveWay(): void;
  /** Calls `done` once: when the whole event has its outcome, or the work on it is abandoned. */
  onEnd(done: () => void): void;
}

/** The run of one step. Resources are looked up when they are asked for, so that a test may leave some out. */
export function stepRun(
  { codes, counters, module }: Operator,
  step: string,
  config: Record<string, unknown>,
  resources: Resources,
): StepRun<Record<string, unknown>, unknown> {
  const line = (level: keyof Log) => (fields: object, message: string) =>
    resources.log[level]({ pipeline: resources.pipeline, step, ...fields }, message);
  const own: Partial<StepRun<Record<string, unknown>, unknown>> = {
    step,
    config,
    state: undefined,
    log: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
    count(counter, times = 1) {
      if (!Object.hasOwn(counters, counter))
        throw new VimiError('INTERNAL', `The step ${step} counts '${counter}', which its spec does not name`, {
          expected: Object.keys(counters).join(', ') || 'no counter',
          where: module,
        });
      resources.count?.({ step, counter, times });
    },
    error(code, summary, facts = {}) {
      const meaning = Object.hasOwn(codes, code) ? codes[code] : undefined;
      return new VimiError(code, summary, { ...meaning, ...facts });
    },
  };
  return Object.assign(Object.create(resources), own);
}

/** Makes the contexts of a run's events: one small object an event, which finds the rest in the run. */
export function contextsOf(run: StepRun<Record<string, unknown>, unknown>) {
  class Context {
    readonly #envelope: Envelope;
    readonly #place: Place;
    constructor(envelope: Envelope, place: Place) {
      this.#envelope = envelope;
      this.#place = place;
    }
    get event() {
      return this.#envelope.event;
    }
    get origin() {
      return this.#envelope.origin;
    }
    get part() {
      return this.#envelope.part;
    }
    get signal() {
      return this.#envelope.signal;
    }
    // Functions that may be taken apart from it.
    get output() {
      return (record: NewRecord) => this.#envelope.output(record);
    }
    get abort() {
      return (reason: VimiError) => this.#envelope.abort(reason);
    }
    get begin() {
      return () => this.#envelope.begin();
    }
    get hasBegun() {
      return this.#envelope.hasBegun;
    }
    get progress() {
      return (share: number) => {
        this.#envelope.work.progress = Math.min(1, Math.max(0, share));
      };
    }
    get giveWay() {
      return () => this.#place.giveWay();
    }
    get onEnd() {
      return (done: () => void) => this.#envelope.onEnd(done);
    }
  }
  Object.setPrototypeOf(Context.prototype, run);
  return (envelope: Envelope, place: Place) =>
    new Context(envelope, place) as unknown as StepContext<Record<string, unknown>, unknown>;
}
