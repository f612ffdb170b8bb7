import type { VimiError } from '../../core/errors.js';
import type { Log } from '../../core/log.js';
import { types } from '../../events/cloudevents.js';
import type { StoredRecord } from '../../events/record.js';
import type { Outcome } from '../../flow/envelope.js';
import type { AssignedPartition } from '../transports/transport.js';
import { type Finished, finishedOf } from './finished.js';
import type { LostPosition } from './lost-position.js';
import type { Metrics } from './metrics.js';
import type { PipelineSpec } from './pipeline-spec.js';
import { addCounts, emptyCounts, type OutcomeCounts } from './position.js';
import type { Settled } from './settled.js';

export interface RunReportOptions {
  metrics: Metrics;
  log: Log;
  /** Rejected events are logged at `info` instead of `warn`: the caller tells of them. */
  rejectsAreTold?: boolean;
  /** Called for each event whose outcome is committed. */
  onFinished?: (event: Finished) => void;
}

interface Place {
  topic: string;
  partition: number;
}

/** What a run of a pipeline counts and logs. */
export class RunReport {
  /** Outcomes that this run committed. */
  readonly run = emptyCounts();
  /** The same of what the events were split into. */
  readonly parts = emptyCounts();
  /** Records that were gone before they could be read, by reason. */
  readonly lost: Record<string, number> = {};
  readonly #options: RunReportOptions;
  readonly #label: { pipeline: string };
  readonly #seconds: { observe(seconds: number): void };
  readonly #productTypes: readonly Buffer[];

  constructor({ name, to }: Pick<PipelineSpec, 'name' | 'to'>, options: RunReportOptions) {
    this.#options = options;
    this.#label = { pipeline: name };
    this.#seconds = options.metrics.eventSeconds.labels(this.#label);
    const stores = to.some((sink) => 'objects' in sink);
    this.#productTypes = stores ? to.flatMap((sink) => ('topic' in sink ? [types[sink.schema]] : [])) : [];
  }

  /** A record that reached the steps has its outcome, after so many seconds. */
  onSettled(seconds: number): void {
    this.#seconds.observe(seconds);
  }

  /** `parts`: of what the events were split into, those that were not split included. */
  onCommitted(counts: OutcomeCounts, parts: OutcomeCounts, settled: readonly Settled[]): void {
    const { log, metrics, onFinished } = this.#options;
    for (const one of settled) {
      const finished = finishedOf(one, this.#productTypes);
      log.info({ ...this.#label, ...finished }, 'Finished');
      onFinished?.(finished);
    }
    addCounts(this.run, counts);
    addCounts(this.parts, parts);
    metrics.countOutcomes(this.#label.pipeline, counts, parts);
    metrics.commits.inc({ ...this.#label, outcome: 'done' });
  }

  onRejected({ topic, partition, offset }: StoredRecord, part: string, outcome: Outcome & { kind: 'rejected' }): void {
    const { log, metrics, rejectsAreTold } = this.#options;
    const { step } = outcome;
    const { code, message } = outcome.error;
    metrics.rejected.inc({ ...this.#label, code, step });
    const where = `${topic}/${partition}/${offset}`;
    log[rejectsAreTold ? 'info' : 'warn']({ ...this.#label, where, part, step, code, error: message }, 'Rejected');
  }

  /** Records were gone before they were read. */
  onLost({ records, ...place }: Place & { from: number; to: number; records: number }): void {
    const { log, metrics } = this.#options;
    this.lost.retention = (this.lost.retention ?? 0) + records;
    metrics.lost.inc({ ...this.#label, reason: 'retention' }, records);
    log.warn(
      { ...this.#label, ...place, records },
      'Lost: retention removed these records before they were read; continuing behind them',
    );
  }

  onLostPosition({ topic, partition, position }: AssignedPartition, { reason, start }: LostPosition): void {
    const { log, metrics } = this.#options;
    metrics.lostPositions.inc({ ...this.#label, reason });
    log.warn(
      { ...this.#label, topic, partition, reason, was: position?.offset ?? null, start },
      `The committed offset of the group is lost; starting at ${start}, as on_lost_position says`,
    );
  }

  onForeignMetadata(place: Place & { offset: number }): void {
    const { log, metrics } = this.#options;
    metrics.foreignMetadata.inc(this.#label);
    log.warn(place, 'Another client wrote the committed offset; continuing from its plain offset');
  }

  /** A commit or a read failed, and is tried again. */
  onRetry(error: VimiError): void {
    const { log, metrics } = this.#options;
    metrics.commits.inc({ ...this.#label, outcome: 'retried' });
    // Of the surroundings the pause tells.
    if (error.fault === 'surroundings') return;
    log.warn(
      { ...this.#label, code: error.code, error: error.message, remedy: error.remedy },
      'Commit failed, retrying',
    );
  }

  /** A commit was refused: the partition has another owner. */
  onFenced(): void {
    this.#options.metrics.commits.inc({ ...this.#label, outcome: 'fenced' });
  }

  /** A commit leaves settled records out, for want of room in its metadata. */
  onMetadataFull(): void {
    this.#options.metrics.metadataFull.inc(this.#label);
  }
}
