import type { Clock } from '../../core/clock.js';
import { asVimiError, type VimiError } from '../../core/errors.js';
import type { Log } from '../../core/log.js';
import type { NewRecord } from '../../events/record.js';
import type { PipelineSpec } from './pipeline-spec.js';
import { rejectRecord } from './rejects.js';
import type { RunReport } from './run-report.js';
import { type RunningSteps, Untold } from './running-steps.js';
import { rejectedWhole, type Settled } from './settled.js';

/** A settled event with all that it publishes: its outputs, its rejects, what steps say of its outcome. */
export interface Told {
  settled: Settled;
  records: NewRecord[];
}

/** Decides what a settled event publishes. Nothing that goes wrong with that touches another event. */
export class Outcomes {
  readonly #spec: Pick<PipelineSpec, 'name' | 'rejects'>;
  readonly #steps: Pick<RunningSteps, 'tellOutcome'>;
  readonly #report: Pick<RunReport, 'onRejected'>;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #log: Log;

  constructor(
    spec: Pick<PipelineSpec, 'name' | 'rejects'>,
    parts: {
      steps: Pick<RunningSteps, 'tellOutcome'>;
      report: Pick<RunReport, 'onRejected'>;
      clock: Pick<Clock, 'now'>;
      log: Log;
    },
  ) {
    this.#spec = spec;
    this.#steps = parts.steps;
    this.#report = parts.report;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  /** An event whose outcome cannot be told is rejected for that. */
  of(settled: Settled): Told {
    try {
      return { settled, records: this.#recordsOf(settled) };
    } catch (thrown) {
      const error = thrown instanceof Untold ? thrown.error : asVimiError(thrown);
      const refused = rejectedWhole(settled, error, thrown instanceof Untold ? thrown.step : 'tell');
      try {
        return { settled: refused, records: this.#recordsOf(refused) };
      } catch (again) {
        const { topic, partition, offset } = settled.origin;
        this.#log.error(
          { topic, partition, offset, code: error.code, error: error.message, again: asVimiError(again).message },
          'Neither the outcome of this event nor its reject can be reported: it is counted as rejected, and stays in its topic only',
        );
        return { settled: refused, records: [] };
      }
    }
  }

  /**
   * The log takes no such output: the event is rejected instead, so that it stops nothing. Were its reject refused too,
   * it would be counted and logged alone; its bytes are still in the input topic.
   */
  refused({ settled, records }: Told, error: VimiError): Told {
    const rejected = rejectedWhole(settled, error, 'commit');
    const isSecond = settled.outcome.kind === 'rejected' && settled.outcome.error.code === error.code;
    if (!isSecond) return this.of(rejected);
    const { topic, partition, offset } = settled.origin;
    this.#log.error(
      { topic, partition, offset, records: records.length },
      'The log does not even accept the reject of this event: it is counted as rejected, and stays in its topic only',
    );
    return { settled: rejected, records: [] };
  }

  #recordsOf(settled: Settled): NewRecord[] {
    const { origin, event, outputs, parts } = settled;
    const records = [...outputs];
    if (event) records.push(...this.#steps.tellOutcome({ ...settled, event }));
    for (const { part, outcome } of parts) {
      if (outcome.kind !== 'rejected') continue;
      this.#report.onRejected(origin, part, outcome);
      const { name: pipeline, rejects: topic } = this.#spec;
      if (topic)
        records.push(rejectRecord({ origin, event, part, outcome }, { pipeline, topic, now: this.#clock.now() }));
    }
    return records;
  }
}
