import { cutText } from '../../cut-text.js';
import { VimiError } from '../../errors.js';
import { decodeEvent } from '../../events/cloudevents.js';
import type { StoredRecord } from '../../events/record.js';
import type { TopicDeclaration } from '../../streams/topology/topology.js';
import { eventJson } from '../event-json.js';
import type { Workspace } from '../workspace.js';
import { endsOf } from './new-records.js';

export interface ReadOptions {
  json?: boolean;
  follow?: boolean;
  /** First offset, of every partition; `end`: what comes from now on. */
  from?: number | 'end';
  limit?: number;
}

/** Prints the committed events of a topic: a line each, or a JSON object each. */
export async function read(
  workspace: Workspace,
  topic: string,
  { json, follow = false, from = 0, limit }: ReadOptions,
  out: NodeJS.WritableStream,
  signal: AbortSignal,
): Promise<void> {
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
    if (limit !== undefined && ++printed >= limit) return;
  }
}

function asLine(record: StoredRecord, declared: TopicDeclaration): string {
  const place = `${record.topic}/${record.partition}/${record.offset}`;
  if (record.value === null) return `${place}  removed ${record.key?.toString() ?? ''}`;
  try {
    const event = decodeEvent(record, declared.schemas);
    return `${place}  ${event.time}  ${event.id}  ${summary(event.data as Record<string, unknown>)}`;
  } catch (thrown) {
    return `${place}  ${thrown instanceof VimiError ? `${thrown.code} ${thrown.message}` : thrown}`;
  }
}

/** What a person looks for first in an event of any topic. */
function summary(data: Record<string, unknown>): string {
  const error = data.error as { code?: string; message?: string } | undefined;
  const object = data.object as { key?: string } | undefined;
  const request = data.request as { source?: string; id?: string } | undefined;
  const first = [
    data.state && `${data.job} ${data.state}`,
    error && `${error.code} ${error.message}`,
    object?.key,
    request && `${request.id} of ${request.source}`,
    typeof data.prompt === 'string' && JSON.stringify(data.prompt),
    data.uri,
    data.caption && JSON.stringify(data.caption),
    data.samples !== undefined && `${data.samples} samples`,
  ].filter(Boolean);
  return first.length > 0 ? first.join('  ') : cutText(JSON.stringify(data), 200);
}
