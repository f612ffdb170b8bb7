import { isDeepStrictEqual } from 'node:util';
import { waitAfter } from '../../core/backoff.js';
import type { Clock } from '../../core/clock.js';
import { asVimiError, type ErrorCode, type VimiError } from '../../core/errors.js';
import type { Log } from '../../core/log.js';
import type { Pause } from '../../flow/pause.js';
import type { PipelineSpans } from '../../flow/spans.js';
import type { AssignedPartition, GroupPosition } from '../transports/transport.js';
import { groupMs, groupSize, retryMs } from './credit.js';
import type { Outcomes, Told } from './outcomes.js';
import type { PartitionState } from './partition-state.js';
import { addCounts, countOutcome, emptyCounts, encodePosition, type OutcomeCounts, type Position } from './position.js';
import type { RunReport } from './run-report.js';
import type { RunningSteps } from './running-steps.js';
import type { Sinks } from './sinks.js';
import type { CommitPlan, Tracker } from './tracker.js';

/** What the commits of all partitions of a pipeline share. */
export interface CommitParts {
  steps: RunningSteps;
  outcomes: Outcomes;
  sinks: Sinks;
  report: RunReport;
  clock: Clock;
  log: Log;
  /** What the surroundings do to the pipeline: commits outlast it. */
  pause: Pause;
  /** Missing where nothing is traced. */
  spans?: PipelineSpans | undefined;
  /** The pipeline cannot go on. */
  fail(error: VimiError): void;
}

interface Listener {
  /** These offsets are committed, with all that they published. */
  onCommitted(offsets: readonly number[]): void;
  /** No commit is under way any more. */
  onRest(): void;
  /** The partition has another owner. */
  onFenced(error: VimiError): void;
}

/** A log says so of records that it will never take. */
const refusals: ReadonlySet<ErrorCode> = new Set(['EVENT_TOO_LARGE', 'EVENT_INVALID']);

/**
 * The commits of one partition: one at a time, each takes along whatever is settled by then, and moves the group's position in
 * the same transaction that publishes it.
 */
export class Commits {
  /** All outcomes of this partition that were ever committed. */
  readonly counts: OutcomeCounts;
  readonly #assigned: AssignedPartition;
  readonly #tracker: Tracker;
  readonly #state: PartitionState;
  readonly #parts: CommitParts;
  readonly #listener: Listener;
  #states: Record<string, number>;
  readonly #settled = new Map<number, Told>();
  #running: Promise<unknown> | undefined;
  /** Ends the wait for more events of a group. */
  #hurry: AbortController | undefined;
  /** A batch is being admitted: what settles on the way shares a commit with the rest of it. */
  #isHeld = false;

  constructor(
    assigned: AssignedPartition,
    { counts, states }: Pick<Position, 'counts' | 'states'>,
    {
      tracker,
      state,
      parts,
      listener,
    }: { tracker: Tracker; state: PartitionState; parts: CommitParts; listener: Listener },
  ) {
    this.#assigned = assigned;
    this.counts = counts;
    this.#states = states;
    this.#tracker = tracker;
    this.#state = state;
    this.#parts = parts;
    this.#listener = listener;
  }

  /** Whether nothing waits for a commit and none is under way. */
  get isAtRest(): boolean {
    return this.#tracker.waiting === 0 && this.#running === undefined;
  }

  /** Resolves when the commit that is under way is done, or never will be. */
  async done(): Promise<void> {
    await this.#running;
  }

