import { VimiError } from '../../../core/errors.js';
import type { NewRecord, StoredRecord } from '../../../events/record.js';
import { createPartitioner } from '../partitioner.js';
import type { TopicSpec } from '../transport.js';
import { checksum } from './checksum.js';
import { damaged, idsPerLog, type LogFile } from './file.js';

const mostLogs = 2 ** 13 - 1;
/** Bytes of a record that may be published, headers included. Media travel by reference. */
export const largestPublished = 32 * 1024 * 1024;
/** The same for the outputs of a commit: a reject carries the largest published record in base64. */
export const largestOutput = 48 * 1024 * 1024;
/** Bytes that one read brings into memory, but for its first record. */
const readBytes = 8 * 1024 * 1024;

export interface LogRow {
  id: number;
  topic: string;
  partition: number;
  low: number;
  high: number;
  /** Up to where it was ever compacted: only then it may have gaps. */
  compacted: number;
}

export interface Appended {
  topic: string;
  partition: number;
  offset: number;
}

type RecordRow = [
  id: number,
  timestamp: number,
  key: Buffer | null,
  headers: string,
  value: Buffer | null,
  checksum: number | null,
];

/** Topics, partitions and their records. Nothing here begins a transaction: the callers know what belongs together. */
export class PartitionLogs {
  readonly #file: LogFile;
  readonly #path: string;
  readonly #now: () => number;
  readonly #partitionOf = createPartitioner();
  /** Logs by topic, in order of partition. */
  readonly #known = new Map<string, number[]>();
  readonly #sql;

