import { VimiError } from '../core/errors.js';
import { decodeEvent } from '../events/cloudevents.js';
import type { StoredRecord } from '../events/record.js';
import type { SchemaName } from '../events/schemas.js';

/** A record as every command prints it with --json: where it stands, and the event; `more` is what a command adds. */
export function eventJson(record: StoredRecord, schemas: readonly SchemaName[], more: object = {}): object {
  const place = { topic: record.topic, partition: record.partition, offset: record.offset };
  const key = record.key?.toString() ?? null;
  if (record.value === null) return { ...place, key, tombstone: true, ...more };
  try {
    const { id, source, type, time, data } = decodeEvent(record, schemas);
    return { ...place, key, id, source, type, time, data, ...more };
  } catch (thrown) {
    const error =
      thrown instanceof VimiError ? { code: thrown.code, message: thrown.message } : { message: String(thrown) };
    return { ...place, key, error, value: record.value.toString('base64'), ...more };
  }
}
