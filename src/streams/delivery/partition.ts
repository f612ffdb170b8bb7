import { waitAfter } from '../../core/backoff.js';
import { asVimiError, VimiError } from '../../core/errors.js';
import { within } from '../../core/within.js';
import type { StoredRecord } from '../../events/record.js';
import type { Takeover } from '../../flow/operator.js';
import type { AssignedPartition } from '../transports/transport.js';
import { Admission, type AdmissionParts } from './admission.js';
import { type CommitParts, Commits } from './commits.js';
import { credit, retryMs } from './credit.js';
import type { LostPosition } from './lost-position.js';
import { PartitionState, type PartitionStateName } from './partition-state.js';
import { decodePosition, isSettled, type OutcomeCounts } from './position.js';
import type { OrderedPartition } from './published-order.js';
import type { Settled } from './settled.js';
import { Tracker } from './tracker.js';

/** What all partitions of a pipeline share. */
export interface PartitionParts extends AdmissionParts, CommitParts {
  maxInFlight: number;
  /** Where to begin instead of at the committed position, if that cannot be gone on from. */
  lostPosition(assigned: AssignedPartition): Promise<LostPosition | null>;
  /** Something happened that may mean that everything is done. */
  onIdle(): void;
}

/** For the last commit, after what did not finish in time was given up. */
const lastCommitMs = 1_000;
/** A transport that has nothing to give any more is asked again after so long, until it says that it is over. */
const emptyMs = 100;

/**
 * One partition from its records to its commits:
 * take over → take within the credit → skip what an earlier run committed → admit → the pipeline's chain → settled →
 * group commit. PartitionState says how far it may still go.
 */
export class Partition implements OrderedPartition {
  readonly #assigned: AssignedPartition;
  readonly #parts: PartitionParts;
  readonly #state = new PartitionState();
  readonly #tracker: Tracker;
  readonly #admission: Admission;
  readonly #commits: Commits;
  #takeover: Takeover;
  readonly #taken: Promise<void>;
  #onCredit: (() => void) | undefined;
  #onIdle: (() => void)[] = [];
  /** The first offset that was given out when nothing was admitted any more. */
  #left = Number.POSITIVE_INFINITY;
  /** Records were given out that wait for a pause to be over. */
  #holds = false;
  #last: StoredRecord | undefined;

