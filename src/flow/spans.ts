import type { VimiError } from '../core/errors.js';
import type { VimiEvent } from '../events/event.js';
import type { StoredRecord } from '../events/record.js';

/*
 * What a pipeline tells of its work while it is traced. A pipeline that is not traced has no `PipelineSpans`, and pays nothing.
 * The one implementation: app/telemetry.
 */

/** The work on one consumed event, up to its outcome. */
export interface EventSpan {
  /** W3C trace context of this span: what the event brings about says that it comes from here. */
  readonly traceparent: string;
  /** Runs the work of a step on a part of the event within a span of its own; the step's work can find it as the active span. */
  step<T>(name: string, part: string, work: () => T | Promise<T>): T | Promise<T>;
  end(outcome: SpanOutcome): void;
}

/** What a span says of an outcome. */
export interface SpanOutcome {
  kind: 'delivered' | 'rejected' | 'dropped';
  /** Of what was dropped. */
  reason?: string;
  /** Of what was rejected. */
  error?: VimiError;
}

export interface PipelineSpans {
  /** Begins the work on an event. Its parent is the trace that the event names. */
  event(record: StoredRecord, event: VimiEvent): EventSpan;
  /** Records were read, since a time in milliseconds since 1970. It links to what made them. */
  received(records: readonly StoredRecord[], since: number): void;
  /** Runs a commit within a span that links to the events that it settles. */
  commit<T>(place: CommittedPlace, work: () => Promise<T>): Promise<T>;
}

export interface CommittedPlace {
  partition: number;
  /** The committed offset afterwards. */
  offset: number;
  /** The trace contexts of the events. */
  traceparents: readonly (string | undefined)[];
}
