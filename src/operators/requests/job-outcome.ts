import { eventType } from '../../events/cloudevents.js';
import { jobId } from '../../events/ids.js';
import { jobRecord } from '../../events/job-change.js';
import { payloadHash } from '../../events/payload-hash.js';
import { type ObjectRef, objectRef } from '../../events/prompt.js';
import type { NewRecord } from '../../events/record.js';
import { recordId } from '../../events/replay.js';
import type { EventData } from '../../events/schemas.js';
import type { Flow } from '../../flow/flow.js';
import type { Resources } from '../../flow/operator.js';
import type { Settlement } from '../../flow/settlement.js';
import { isOver, type JobTry } from '../../stores/jobs/jobs.js';

/** One try of a request, as the jobs topic tells of it. */
export function tryOf({ event, origin }: Pick<Settlement, 'event' | 'origin'>, pipeline: string): JobTry {
  const { source, id } = event;
  return {
    job: jobId(pipeline, event),
    request: { source, id, record: recordId(origin), payload: payloadHash(event.data) },
  };
}

/**
 * The last word on a job, for the commit that carries its outcome. None for events that are no requests, nor for a request
 * whose job belongs to another record (a duplicate must not speak for the first) or has its last word already.
 */
export function jobOutcome(
  settlement: Settlement,
  topic: string,
  { pipeline, jobs }: Pick<Resources, 'pipeline' | 'jobs'>,
): NewRecord[] {
  const { event, outcome, outputs } = settlement;
  if (event.schema !== 'generation.requested') return [];
  const own = tryOf(settlement, pipeline);
  const known = jobs.known(own.job);
  const mine = known?.request.record === own.request.record ? known : undefined;
  if (known && (mine ? isOver(mine.state) : known.state !== 'failed')) return [];
  if (outcome.kind === 'dropped') {
    // The job was another's, though it may have failed or been deleted since.
    if (outcome.reason === 'duplicate-request') return [];
    // Cancelled before it had said that the job is its own: the cancel tells of that itself.
    if (!known && outcome.reason === 'cancelled') return [];
  }
  const end: Pick<EventData<'job.changed'>, 'state' | 'progress' | 'video' | 'error'> = outcome.kind === 'delivered'
    ? { state: 'completed', progress: 1, ...videoOf(outputs) }
    : outcome.kind === 'rejected'
      ? { state: 'failed', error: { code: outcome.error.code, message: outcome.error.message } }
      : { state: outcome.reason === 'cancelled' ? 'cancelled' : 'failed', ...dropOf(outcome.reason) };
  const started = startOf(settlement) ?? mine?.started_at;
  // The record of a video has it; of a job without one this is the only place.
  const context = end.state === 'completed' ? undefined : mine?.context;
  // As far as it was told: a job that was cancelled or failed on its way does not go back to its beginning.
  const progress = end.progress ?? mine?.progress;
  const data = {
    ...{ ...own, ...end },
    ...(progress !== undefined && { progress }),
    ...(context && { context }),
    ...(started !== undefined && { started_at: started }),
  };
  return [jobRecord(data, { pipeline, topic }, { traceparent: event.traceparent })];
}

/** When its denoising began, by what it carried at its end. */
function startOf({ parts }: Settlement): string | undefined {
  return (parts[0]?.data as Flow | undefined)?.frames?.started;
}

function videoOf(outputs: NewRecord[]): { video?: ObjectRef } {
  const record = outputs.find(({ headers }) => headers.ce_type?.toString() === eventType('video.completed'));
  if (!record?.value) return {};
  const found = objectRef.safeParse((JSON.parse(record.value.toString()) as { object?: unknown }).object);
  return found.success ? { video: found.data } : {};
}

function dropOf(reason: string): { error?: { code: string; message: string } } {
  if (reason === 'cancelled') return {};
  return { error: { code: 'REQUEST_DROPPED', message: `A step dropped the request: ${reason}` } };
}