  /** Begins to take at once. */
  constructor(assigned: AssignedPartition, parts: PartitionParts) {
    this.#assigned = assigned;
    this.#parts = parts;
    const { topic, partition } = assigned;
    const position = decodePosition(assigned.position);
    if (position.foreign) parts.report.onForeignMetadata({ topic, partition, offset: position.committedOffset });
    this.#tracker = new Tracker(position.committedOffset, position.beyond);
    this.#takeover = { topic, partition, isSettled: (offset) => isSettled(position, offset) };
    this.#admission = new Admission(parts, this.#state.committing, {
      onSettled: (settled) => this.#settle(settled),
      onCredit: () => this.#returnCredit(),
    });
    this.#commits = new Commits(assigned, position, {
      ...{ tracker: this.#tracker, state: this.#state, parts },
      listener: {
        onCommitted: (offsets) => {
          this.#admission.committed(offsets);
          this.#returnCredit();
        },
        onRest: () => {
          if (this.isIdle) this.#tellIdle();
        },
        onFenced: (error) => this.abandon(error),
      },
    });
    this.#taken = this.#take();
  }

  get state(): PartitionStateName {
    return this.#state.name;
  }

  get isTaking(): boolean {
    return this.#state.name === 'taking over' || this.#state.name === 'taking';
  }

  get holds(): boolean {
    return this.#holds;
  }

  /** The last record that was admitted. */
  get last(): StoredRecord | undefined {
    return this.#last;
  }

  /** Records without an outcome. */
  get open(): number {
    return this.#tracker.open;
  }

  /** Records with an outcome, without a commit. */
  get waiting(): number {
    return this.#tracker.waiting;
  }

  get committedOffset(): number {
    return this.#tracker.committedOffset;
  }

  /** Everything below it was read. It moves past what is no record, at the end of the topic too. */
  get reached(): number {
    return Math.max(this.#assigned.reached, this.#tracker.next);
  }

  /** All outcomes of this partition that were ever committed. */
  get counts(): OutcomeCounts {
    return this.#commits.counts;
  }

  get isIdle(): boolean {
    return this.#tracker.open === 0 && this.#commits.isAtRest;
  }

  /** Whether everything below `end` is settled and committed; never of one that is being given up. */
  isDone(end: number): boolean {
    return this.#state.name === 'taking' && !this.#holds && this.isIdle && this.reached >= end;
  }

  /** Admits nothing more: taking → draining. */
  stopTaking(): void {
    this.#state.enter('draining');
    this.#parts.order?.changed();
    this.#onCredit?.();
    this.#commits.pump();
  }

  /** Resolves when nothing is in flight or waits for a commit, or nothing is committed any more. */
  async idle(): Promise<void> {
    await this.#taken;
    while (!this.isIdle && !this.#state.isOver)
      await new Promise<void>((resolve) => {
        this.#onIdle.push(resolve);
      });
  }

  /**
   * The run ends with the topic: what the operators still hold for this partition is sealed and committed. draining →
   * sealing.
   */
  async seal(): Promise<void> {
    if (!this.#state.enter('sealing')) return;
    this.#tracker.reach(Math.min(this.#assigned.reached, this.#left));
    await this.#commits.seal();
  }

  /**
   * Gives the partition up: waits for what is in flight, at most `ms`, then abandons the rest, which whoever owns the
   * partition next does again. `forGood`: the whole pipeline stops, so a cancel whose job was abandoned waits with it.
   */
  async giveUp(ms: number, forGood: boolean): Promise<void> {
    this.stopTaking();
    if (!(await within(ms, this.idle()))) {
      if (forGood) this.#parts.order?.stop();
      this.#admission.abort(new VimiError('TIMED_OUT', 'The work was abandoned; the next owner repeats it'));
      this.#commits.pump();
      await within(lastCommitMs, this.#commits.done());
    }
    this.#end('given up');
    if (!forGood) this.#admission.release();
  }

  /** Another owner has it (TRANSPORT_FENCED), or the pipeline failed: nothing more can be committed. */
  abandon(reason: VimiError): void {
    this.#end(reason.code === 'TRANSPORT_FENCED' ? 'fenced' : 'given up');
    this.#admission.abort(reason);
  }

  /** The transport passed over offsets that are not kept any more. */
  lost(from: number, to: number): void {
    const { topic, partition } = this.#assigned;
    const records = this.#tracker.unsettled(from, to);
    if (records > 0) this.#parts.report.onLost({ topic, partition, from, to, records });
  }

  #end(name: 'given up' | 'fenced'): void {
    this.#state.enter(name);
    this.stopTaking();
    this.#tellIdle();
  }

  async #take(): Promise<void> {
    const { pause, clock, report, spans, order } = this.#parts;
    const signal = this.#state.admitting;
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
        if (this.#state.name === 'taking over') await this.#takeOver(signal);
        const since = clock.now();
        const taking = pause.through('read', () => this.#assigned.take(most, signal), signal);
        if (this.isIdle) this.#parts.onIdle();
        const records = await taking;
        failures = 0;
        if (records.length > 0) spans?.received(records, since);
        this.#holds = records.length > 0;
        await pause.over(signal);
        if (signal.aborted) {
          this.#left = records[0]?.offset ?? this.#left;
          return;
        }
        this.#commits.together(() => {
          for (const record of records) if (this.#tracker.admit(record.offset)) this.#admission.admit(record);
          this.#holds = false;
        });
        this.#last = records.at(-1) ?? this.#last;
        order?.changed();
        if (records.length === 0) await clock.sleep(emptyMs, signal);
      } catch (thrown) {
        if (signal.aborted) return;
        const error = asVimiError(thrown);
        if (!error.retryable) {
          this.#parts.fail(error);
          return;
        }
        report.onRetry(error);
        await clock.sleep(waitAfter(failures++, retryMs), signal);
      }
    }
  }

  async #takeOver(signal: AbortSignal): Promise<void> {
    const { pause, steps } = this.#parts;
    await pause.through('take over', () => this.#begin(), signal);
    await pause.through('take over', () => steps.takeOver(this.#takeover), signal);
    this.#state.enter('taking');
  }

  /** The committed position may be gone, or lie where the log has not come to: then it begins elsewhere. */
  async #begin(): Promise<void> {
    const { lostPosition, report } = this.#parts;
    const lost = await lostPosition(this.#assigned);
    if (!lost) return;
    const { start } = lost;
    report.onLostPosition(this.#assigned, lost);
    this.#assigned.seek(start);
    // At once: else what comes until the first commit would be passed over by the next beginning.
    await this.#commits.beginAt(start);
    this.#tracker.beginAt(start);
    this.#takeover = { ...this.#takeover, isSettled: (offset) => offset < start };
  }

  #settle(settled: Settled): void {
    // Given up: what an operator finishes now is done again by the next owner.
    if (this.#state.isOver) return;
    const { offset } = settled.origin;
    this.#commits.add(offset, this.#parts.outcomes.of(settled));
    const seconds = this.#admission.secondsOf(offset);
    if (seconds !== undefined) this.#parts.report.onSettled(seconds);
    this.#tracker.settle(offset);
    this.#returnCredit();
    this.#commits.pump();
  }

  get #credit(): number {
    const { open, waiting } = this.#tracker;
    return credit({ open: open - this.#admission.cancels, waiting }, this.#parts.maxInFlight);
  }

  #returnCredit(): void {
    if (!this.#onCredit || this.#credit === 0) return;
    this.#onCredit();
    this.#onCredit = undefined;
  }

  #tellIdle(): void {
    for (const resolve of this.#onIdle.splice(0)) resolve();
    this.#parts.onIdle();
  }
}