  /** The group begins at `start`, whatever it committed before; only its counts stay. */
  async beginAt(start: number): Promise<void> {
    await this.#assigned.commit(
      [],
      this.#position({ committedOffset: start, beyond: [], counts: this.counts, states: {} }),
    );
    this.#states = {};
  }

  #position(position: Position): GroupPosition {
    const { log } = this.#assigned;
    return encodePosition({ ...position, ...(log !== undefined && { log }) });
  }

  /** An event that is settled by the tracker publishes this. */
  add(offset: number, told: Told): void {
    this.#settled.set(offset, told);
  }

  /** What `work` settles at once shares a commit. */
  together(work: () => void): void {
    this.#isHeld = true;
    try {
      work();
    } finally {
      this.#isHeld = false;
    }
    this.pump();
  }

  /** Commits what waits, soon: unless nothing waits, or a commit is under way and will take it along. */
  pump(): void {
    if (this.#isDue) this.#hurry?.abort();
    if (this.#isHeld || this.#running || this.#state.isOver || this.#tracker.waiting === 0) return;
    this.#running = this.#commitAll();
  }

  /** The last commit: the steps finish what they hold. */
  async seal(): Promise<void> {
    this.#running = this.#commitUntilDone(true);
    await this.#running;
    this.#running = undefined;
  }

  /** Whether a commit should not wait for more events to share it. */
  get #isDue(): boolean {
    return !this.#state.admits || this.#tracker.open === 0 || this.#tracker.waiting >= groupSize;
  }

  async #commitAll(): Promise<void> {
    while (this.#tracker.waiting > 0 && !this.#state.isOver) {
      if (!this.#isDue) {
        this.#hurry = new AbortController();
        await this.#parts.clock.sleep(groupMs, this.#hurry.signal);
        this.#hurry = undefined;
      }
      // False: nothing that is settled fits into the commit. The next event that settles may close a hole.
      if (!(await this.#commitUntilDone(false))) break;
    }
    this.#running = undefined;
    this.#listener.onRest();
  }

  /** Tries until it succeeds, is fenced or given up. False when there is nothing to commit. */
  async #commitUntilDone(final: boolean): Promise<boolean> {
    const { clock, log, pause, report } = this.#parts;
    let most: number | undefined;
    let plan: CommitPlan | null = null;
    const commit = async () => {
      plan = this.#tracker.plan(most);
      const planned = plan?.offsets.length ?? 0;
      if (planned < Math.min(this.#tracker.waiting, most ?? Number.POSITIVE_INFINITY)) report.onMetadataFull();
      if (plan === null || (plan.offsets.length === 0 && !final)) return false;
      try {
        await this.#commit(plan, final);
        return true;
      } catch (thrown) {
        const error = asVimiError(thrown);
        if (error.fault === 'surroundings') report.onRetry(error);
        throw error;
      }
    };
    for (let failures = 0; !this.#state.isOver; failures++) {
      try {
        return await pause.through('commit', commit, this.#state.committing);
      } catch (thrown) {
        if (this.#state.isOver) return false;
        const error = asVimiError(thrown);
        const offsets = (plan as CommitPlan | null)?.offsets ?? [];
        const [first, ...others] = offsets;
        if (refusals.has(error.code) && first !== undefined) {
          // The log does not say which record it will never take: fewer, until that one's event stands alone.
          if (others.length > 0) most = Math.ceil(offsets.length / 2);
          else this.#settled.set(first, this.#parts.outcomes.refused(this.#settled.get(first)!, error));
          continue;
        }
        if (error.code === 'POSITION_TOO_LARGE' && this.#tracker.narrow()) {
          log.warn(
            { error: error.message, remedy: error.remedy },
            'The brokers accept less metadata than a commit needs; committing plain offsets from now on',
          );
          continue;
        }
        if (error.code === 'TRANSPORT_FENCED') {
          report.onFenced();
          this.#listener.onFenced(error);
        } else if (!error.retryable) this.#parts.fail(error);
        if (!error.retryable) return false;
        report.onRetry(error);
        await clock.sleep(waitAfter(failures, retryMs), this.#state.committing);
      }
    }
    return false;
  }

  async #commit(plan: CommitPlan, final: boolean): Promise<void> {
    const { steps, sinks, report, spans } = this.#parts;
    const { topic, partition } = this.#assigned;
    const told = plan.offsets.map((offset) => this.#settled.get(offset)!);
    const settled = told.map((one) => one.settled);
    const records = told.flatMap((one) => one.records);
    const { counts, parts } = countsOf(told);
    const total = emptyCounts();
    addCounts(total, this.counts);
    addCounts(total, counts);
    await steps.beforeCommit(settled);
    const [from, to] = [this.#tracker.committedOffset, plan.committedOffset];
    const states = { ...this.#states };
    const sealed =
      to > from || final ? await steps.seal({ topic, partition, from, to, final }, states, sinks) : undefined;
    records.push(...(sealed?.records ?? []));
    const position = this.#position({ committedOffset: to, beyond: plan.beyond, counts: total, states });
    const isNews =
      to > from || records.length > 0 || plan.offsets.length > 0 || !isDeepStrictEqual(states, this.#states);
    if (isNews) {
      const commit = () => this.#assigned.commit(records, position);
      const traceparents = spans && settled.map(({ event }) => event?.traceparent);
      await (traceparents ? spans.commit({ partition, offset: to, traceparents }, commit) : commit());
    }
    this.#tracker.committed(plan);
    Object.assign(this.counts, total);
    Object.assign(this.#states, states);
    for (const offset of plan.offsets) this.#settled.delete(offset);
    this.#listener.onCommitted(plan.offsets);
    report.onCommitted(counts, parts, settled);
    for (const clear of sealed?.afterCommit ?? [])
      await clear().catch((error: unknown) =>
        this.#parts.log.warn(
          { topic, partition, error: asVimiError(error).message },
          'Cleaning up after a commit failed; leftovers stay',
        ),
      );
  }
}

/** Of events, and of what they were split into. */
function countsOf(told: readonly Told[]): { counts: OutcomeCounts; parts: OutcomeCounts } {
  const [counts, parts] = [emptyCounts(), emptyCounts()];
  for (const { settled } of told) {
    countOutcome(counts, settled.outcome);
    for (const part of settled.parts) countOutcome(parts, part.outcome);
  }
  return { counts, parts };
}
