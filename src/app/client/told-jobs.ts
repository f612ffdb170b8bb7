import { decodeEvent } from '../../events/cloudevents.js';
import type { VimiEvent } from '../../events/event.js';
import { JobDeletion } from '../../events/job-deletion.js';
import type { StoredRecord } from '../../events/record.js';
import type { JobChanged } from '../../events/schemas.js';
import type { KnownJob } from '../../stores/jobs/jobs.js';
import { type Told, tell } from '../../stores/jobs/succession.js';
import type { Transport } from '../../streams/transports/transport.js';

/** A job as the topics of jobs tell of it now. */
export interface ToldJob extends KnownJob {
  /** Which pipeline has it. */
  pipeline: string;
  /** When that was said, ISO 8601. */
  changed: string;
}

/** undefined: a record that is no change of a job, or of a request that is not named. */
export function changeOf(record: StoredRecord): VimiEvent<KnownJob> | undefined {
  try {
    const event = decodeEvent(record, ['job.changed']) as VimiEvent<JobChanged>;
    return event.data.request && (event as VimiEvent<KnownJob>);
  } catch {
    return undefined;
  }
}

/** What a record says of a job; undefined: nothing. */
export function saidBy(record: StoredRecord): { job: string; change: KnownJob | JobDeletion } | undefined {
  if (record.value === null) return { job: record.key?.toString() ?? '', change: JobDeletion.of(record) };
  const change = changeOf(record)?.data;
  return change && { job: change.job, change };
}

/** Jobs as records tell of them, one after the other. */
export class ToldJobs {
  readonly #told = new Map<string, Told>();
  readonly #all = new Map<string, ToldJob>();

  /** The job after a record; undefined: the record says nothing, or the job was deleted. */
  take(record: StoredRecord): ToldJob | undefined {
    const said = saidBy(record);
    if (!said) return undefined;
    const { job, isHidden, ...told } = tell(this.#told.get(said.job) ?? { deleted: [] }, said.change);
    this.#told.set(said.job, { job, ...told });
    if (!job) this.#all.delete(said.job);
    const event = job && !isHidden && changeOf(record);
    if (!event) return undefined;
    const next = { ...job, pipeline: event.source.replace(/^.*\//, ''), changed: event.time };
    this.#all.set(next.job, next);
    return next;
  }

  /** The one that changed last first. */
  list(): ToldJob[] {
    return [...this.#all.values()].sort((a, b) => (a.changed < b.changed ? 1 : a.changed > b.changed ? -1 : 0));
  }
}

/** All jobs of the topics. Reads the topics from their beginnings. */
export async function toldJobs(transport: Transport, topics: readonly string[]): Promise<ToldJobs> {
  const jobs = new ToldJobs();
  for (const topic of topics) for await (const record of transport.read(topic)) jobs.take(record);
  return jobs;
}

/** Those that go by a name: the id of the request, or of the job. */
export function jobsNamed(jobs: readonly ToldJob[], name: string): ToldJob[] {
  return jobs.filter(({ job, request }) => job === name || request.id === name);
}

/** "failed: PROMPT_EMPTY: ..." */
export function stateText({ state, progress, error }: Pick<JobChanged, 'state' | 'progress' | 'error'>): string {
  if (state === 'failed' && error) return `failed: ${error.code}: ${error.message}`;
  return state === 'in_progress' ? `in progress, ${Math.round((progress ?? 0) * 100)} %` : state;
}
