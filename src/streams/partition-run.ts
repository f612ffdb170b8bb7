import { isDeepStrictEqual } from 'node:util';
import { asVimiError, type ErrorCode, VimiError } from '../errors.js';
import { decodeEvent } from '../events/cloudevents.js';
import type { VimiEvent } from '../events/event.js';
import type { GenerationCancelled, SchemaName } from '../events/schemas.js';
import type { Clock, Log, Sealed, Takeover, WatermarkMove } from '../operators/operator.js';
import type { Cancels } from './cancels.js';
import { type Chain, firstFlow } from './chain.js';
import { credit, groupMs, groupSize } from './credit.js';
import type { Fate } from './envelope.js';
import { type InFlight, InFlightEvent } from './in-flight.js';
import type { Pause } from './pause.js';
import {
  addCounts,
  countFate,
  decodePosition,
  emptyCounts,
  encodePosition,
  type FateCounts,
  isSettled,
} from './position.js';
import { openEnvelope, type Settlement } from './settlement.js';
import type { StepWatch } from './step-watch.js';
import { type CommitPlan, Tracker } from './tracker.js';
import type { AssignedPartition, NewRecord, StoredRecord } from './transport.js';
import { within } from './within.js';

/** What a record came to; `event` is missing when it could not be read as one. */
export type Settled = Omit<Settlement, 'event'> & { event?: VimiEvent };

/** A step that could not tell of an event's fate. */
export class Untold extends Error {
  constructor(
    readonly step: string,
    readonly error: VimiError,
  ) {
    super(error.message);
  }
}

/** An operator that is told of watermarks, under the name of its mark. */
export interface Sealer {
  name: string;
  onWatermark(move: WatermarkMove): Promise<Sealed>;
}

/** What a partition needs of its pipeline. */
export interface PartitionHost {
  schemas: readonly SchemaName[];
  window: number;
  chain: Chain;
  inFlight: InFlight;
  /** null: the topic carries none. */
  cancels: Cancels | null;
  /** The job that an event asks for; undefined: it asks for none. */
  jobOf(event: VimiEvent): string | undefined;
  sealers: readonly Sealer[];
  clock: Clock;
  log: Log;
  /** What the surroundings do to the pipeline: nothing is read while it is on, and commits outlast it. */
  pause: Pause;
  watch: StepWatch;
  /**
   * All records that a settled event publishes: its outputs, its rejects, what operators say of its fate. Throws Untold;
   * of a rejected event nothing that a step throws.
   */
  recordsOf(settled: Settled): NewRecord[];
  publishSealed(sealed: Sealed): Promise<NewRecord[]>;
  takeOver(takeover: Takeover): Promise<void>;
  beforeCommit(settled: readonly Settled[]): Promise<void>;
  /** A record that reached the steps has its fate, after so many seconds. */
  onSettled(seconds: number): void;
  /** `parts`: of what the events were split into, those that were not split included. */
  onCommitted(counts: FateCounts, parts: FateCounts, settled: readonly Settled[]): void;
  /** Records were gone before they were read. */
  onLost(place: { topic: string; partition: number; from: number; to: number; records: number }): void;
  /** Where to begin instead of at the committed position, if that cannot be gone on from. */
  startOf(assigned: AssignedPartition): Promise<number | undefined>;
  /** A commit failed, and is tried again. */
  onRetry(error: VimiError): void;
  /** A commit was refused: the partition has another owner. */
  onFenced(): void;
  /** A commit leaves settled records out, for want of room in its metadata. */
  onMetadataFull(): void;
  onForeignMetadata(): void;
  /** Something happened that may mean that everything is done. */
  onIdle(): void;
  /** The pipeline cannot go on. */
  fail(error: VimiError): void;
}

/** A log says so of records that it will never take. */
const refusals: ReadonlySet<ErrorCode> = new Set(['EVENT_TOO_LARGE', 'EVENT_INVALID']);
/** The wait before a failed commit or read is tried again: doubled from the first to the last, in milliseconds. */
const backoffMs = { first: 100, last: 5_000 };
/** For the last commit, after what did not finish in time was given up. */
const lastCommitMs = 1_000;