  constructor(file: LogFile, now: () => number, path: string) {
    this.#path = path;
    this.#file = file;
    this.#now = now;
    this.#sql = {
      logs: file.prepare(
        'SELECT id, topic, partition, low, high, compacted FROM logs WHERE topic = ? ORDER BY partition',
      ),
      high: file.prepare('SELECT high FROM logs WHERE id = ?').pluck(),
      ends: file.prepare('SELECT low, high, compacted FROM logs WHERE id = ?'),
      grow: file.prepare('UPDATE logs SET high = ? WHERE id = ?'),
      insert: file.prepare(
        'INSERT INTO records (id, timestamp, key, headers, value, checksum) VALUES (?, ?, ?, ?, ?, ?)',
      ),
      read: file
        .prepare(
          'SELECT id, timestamp, key, headers, value, checksum FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?',
        )
        .raw(),
    };
  }

  /** Adds topics and partitions that are missing. */
  ensure({ name, partitions, cleanup, retentionMs }: TopicSpec): void {
    this.#file
      .prepare(
        `INSERT INTO topics (name, cleanup, retention_ms) VALUES (?, ?, ?)
         ON CONFLICT (name) DO UPDATE SET cleanup = excluded.cleanup, retention_ms = excluded.retention_ms`,
      )
      .run(name, cleanup, retentionMs ?? null);
    const count = this.#file.prepare('SELECT count(*) FROM logs').pluck().get() as number;
    const present = this.logsOf(name, true).length;
    if (count + partitions - present > mostLogs)
      throw new VimiError('TOPOLOGY_INVALID', 'There are too many partitions for one embedded log', {
        expected: `at most ${mostLogs}`,
        where: name,
      });
    const add = this.#file.prepare('INSERT INTO logs (topic, partition) VALUES (?, ?)');
    for (let partition = present; partition < partitions; partition++) add.run(name, partition);
    this.#known.delete(name);
  }

  /** null: there is no such topic. */
  specOf(name: string): TopicSpec | null {
    const topic = this.#file.prepare('SELECT cleanup, retention_ms FROM topics WHERE name = ?').get(name) as
      | { cleanup: TopicSpec['cleanup']; retention_ms: number | null }
      | undefined;
    if (!topic) return null;
    const { cleanup, retention_ms: retentionMs } = topic;
    return { name, partitions: this.logsOf(name, true).length, cleanup, ...(retentionMs !== null && { retentionMs }) };
  }

  /** Throws TOPIC_UNKNOWN, or gives an empty list where `mayMiss`. */
  logsOf(topic: string, mayMiss = false): LogRow[] {
    const rows = this.#sql.logs.all(topic) as LogRow[];
    if (rows.length === 0 && !mayMiss) throw unknown(topic);
    this.#known.set(
      topic,
      rows.map(({ id }) => id),
    );
    return rows;
  }

  /** Another process may have added partitions. */
  forget(): void {
    this.#known.clear();
  }

  high(log: number): number {
    const high = this.#sql.high.get(log);
    if (typeof high === 'number') return high;
    throw damaged(this.#path, 'the table of logs', { expected: `an entry of number ${log}`, found: 'none' });
  }

  /** The first offset that is kept, and the next one. */
  ends(log: number): Pick<LogRow, 'low' | 'high'> {
    const ends = this.#sql.ends.get(log) as LogRow | undefined;
    return ends ?? { low: 0, high: this.high(log) };
  }

  /** All records of all topics, read through. Gives how many there are; LOG_DAMAGED for the first that is wrong. */
  async readThrough(pause: () => Promise<void>): Promise<number> {
    let count = 0;
    for (const topic of this.#file.prepare('SELECT DISTINCT topic FROM logs').pluck().all() as string[])
      for (const row of this.logsOf(topic))
        for (let next = row.low; ; ) {
          const records = this.read(row, next, 500);
          if (records.length === 0) break;
          count += records.length;
          next = records.at(-1)!.offset + 1;
          await pause();
        }
    return count;
  }

  /** Refuses what can never be appended, before anything is written. */
  check(records: readonly NewRecord[], largest: number): void {
    for (const { topic, partition, value, key, headers } of records) {
      const logs = this.#logIds(topic);
      if (partition !== undefined && logs[partition] === undefined) throw unknown(`${topic}/${partition}`);
      let size = (value?.length ?? 0) + (key?.length ?? 0);
      for (const name in headers) size += name.length + headers[name]!.length;
      if (size > largest)
        throw new VimiError('EVENT_TOO_LARGE', 'This record is too large for the log', {
          expected: `at most ${largest} bytes`,
          found: `${size} bytes`,
          where: topic,
        });
    }
  }

  append(records: readonly NewRecord[]): Appended[] {
    const highs = new Map<number, number>();
    const appended = records.map(({ topic, key, value, headers, partition, timestamp }) => {
      const logs = this.#logIds(topic);
      const target = partition ?? this.#partitionOf(key, logs.length);
      const log = logs[target]!;
      const offset = highs.get(log) ?? this.high(log);
      highs.set(log, offset + 1);
      const [id, time, packed] = [log * idsPerLog + offset, timestamp ?? this.#now(), packHeaders(headers)];
      this.#sql.insert.run(id, time, key, packed, value, checksum(id, time, key, packed, value));
      return { topic, partition: target, offset };
    });
    for (const [log, high] of highs) this.#sql.grow.run(high, log);
    return appended;
  }

  /** Up to `most` records from `offset` on, fewer when they are large. */
  read(row: LogRow, offset: number, most: number, end = idsPerLog): StoredRecord[] {
    const { id, topic, partition } = row;
    const base = id * idsPerLog;
    const records: StoredRecord[] = [];
    let bytes = 0;
    let after = base + offset - 1;
    for (const found of this.#sql.read.iterate(base + offset, base + end, most)) {
      const [rowId, timestamp, key, headers, value, sum] = found as RecordRow;
      const place = `${topic}/${partition}/${rowId - base}`;
      if (rowId <= after)
        throw damaged(this.#path, place, {
          expected: `records after ${after - base}, in order`,
          found: `${rowId - base}`,
        });
      after = rowId;
      if (sum !== null && sum !== checksum(rowId, timestamp, key, headers, value))
        throw damaged(this.#path, place, { expected: 'the bytes that were written', found: 'others' });
      try {
        records.push({
          topic,
          partition,
          offset: rowId - base,
          timestamp,
          key,
          value,
          headers: unpackHeaders(headers),
        });
      } catch (cause) {
        throw damaged(this.#path, place, { expected: 'the headers that were written', found: 'something else', cause });
      }
      bytes += value?.length ?? 0;
      if (bytes > readBytes) break;
    }
    if (row.compacted === 0) this.#checkGapless(row, offset, records, end);
    return records;
  }

  /** Nothing but retention takes records out of such a log, and it takes the first. */
  #checkGapless({ id, topic, partition }: LogRow, offset: number, records: StoredRecord[], end: number): void {
    let next = offset;
    for (const record of [...records.map((one) => one.offset), records.length === 0 ? end : undefined]) {
      if (record === undefined || record === next++) continue;
      const { low, high, compacted } = this.#sql.ends.get(id) as Pick<LogRow, 'low' | 'high' | 'compacted'>;
      const expected = Math.max(next - 1, low);
      if (compacted > 0 || record === expected || expected >= Math.min(high, end)) {
        next = record + 1;
        continue;
      }
      throw damaged(this.#path, `${topic}/${partition}/${expected}`, { expected: 'a record', found: 'none' });
    }
  }

  #logIds(topic: string): number[] {
    return this.#known.get(topic) ?? this.logsOf(topic).map(({ id }) => id);
  }
}

export function idRange(log: number, from: number, to: number): [from: number, to: number] {
  return [log * idsPerLog + from, log * idsPerLog + to];
}

export function offsetOf(id: number): number {
  return id % idsPerLog;
}

function unknown(where: string): VimiError {
  return new VimiError('TOPIC_UNKNOWN', 'There is no such topic or partition', { where });
}

/** JSON, each byte of a value as one character: exact for any bytes. */
function packHeaders(headers: Record<string, Buffer>): string {
  const entries: [string, string][] = [];
  for (const name in headers) entries.push([name, headers[name]!.toString('latin1')]);
  return entries.length === 0 ? '' : JSON.stringify(entries);
}

function unpackHeaders(text: string): Record<string, Buffer> {
  if (text === '') return {};
  const entries = JSON.parse(text) as [string, string][];
  return Object.fromEntries(entries.map(([name, bytes]) => [name, Buffer.from(bytes, 'latin1')]));
}
