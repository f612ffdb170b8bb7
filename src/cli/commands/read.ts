import { endsOf } from '../../app/new-records.js';
import type { Workspace } from '../../app/workspace.js';
import { counted } from '../../core/counted.js';
import { cutText } from '../../core/cut-text.js';
import { VimiError } from '../../core/errors.js';
import { decodeEvent } from '../../events/cloudevents.js';
import type { VimiEvent } from '../../events/event.js';
import type { StoredRecord } from '../../events/record.js';
import type { ClipSettled, MediaSettled } from '../../events/schemas.js';
import type { TopicDeclaration } from '../../streams/topology/topology.js';
import { eventJson } from '../event-json.js';
import { clipLine } from './clip-outcomes.js';
import { outcomeLine } from './ingest-report.js';

export interface ReadOptions {
  json?: boolean;
  follow?: boolean;
  /** First offset, of every partition; `end`: what comes from now on. */
  from?: number | 'end';
  limit?: number;
}

/** Prints the committed events of a topic: a line each, or a JSON object each. Gives how many there were. */
export async function read(
  workspace: Workspace,
  topic: string,
  { json, follow = false, from = 0, limit }: ReadOptions,
  out: NodeJS.WritableStream,
  signal: AbortSignal,
): Promise<number> {
  const declared = workspace.topic(topic);
  const transport = await workspace.transport();
  const start =
    from === 'end'
      ? await endsOf(transport, topic)
      : Object.fromEntries(Array.from({ length: declared.partitions }, (_, partition) => [partition, from]));
  let printed = 0;
  for await (const record of transport.read(topic, { from: start, follow, signal })) {
    out.write(
      `${json ? JSON.stringify(eventJson(record, declared.schemas)) : asLine(record, declared).replaceAll('\n', '\\n')}\n`,
    );
    printed++;
    if (limit !== undefined && printed >= limit) break;
  }
  return printed;
}

function asLine(record: StoredRecord, declared: TopicDeclaration): string {
  const place = `${record.topic}/${record.partition}/${record.offset}`;
  if (record.value === null) return `${place}  removed ${record.key?.toString() ?? ''}`;
  try {
    const event = decodeEvent(record, declared.schemas);
    return `${place}  ${event.time}  ${event.id}  ${toldOf(event)}`;
  } catch (thrown) {
    return `${place}  ${thrown instanceof VimiError ? `${thrown.code} ${thrown.message}` : thrown}`;
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