/**
 * One partition from its records to its commits:
 * take over → take within the credit → skip what an earlier run committed → decode → envelope → the pipeline's chain →
 * settled → group commit. There is one commit at a time, and it takes along whatever is settled by then.
 */
export class PartitionRun {
  readonly #assigned: AssignedPartition;
  readonly #host: PartitionHost;
  #tracker: Tracker;
  readonly #counts: FateCounts;
  #marks: Record<string, number>;
  readonly #settled = new Map<number, { settled: Settled; records: NewRecord[] }>();
  readonly #open = new Map<number, InFlightEvent>();
  readonly #taking = new AbortController();
  /** Aborted: nothing is committed any more. */
  readonly #closing = new AbortController();
  #takeover: Takeover;
  readonly #done: Promise<void>;
  #committing: Promise<unknown> | undefined;
  /** Ends the wait for more events of a group. */
  #hurry: AbortController | undefined;
  #onCredit: (() => void) | undefined;
  #onIdle: (() => void)[] = [];
  #stopping = false;
  #isTakenOver = false;
  /** Cancels that wait for their jobs to end. They share no window with the work, which could not go on without them. */
  #cancels = 0;
  /** The first offset that was given out when nothing was admitted any more. */
  #left = Number.POSITIVE_INFINITY;
  /** Records were given out that wait for a pause to be over. */
  #holds = false;
  /** A batch is being admitted: what settles on the way shares a commit with the rest of it. */
  #admitting = false;
  readonly #onSettled = (settlement: Settlement) => this.#settle(settlement);

  constructor(assigned: AssignedPartition, host: PartitionHost) {
    this.#assigned = assigned;
    this.#host = host;
    const position = decodePosition(assigned.position);
    if (position.foreign) {
      host.onForeignMetadata();
      host.log.warn(
        { topic: assigned.topic, partition: assigned.partition, offset: position.watermark },
        'The committed position was written by another client; going on from its plain offset',
      );
    }
    this.#tracker = new Tracker(position.watermark, position.beyond);
    this.#counts = position.counts;
    this.#marks = position.marks;
    const { topic, partition } = assigned;
    this.#takeover = { topic, partition, isSettled: (offset) => isSettled(position, offset) };
    this.#done = this.#take();
  }

  get open(): number {
    return this.#tracker.open;
  }

  get waiting(): number {
    return this.#tracker.waiting;
  }

  get watermark(): number {
    return this.#tracker.watermark;
  }

