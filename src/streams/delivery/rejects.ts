import { encodeEvent } from '../../events/cloudevents.js';
import type { VimiEvent } from '../../events/event.js';
import type { NewRecord, StoredRecord } from '../../events/record.js';
import { recordTime } from '../../events/record-time.js';
import { placeOf } from '../../events/replay.js';
import type { Outcome } from '../../flow/envelope.js';

/** The source of what a pipeline publishes. */
export function pipelineSource(pipeline: string): string {
  return `/pipelines/${pipeline}`;
}

export interface Reject {
  origin: StoredRecord;
  /** Missing when the record could not be read as an event. */
  event?: VimiEvent;
  part: string;
  outcome: Outcome & { kind: 'rejected' };
}

/**
 * The record of a rejected part: the original bytes and headers, and what went wrong. Its id follows from the event, so a
 * redo tells of the same reject.
 */
export function rejectRecord(
  { origin, event, part, outcome }: Reject,
  { pipeline, topic, now }: { pipeline: string; topic: string; now: number },
): NewRecord {
  const { error, step, attempts } = outcome;
  const place = placeOf(origin);
  return encodeEvent({
    schema: 'event.rejected',
    id: part === '' ? `${place}-rejected` : `${place}-rejected-${part}`,
    source: pipelineSource(pipeline),
    time: new Date(now).toISOString(),
    traceparent: event?.traceparent,
    topic,
    key: origin.key,
    data: {
      origin: {
        topic: origin.topic,
        partition: origin.partition,
        offset: origin.offset,
        key: base64(origin.key),
        value: base64(origin.value),
        headers: Object.fromEntries(
          Object.entries(origin.headers).map(([name, bytes]) => [name, bytes.toString('base64')]),
        ),
        timestamp: recordTime(origin),
      },
      part,
      pipeline,
      step,
      attempts,
      error: { code: error.code, message: error.message, remedy: error.remedy },
    },
  });
}

function base64(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString('base64');
}
