import type { VimiError } from '../core/errors.js';
import type { VimiEvent } from '../events/event.js';
import type { NewRecord, StoredRecord } from '../events/record.js';
import type { Standing } from '../stores/jobs/turn-order.js';
import type { Order } from './order.js';
import type { Pause } from './pause.js';
import type { StepWatch } from './step-watch.js';
import type { Work } from './work.js';

/** Why an event was left out on purpose, as the operators of vimi say it. */
export const dropReasons = [
  'duplicate',
  'duplicate-request',
  'too-short',
  'too-small',
  'too-still',
  'blurry',
  'too-dark',
  'too-bright',
  'flat',
  'black',
  'frozen',
  'letterboxed',
  'language',
  'cancelled',
  'cancel-handled',
  'cancel-early',
  'cancel-late',
  'unchanged',
  'opted-out',
  'licence',
  'removed',
  'custom',
] as const;
/** The last two: a limit on a score without a reason of its own, such as low-caption-words. */
export type KnownDropReason = (typeof dropReasons)[number] | `low-${string}` | `high-${string}`;

export function isKnownReason(reason: string): reason is KnownDropReason {
  return (dropReasons as readonly string[]).includes(reason) || /^(low|high)-[a-z0-9-]+$/.test(reason);
}
/** One of these, or a custom operator's word for it: short, in lower case, with dashes. Counted by reason. */
export type DropReason = KnownDropReason | (string & {});

/** What became of an envelope. Every envelope gets exactly one. */
export type Outcome =
  | { kind: 'delivered' }
  | { kind: 'rejected'; error: VimiError; step: string; attempts: number }
  /** `of`: what a duplicate is one of, by its uri; of others, what they were dropped for. */
  | { kind: 'dropped'; reason: DropReason; of?: string };

/** An event in flight. Immutable but for its outcome; operators make new ones with `with` and `fork`. */
export interface Envelope<T = unknown> {
  /** The event it descends from, as it was consumed. */
  readonly event: VimiEvent;
  readonly origin: StoredRecord;
  /** What the step before made of it. */
  readonly data: T;
  /** Which descendant of the event this is: '' for the event itself, '3' for its fourth clip, '3.0' below that. */
  readonly part: string;
  /**
   * Aborts when the work is pointless: the partition was revoked, the process drains, the job was cancelled, or its
   * deadline passed. The reason is a VimiError.
   */
  readonly signal: AbortSignal;
  /** The same as `signal.aborted`, and cheaper: a signal is made when it is first asked for. */
  readonly isAborted: boolean;
  /**
   * Of its pipeline: work waits while it is on, and trouble of the surroundings is outlasted in it.
   * @internal
   */
  readonly pause: Pause;
  /**
   * Of its pipeline: work that takes long is in its eye.
   * @internal
   */
  readonly watch: StepWatch;
  /**
   * On its event: it tells who listens when it is pointless, and where it is traced each step's work is a span in it.
   * @internal
   */
  readonly work: Work;
  /**
   * Of its pipeline: missing where no step asks for it.
   * @internal
   */
  readonly order: Order | undefined;
  /**
   * Of a request: what decides when its turn comes, where it waits with others.
   * @internal
   */
  readonly turn: Standing | undefined;
  /**
   * Of its pipeline: a request that waits gains a priority after so long each.
   * @internal
   */
  readonly ageingMs: number;
  /** The same descendant with new data. */
  with<U>(data: U): Envelope<U>;
  /**
   * Splits it into children, each of which needs its own outcome; this one is used up. Their order is the order of
   * outputs. An empty list settles it as dropped with `reason`.
   */
  fork<U>(children: U[], reason?: DropReason): Envelope<U>[];
  /**
   * Ends the work on the whole event, its other parts included: CANCELLED drops it, REQUEST_EXPIRED rejects it, as soon
   * as the step that has it looks. The first reason counts.
   */
  abort(reason: VimiError): void;
  /** Adds a record to what is published, atomically with the commit of the event. Outputs of a rejected part are left out. */
  output(record: NewRecord): void;
  /**
   * The work that its request asks for begins now: `start_by` ends it no longer. For the step that spends what is dear, such as the
   * model's time.
   */
  begin(): void;
  readonly hasBegun: boolean;
  /** Calls `done` once: when the whole event has its outcome, or the work on it is abandoned. */
  onEnd(done: () => void): void;
  /** Ends it. The first call counts; a second is a defect and throws INTERNAL. */
  settle(outcome: Outcome): void;
}
