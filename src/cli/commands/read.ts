import { endsOf } from '../../app/new-records.js';
import type { Workspace } from '../../app/workspace.js';
import type { StoredRecord } from '../../events/record.js';
import { eventJson } from '../event-json.js';
import { eventLine } from '../event-line.js';

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
      `${json ? JSON.stringify(eventJson(record, declared.schemas)) : `${placeOf(record)}  ${eventLine(record, declared.schemas)}`}\n`,
    );
    printed++;
    if (limit !== undefined && printed >= limit) break;
  }
  return printed;
}

function placeOf({ topic, partition, offset }: StoredRecord): string {
  return `${topic}/${partition}/${offset}`;
}
