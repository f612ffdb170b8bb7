import { counted } from '../core/counted.js';
import { cutText } from '../core/cut-text.js';
import { VimiError } from '../core/errors.js';
import { decodeEvent } from '../events/cloudevents.js';
import type { VimiEvent } from '../events/event.js';
import type { StoredRecord } from '../events/record.js';
import type { ClipSettled, MediaSettled, SchemaName } from '../events/schemas.js';
import { clipLine } from './commands/clip-outcomes.js';
import { outcomeLine } from './commands/ingest-report.js';

/** What a person wants to know of a record, on one line. */
export function eventLine(record: StoredRecord, schemas: readonly SchemaName[]): string {
  return textOf(record, schemas).replaceAll('\n', '\\n');
}

function textOf(record: StoredRecord, schemas: readonly SchemaName[]): string {
  if (record.value === null) return `removed ${record.key?.toString() ?? ''}`;
  try {
    const event = decodeEvent(record, schemas);
    return `${event.time}  ${event.id}  ${toldOf(event)}`;
  } catch (thrown) {
    return thrown instanceof VimiError ? `${thrown.code} ${thrown.message}` : String(thrown);
  }
}

function toldOf({ schema, data }: VimiEvent): string {
  if (schema === 'media.settled') return outcomeLine(data as MediaSettled);
  if (schema === 'clip.settled') return clipLine(data as ClipSettled);
  return summary(data as Record<string, unknown>);
}

/** Of a job that is under way. */
function percent({ state, progress }: Record<string, unknown>): string {
  return state === 'in_progress' && typeof progress === 'number' ? ` ${Math.round(progress * 100)} %` : '';
}

/** What a person looks for first in an event of any topic. */
function summary(data: Record<string, unknown>): string {
  const error = data.error as { code?: string; message?: string } | undefined;
  const object = data.object as { key?: string } | undefined;
  const request = data.request as { source?: string; id?: string } | undefined;
  const first = [
    data.state && `${data.job} ${data.state}${percent(data)}`,
    error && `${error.code} ${error.message}`,
    object?.key,
    request && `${request.id} of ${request.source}`,
    typeof data.prompt === 'string' && JSON.stringify(data.prompt),
    data.uri,
    data.caption && JSON.stringify(data.caption),
    data.samples !== undefined && counted(Number(data.samples), 'sample'),
  ].filter(Boolean);
  return first.length > 0 ? first.join('  ') : cutText(JSON.stringify(data), 200);
}
