import { decodeEvent } from '../../events/cloudevents.js';
import type { StoredRecord } from '../../events/record.js';
import type { EventRejected, MediaAdded, MediaSettled, SchemaName } from '../../events/schemas.js';
import type { Removable, RemovalTable } from '../../stores/removals/removals.js';
import { openKeyTables } from '../key-tables.js';
import type { Workspace } from '../workspace.js';

/** Records that name something of a removal, and that vimi does not take back. */
export interface StayingRecords {
  topic: string;
  records: number;
  /** What they hold of it. */
  holds: string;
  /** Milliseconds after which the log removes each; null: never. */
  retention: number | null;
}

const holds: Partial<Record<SchemaName, string>> = {
  'media.added': 'address and caption, as the sender published them',
  'media.settled': 'address, and what became of it',
  'event.rejected': 'the original event, with address and caption',
};

/**
 * Counts, by topic, the events of media, their outcomes and their rejects that name what was removed, as far as they say it
 * themselves: by uri, source or licence. Topics of events cannot be changed record by record; their retention ends them. An outcome says why
 * a medium is not there, and is found by its uri alone.
 */
export async function recordsThatStay(workspace: Workspace, removed: RemovalTable): Promise<StayingRecords[]> {
  const found: StayingRecords[] = [];
  const tables = await openKeyTables(workspace);
  try {
    for (const { name: topic, schemas, cleanup, retentionMs } of workspace.topology.topics.values()) {
      const schema = schemas.find((one) => holds[one] !== undefined);
      if (schema === undefined) continue;
      // Of a compacted topic the newest record of a key counts: the log will be rid of the others.
      const naming = cleanup === 'compact' ? tables.make() : null;
      let all = 0;
      for await (const record of (await workspace.transport()).read(topic)) {
        const thing = named(record, schema);
        if (!thing) continue;
        const key = record.key?.toString() ?? '';
        if (!removed.of(thing)) naming?.delete(key);
        else {
          naming?.set(key);
          all++;
        }
      }
      const records = naming?.size ?? all;
      if (records > 0) found.push({ topic, records, holds: holds[schema]!, retention: retentionMs ?? null });
    }
  } finally {
    await tables.close();
  }
  return found;
}

/** null: nothing that could be removed, or the event of a stranger. */
function named(record: StoredRecord, schema: SchemaName): Removable | null {
  try {
    const { data } = decodeEvent(record, [schema]);
    if (schema === 'event.rejected') return namedInReject(data as EventRejected);
    const { uri, source, licence } = data as MediaAdded & MediaSettled;
    return { uri, ...(source && { source }), ...(licence && { licence }) };
  } catch {
    return null;
  }
}

function namedInReject({ origin }: EventRejected): Removable | null {
  const original = origin.value === null ? null : JSON.parse(Buffer.from(origin.value, 'base64').toString());
  // A whole CloudEvent has it inside.
  const { uri, source, licence } = (original?.data ?? original ?? {}) as Record<string, unknown>;
  const texts = Object.entries({ uri, source, licence }).filter(([, value]) => typeof value === 'string');
  return texts.length > 0 ? Object.fromEntries(texts) : null;
}
