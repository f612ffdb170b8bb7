import { encodeEvent, eventType } from '../events/cloudevents.js';
import { type ObjectRef, objectRef } from '../events/prompt.js';
import type { EventData } from '../events/schemas.js';
import type { Settlement } from '../streams/settlement.js';
import type { NewRecord } from '../streams/transport.js';

/** The last word on a job, for the commit that carries its fate; none for events that are no requests. */
export function jobFate({ event, fate, outputs }: Settlement, topic: string): NewRecord[] {
  if (event.schema !== 'generation.requested') return [];
  const job = event.id;
  const data: EventData<'job.changed'> =
    fate.kind === 'delivered'
      ? { job, state: 'completed', progress: 1, ...videoOf(outputs) }
      : fate.kind === 'rejected'
        ? { job, state: 'failed', error: { code: fate.error.code, message: fate.error.message } }
        : { job, state: fate.reason === 'cancelled' ? 'cancelled' : 'failed', ...dropOf(fate.reason) };
  return [jobRecord(event, data, topic, data.state)];
}

/** A change of a job as a record; `moment` tells several of one job apart. */
export function jobRecord(
  { source, id, traceparent }: Settlement['event'],
  data: EventData<'job.changed'>,
  topic: string,
  moment: string,
): NewRecord {
  return encodeEvent({
    schema: 'job.changed',
    id: `${id.slice(0, 480)}-${moment}`,
    source,
    data,
    topic,
    key: id,
    traceparent,
  });
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