  /** All fates of this partition that were ever committed. */
  get counts(): FateCounts {
    return this.#counts;
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  get isIdle(): boolean {
    return this.#tracker.open === 0 && this.#tracker.waiting === 0 && this.#committing === undefined;
  }

  /** Whether everything below `end` is settled and committed. */
  isDone(end: number): boolean {
    return (
      this.#isTakenOver && !this.#holds && this.isIdle && Math.max(this.#assigned.reached, this.#tracker.next) >= end
    );
  }

  /** Admits nothing more. */
  stopTaking(): void {
    this.#stopping = true;
    this.#taking.abort();
    this.#onCredit?.();
    this.#pump();
  }

  async idle(): Promise<void> {
    await this.#done;
    while (!this.isIdle && !this.#isClosed)
      await new Promise<void>((resolve) => {
        this.#onIdle.push(resolve);
      });
  }

  /** The run ends with the topic: what the operators still hold for this partition is sealed and committed. */
  async finish(): Promise<void> {
    if (this.#isClosed) return;
    this.#tracker.reach(Math.min(this.#assigned.reached, this.#left));
    this.#committing = this.#commitUntilDone(true);
    await this.#committing;
    this.#committing = undefined;
  }

  /**
   * Gives the partition up: waits for what is in flight, at most `ms`, then abandons the rest, which whoever owns the
   * partition next does again. `forGood`: the whole pipeline stops, so a cancel whose job was abandoned waits with it.
   */
  async stop(ms: number, forGood: boolean): Promise<void> {
    this.stopTaking();
    if (!(await within(ms, this.idle()))) {
      const reason = new VimiError('TIMED_OUT', 'The work was given up, to be done again by the next owner');
      for (const open of this.#open.values()) open.abort(reason);
      this.#pump();
      if (this.#committing) await within(lastCommitMs, this.#committing);
    }
    this.#close();
    if (!forGood) for (const open of this.#open.values()) this.#host.inFlight.end(open);
  }

  /** Another owner has it, or the pipeline failed: nothing more can be committed. */
  abandon(reason: VimiError): void {
    this.#close();
    for (const open of this.#open.values()) open.abort(reason);
  }

  #close(): void {
    this.#closing.abort();
    this.stopTaking();
    this.#tellIdle();
  }

  async #take(): Promise<void> {
    const { signal } = this.#taking;
    let failures = 0;
    while (!signal.aborted) {
      const most = this.#credit;
      if (most === 0) {
        await new Promise<void>((resolve) => {
          this.#onCredit = resolve;
        });
        continue;
      }
      try {
        const { pause } = this.#host;
        if (!this.#isTakenOver) await pause.through('take over', () => this.#begin(), signal);
        if (!this.#isTakenOver) await pause.through('take over', () => this.#host.takeOver(this.#takeover), signal);
        this.#isTakenOver = true;
        const taking = pause.through('read', () => this.#assigned.take(most, signal), signal);
        if (this.isIdle) this.#host.onIdle();
        const records = await taking;
        failures = 0;
        this.#holds = records.length > 0;
        await pause.over(signal);
        if (signal.aborted) {
          this.#left = records[0]?.offset ?? this.#left;
          return;
        }
        this.#admitting = true;
        for (const record of records) this.#admit(record);
        this.#admitting = false;
        this.#holds = false;
        this.#pump();
        // The transport has nothing to give any more and will say so; until then this must not spin.
        if (records.length === 0) await this.#host.clock.sleep(backoffMs.first, signal);
      } catch (thrown) {
        if (signal.aborted) return;
        const error = asVimiError(thrown);
        if (!error.retryable) {
          this.#host.fail(error);
          return;
        }
        this.#host.onRetry(error);
        await this.#host.clock.sleep(backoff(failures++), signal);
      }
    }
  }

  /** The committed position may be gone, or lie where the log has not come to: then it begins elsewhere. */
  async #begin(): Promise<void> {
    const start = await this.#host.startOf(this.#assigned);
    if (start === undefined) return;
    this.#assigned.seek(start);
    // At once: else what comes until the first commit would be passed over by the next beginning.
    await this.#assigned.commit([], encodePosition({ watermark: start, beyond: [], counts: this.#counts, marks: {} }));
    this.#tracker = new Tracker(start);
    this.#marks = {};
    this.#takeover = { ...this.#takeover, isSettled: (offset) => offset < start };
  }

  /** The transport passed over offsets that are not kept any more. */
  lost(from: number, to: number): void {
    const { topic, partition } = this.#assigned;
    const records = this.#tracker.unsettled(from, to);
    if (records > 0) this.#host.onLost({ topic, partition, from, to, records });
  }

  #admit(record: StoredRecord): void {
    if (!this.#tracker.admit(record.offset)) return;
    let event: VimiEvent;
    try {
      event = decodeEvent(record, this.#host.schemas);
    } catch (thrown) {
      const fate: Fate = { kind: 'rejected', error: asVimiError(thrown), step: 'decode', attempts: 1 };
      this.#settle({ origin: record, fate, parts: [{ part: '', fate }], outputs: [] });
      return;
    }
    if (event.schema === 'generation.cancelled') {
      void this.#cancel(record, event as VimiEvent<GenerationCancelled>);
      return;
    }
    const job = this.#host.jobOf(event);
    const open = new InFlightEvent(job, this.#host.clock.elapsed());
    if (job !== undefined && this.#host.cancels?.isWanted(job))
      open.abort(new VimiError('CANCELLED', 'The job was cancelled before it was begun'));
    this.#host.inFlight.add(open);
    this.#open.set(record.offset, open);
    this.#host.chain.feed(openEnvelope(record, event, firstFlow(event), open, this.#onSettled, this.#host));
  }

  /**
   * The cancel itself settles only once what it wants is written down, so that a crash in between brings back both. What
   * it asks for is done long before: see Cancels.
   */
  async #cancel(origin: StoredRecord, event: VimiEvent<GenerationCancelled>): Promise<void> {
    let fate: Fate;
    this.#cancels++;
    this.#returnCredit();
    try {
      const { cancels, pause } = this.#host;
      const settle = async () => (cancels ? cancels.settle(event, origin) : 'cancel-late');
      fate = { kind: 'dropped', reason: await pause.through('cancel', settle, this.#closing.signal) };
    } catch (thrown) {
      fate = { kind: 'rejected', error: asVimiError(thrown), step: 'cancel', attempts: 1 };
    }
    this.#cancels--;
    this.#settle({ origin, event, fate, parts: [{ part: '', fate }], outputs: [] });
  }

  #settle(settled: Settled): void {
    // Given up: what an operator finishes now is done again by the next owner.
    if (this.#isClosed) return;
    const { offset } = settled.origin;
    this.#settled.set(offset, this.#told(settled));
    const since = this.#open.get(offset)?.since;
    if (since !== undefined) this.#host.onSettled((this.#host.clock.elapsed() - since) / 1000);
    this.#tracker.settle(offset);
    this.#returnCredit();
    this.#pump();
  }

  /** What fails while an outcome is told of is the trouble of this event alone: it is rejected for that. */
  #told(settled: Settled): { settled: Settled; records: NewRecord[] } {
    try {
      return { settled, records: this.#host.recordsOf(settled) };
    } catch (thrown) {
      const error = thrown instanceof Untold ? thrown.error : asVimiError(thrown);
      const step = thrown instanceof Untold ? thrown.step : 'tell';
      const fate: Fate = { kind: 'rejected', error, step, attempts: 1 };
      const refused = { ...settled, fate, parts: [{ part: '', fate }], outputs: [] };
      try {
        return { settled: refused, records: this.#host.recordsOf(refused) };
      } catch (again) {
        const { topic, partition, offset } = settled.origin;
        this.#host.log.error(
          { topic, partition, offset, code: error.code, error: error.message, again: asVimiError(again).message },
          'Neither the outcome of this event nor its reject can be told: it is counted as rejected, and stays in its topic only',
        );
        return { settled: refused, records: [] };
      }
    }
  }

  #returnCredit(): void {
    if (!this.#onCredit || this.#credit === 0) return;
    this.#onCredit();
    this.#onCredit = undefined;
  }

  get #credit(): number {
    const { open, waiting } = this.#tracker;
    return credit({ open: open - this.#cancels, waiting }, this.#host.window);
  }

  /** Whether a commit should not wait for more events to share it. */
  get #isDue(): boolean {
    return this.#stopping || this.#tracker.open === 0 || this.#tracker.waiting >= groupSize;
  }

  #pump(): void {
    if (this.#isDue) this.#hurry?.abort();
    if (this.#admitting || this.#committing || this.#isClosed || this.#tracker.waiting === 0) return;
    this.#committing = this.#commitAll();
  }

  #tellIdle(): void {
    for (const resolve of this.#onIdle.splice(0)) resolve();
    this.#host.onIdle();
  }

  async #commitAll(): Promise<void> {
    while (this.#tracker.waiting > 0 && !this.#isClosed) {
      if (!this.#isDue) {
        this.#hurry = new AbortController();
        await this.#host.clock.sleep(groupMs, this.#hurry.signal);
        this.#hurry = undefined;
      }
      // False: nothing that is settled fits into the commit. The next event that settles may close a hole.
      if (!(await this.#commitUntilDone(false))) break;
    }
    this.#committing = undefined;
    if (this.isIdle) this.#tellIdle();
  }

  /** Tries until it succeeds, is fenced or closed. False when there is nothing to commit. */
  async #commitUntilDone(final: boolean): Promise<boolean> {
    let most: number | undefined;
    let plan: CommitPlan | null = null;
    const commit = async () => {
      plan = this.#tracker.plan(most);
      const planned = plan?.offsets.length ?? 0;
      if (planned < Math.min(this.#tracker.waiting, most ?? Number.POSITIVE_INFINITY)) this.#host.onMetadataFull();
      if (plan === null || (plan.offsets.length === 0 && !final)) return false;
      try {
        await this.#commit(plan, final);
        return true;
      } catch (thrown) {
        const error = asVimiError(thrown);
        if (error.fault === 'surroundings') this.#host.onRetry(error);
        throw error;
      }
    };
    for (let failures = 0; !this.#isClosed; failures++) {
      try {
        return await this.#host.pause.through('commit', commit, this.#closing.signal);
      } catch (thrown) {
        if (this.#isClosed) return false;
        const error = asVimiError(thrown);
        const offsets = (plan as CommitPlan | null)?.offsets ?? [];
        const [first, ...others] = offsets;
        if (refusals.has(error.code) && first !== undefined) {
          // The log does not say which record it will never take: fewer, until that one's event stands alone.
          if (others.length > 0) most = Math.ceil(offsets.length / 2);
          else this.#refuse(first, error);
          continue;
        }
        if (error.code === 'POSITION_TOO_LARGE' && this.#tracker.narrow()) {
          this.#host.log.warn(
            { error: error.message, remedy: error.remedy },
            'Committing plain watermarks from here on',
          );
          continue;
        }
        if (error.code === 'TRANSPORT_FENCED') {
          this.#host.onFenced();
          this.abandon(error);
        } else if (!error.retryable) this.#host.fail(error);
        if (!error.retryable) return false;
        this.#host.onRetry(error);
        await this.#host.clock.sleep(backoff(failures), this.#closing.signal);
      }
    }
    return false;
  }

  /**
   * The log takes no such output: the event is rejected instead, so that it stops nothing. Were its reject refused too,
   * it would be counted and logged alone; its bytes are still in the input topic.
   */
  #refuse(offset: number, error: VimiError): void {
    const { settled, records } = this.#settled.get(offset)!;
    const isSecond = settled.fate.kind === 'rejected' && settled.fate.error.code === error.code;
    const fate: Fate = { kind: 'rejected', error, step: 'commit', attempts: 1 };
    const refused = { ...settled, fate, parts: [{ part: '', fate }], outputs: [] };
    if (isSecond)
      this.#host.log.error(
        { topic: this.#assigned.topic, partition: this.#assigned.partition, offset, records: records.length },
        'The log takes not even the reject of this event: it is counted as rejected, and stays in its topic only',
      );
    this.#settled.set(offset, isSecond ? { settled: refused, records: [] } : this.#told(refused));
  }

  async #commit(plan: CommitPlan, final: boolean): Promise<void> {
    const { topic, partition } = this.#assigned;
    const settled = plan.offsets.map((offset) => this.#settled.get(offset)!);
    const records = settled.flatMap((one) => one.records);
    const counts = emptyCounts();
    const parts = emptyCounts();
    for (const { settled: one } of settled) {
      countFate(counts, one.fate);
      for (const part of one.parts) countFate(parts, part.fate);
    }
    const total = emptyCounts();
    addCounts(total, this.#counts);
    addCounts(total, counts);
    await this.#host.beforeCommit(settled.map((one) => one.settled));
    const from = this.#tracker.watermark;
    const to = plan.watermark;
    const marks = { ...this.#marks };
    const sealed: Sealed[] = [];
    if (to > from || final)
      for (const { name, onWatermark } of this.#host.sealers) {
        const one = await onWatermark({ topic, partition, from, to, mark: marks[name] ?? 0, final });
        records.push(...(await this.#host.publishSealed(one)));
        marks[name] = one.mark;
        sealed.push(one);
      }
    const position = encodePosition({ watermark: to, beyond: plan.beyond, counts: total, marks });
    const isNews = to > from || records.length > 0 || plan.offsets.length > 0 || !isDeepStrictEqual(marks, this.#marks);
    if (isNews) await this.#assigned.commit(records, position);
    this.#tracker.committed(plan);
    Object.assign(this.#counts, total);
    Object.assign(this.#marks, marks);
    for (const offset of plan.offsets) {
      this.#settled.delete(offset);
      const open = this.#open.get(offset);
      if (open) this.#host.inFlight.end(open);
      this.#open.delete(offset);
    }
    this.#host.onCommitted(
      counts,
      parts,
      settled.map((one) => one.settled),
    );
    this.#returnCredit();
    for (const one of sealed)
      await one
        .afterCommit?.()
        .catch((error: unknown) =>
          this.#host.log.warn(
            { topic, partition, error: asVimiError(error).message },
            'Clearing up after a commit failed',
          ),
        );
  }
}

function backoff(failures: number): number {
  return Math.min(backoffMs.last, backoffMs.first * 2 ** failures);
}
