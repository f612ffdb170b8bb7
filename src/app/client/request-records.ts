import { decodeEvent, encodeEvent } from '../../events/cloudevents.js';
import { jobId } from '../../events/ids.js';
import type { NewRecord } from '../../events/record.js';
import type { GenerationRequested, RequestRef } from '../../events/schemas.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';

type NamedRequest = Pick<RequestRef, 'source' | 'id'>;

/** A request as a record, and as the pipeline will read it. EVENT_INVALID for what no request may say. */
export function requestRecord(
  data: GenerationRequested,
  named: NamedRequest,
  { from, schemas }: Pick<PipelineSpec, 'from' | 'schemas'>,
  { key = named.id, traceparent }: { key?: string; traceparent?: string | undefined } = {},
): { record: NewRecord; data: GenerationRequested } {
  const { source, id } = named;
  const record = encodeEvent({
    ...{ source, id, schema: 'generation.requested', topic: from, key, data },
    ...(traceparent !== undefined && { traceparent }),
  });
  const read = decodeEvent({ ...record, partition: 0, offset: 0, timestamp: 0 }, schemas);
  return { record, data: read.data as GenerationRequested };
}

/** What cancels a request in a pipeline. */
export function cancelRecord(
  { source, id }: NamedRequest,
  { name, from }: Pick<PipelineSpec, 'name' | 'from'>,
): NewRecord {
  return encodeEvent({
    ...{ schema: 'generation.cancelled', id: `${jobId(name, { source, id })}-cancel`, source, topic: from, key: id },
    data: { cancel: id },
  });
}
