import { createHash } from 'node:crypto';
import type { NewRecord } from './record.js';
import type { EventRejected } from './schemas.js';

/** On a record that was published again after it had been rejected: the place of the rejected one, `requests-3-42`. */
const replayHeader = 'ce_replayof';

/** Where a record lies, as text; also the id of an event that came without one. */
export function placeOf({ topic, partition, offset }: { topic: string; partition: number; offset: number }): string {
  return `${topic}-${partition}-${offset}`;
}

/** Names a record for good: a topic that is made anew counts its offsets from 0 again, at another time. */
export function recordId(record: { topic: string; partition: number; offset: number; timestamp: number }): string {
  return `${placeOf(record)}@${record.timestamp}`;
}

/** Where the record of a name lies, and when it was written: milliseconds since 1970. */
export function placeNamed(record: string): { topic: string; partition: number; offset: number; written: number } {
  const [, topic = '', ...numbers] = /^(.+)-(\d+)-(\d+)@(\d{1,15})$/.exec(record) ?? [];
  const [partition = Number.NaN, offset = Number.NaN, written = Number.NaN] = numbers.map(Number);
  return { topic, partition, offset, written };
}

/** The place of the record that this one repeats; null: it is no replay. */
export function replayOf({ headers }: { headers: Record<string, Buffer> }): string | null {
  return headers[replayHeader]?.toString() ?? null;
}

/**
 * What a record says, as a hash of its key and value. A replay says what was rejected; whatever says something else only
 * claims to be one.
 */
export function contentOf({ key, value }: Pick<NewRecord, 'key' | 'value'>): string {
  const hash = createHash('sha256');
  for (const bytes of [key, value]) hash.update(`${bytes?.length ?? -1} `).update(bytes ?? '');
  return hash.digest('hex');
}

/**
 * A rejected record as it came: its bytes, its key, its headers, and the replay header. An event that had its id from its
 * place keeps it, because all that follows from an event is named by its id. (A structured one has its id in its value,
 * and a new one where it has none.)
 */
export function replayRecord({ origin }: EventRejected): NewRecord {
  const headers = Object.fromEntries(
    Object.entries(origin.headers).map(([name, text]) => [name, Buffer.from(text, 'base64')]),
  );
  const has = (wanted: string) => Object.keys(headers).some((name) => name.toLowerCase() === wanted);
  if (!has('ce_id')) headers.ce_id = Buffer.from(placeOf(origin));
  headers[replayHeader] = Buffer.from(placeOf(origin));
  return { topic: origin.topic, key: bytesOf(origin.key), value: bytesOf(origin.value), headers };
}

function bytesOf(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, 'base64');
}
