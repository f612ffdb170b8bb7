import { encodeEvent } from './cloudevents.js';
import { changeId } from './ids.js';
import type { NewRecord } from './record.js';
import type { EventData } from './schemas.js';

/** Where changes of jobs are told, and by whom. */
export interface JobsTopic {
  pipeline: string;
  topic: string;
}

/**
 * A change of a job as a record: vimi's own event, so its source is the pipeline and its id one of ours; whose request it
 * is stands in the data. `moment` tells several of one try apart: the same again is a repetition.
 */
export function jobRecord(
  data: EventData<'job.changed'>,
  { pipeline, topic }: JobsTopic,
  { moment = data.state, traceparent }: { moment?: string; traceparent?: string } = {},
): NewRecord {
  return encodeEvent({
    schema: 'job.changed',
    id: changeId(data.job, data.request?.record ?? '', moment),
    source: `/pipelines/${pipeline}`,
    data,
    topic,
    key: data.job,
    traceparent,
  });
}
