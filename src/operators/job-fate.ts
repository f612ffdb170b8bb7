import { createHash } from 'node:crypto';
import { canonicalJson } from '../events/canonical-json.js';
import { eventType } from '../events/cloudevents.js';
import { jobId } from '../events/ids.js';
import { jobRecord } from '../events/job-change.js';
import { type ObjectRef, objectRef } from '../events/prompt.js';
import { recordId } from '../events/replay.js';
import type { EventData } from '../events/schemas.js';
import { isOver, type JobTry } from '../stores/jobs.js';
import type { Settlement } from '../streams/settlement.js';
import type { NewRecord } from '../streams/transport.js';
import type { Resources } from './operator.js';

/** One try of a request, as the jobs topic tells of it. */
export function tryOf({ event, origin }: Pick<Settlement, 'event' | 'origin'>, pipeline: string): JobTry {
  const { source, id } = event;
  const payload = createHash('sha256').update(canonicalJson(event.data)).digest('hex');
  return { job: jobId(pipeline, event), request: { source, id, record: recordId(origin), payload } };
}

/**
 * The last word on a job, for the commit that carries its fate. None for events that are no requests, nor for a request
 * whose job belongs to another record (a duplicate must not speak for the first) or has its last word already.
 */
export function jobFate(
  settlement: Settlement,
  topic: string,
  { pipeline, jobs }: Pick<Resources, 'pipeline' | 'jobs'>,
): NewRecord[] {
  const { event, fate, outputs } = settlement;
  if (event.schema !== 'generation.requested') return [];
  const own = tryOf(settlement, pipeline);
  const known = jobs.known(own.job);
  const isMine = known?.request.record === own.request.record;
  if (known && (isMine ? isOver(known.state) : known.state !== 'failed')) return [];
  // Cancelled before it had said that the job is its own: the cancel tells of that itself.
  if (!known && fate.kind === 'dropped' && fate.reason === 'cancelled') return [];
  const data: EventData<'job.changed'> =
    fate.kind === 'delivered'
      ? { ...own, state: 'completed', progress: 1, ...videoOf(outputs) }
      : fate.kind === 'rejected'
        ? { ...own, state: 'failed', error: { code: fate.error.code, message: fate.error.message } }
        : { ...own, state: fate.reason === 'cancelled' ? 'cancelled' : 'failed', ...dropOf(fate.reason) };
  return [jobRecord(data, { pipeline, topic }, { traceparent: event.traceparent })];
}

function videoOf(outputs: NewRecord[]): { video?: ObjectRef } {
  const record = outputs.find(({ headers }) => headers.ce_type?.toString() === eventType('video.completed'));
  if (!record?.value) return {};
  const found = objectRef.safeParse((JSON.parse(record.value.toString()) as { object?: unknown }).object);
  return found.success ? { video: found.data } : {};
}

function dropOf(reason: string): { error?: { code: string; message: string } } {
  if (reason === 'cancelled') return {};
  return { error: { code: 'CANCELLED', message: `The request was dropped: ${reason}` } };
}
