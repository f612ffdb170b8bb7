import { decodeEvent } from '../../events/cloudevents.js';
import type { VimiEvent } from '../../events/event.js';
import type { StoredRecord } from '../../events/record.js';
import type { JobChanged } from '../../events/schemas.js';
import type { KnownJob } from '../../stores/jobs/jobs.js';
import { succeed } from '../../stores/jobs/succession.js';
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

/** A job after a change, by what was known of it before; undefined: the change says nothing. */
export function toldBy({ data, source, time }: VimiEvent<KnownJob>, before?: ToldJob): ToldJob | undefined {
  const next = succeed(before, data);
  return next ? { ...next, pipeline: source.replace(/^.*\//, ''), changed: time } : undefined;
}

/** All jobs of the topics, the one that changed last first. Reads the topics from their beginnings. */
export async function toldJobs(transport: Transport, topics: readonly string[]): Promise<ToldJob[]> {
  const known = new Map<string, ToldJob>();
  for (const topic of topics)
    for await (const record of transport.read(topic)) {
      // Deleted, with its video.
      if (record.value === null) known.delete(record.key?.toString() ?? '');
      const change = changeOf(record);
      const next = change && toldBy(change, known.get(change.data.job));
      if (next) known.set(next.job, next);
    }
  return [...known.values()].sort((a, b) => (a.changed < b.changed ? 1 : a.changed > b.changed ? -1 : 0));
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
