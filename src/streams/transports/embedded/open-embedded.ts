import { resolve } from 'node:path';
import { VimiError } from '../../../core/errors.js';
import { within } from '../../../core/within.js';
import type { NewRecord, StoredRecord } from '../../../events/record.js';
import { checkTopic } from '../check-topic.js';
import type {
  AssignedPartition,
  ConsumeOptions,
  Consumer,
  GroupPosition,
  ReadOptions,
  TopicSpec,
  Transport,
} from '../transport.js';
import { metadataBudget, tombstoneMs } from '../transport.js';
import { Changes } from './changes.js';
import { checksum } from './checksum.js';
import { Cleaner } from './cleaner.js';
import { checkEnds, damaged, inMemory, openFile, translated } from './file.js';
import { type LockGroup, lockGroup } from './group-lock.js';
import { Owners } from './owners.js';
import { type LogRow, largestOutput, largestPublished, PartitionLogs } from './partition-log.js';

export interface EmbeddedOptions {
  /** The log's file; its folder is made when it is missing. `:memory:`: for this transport alone, gone when it closes. */
  path: string;
  /** The most that the file may grow to; STORAGE_FULL beyond. As large as the disk when left out. */
  maxBytes?: number;
  /** Milliseconds since 1970: record timestamps, retention. */
  clock?: { now(): number };
  /** Whether it cleans the log by itself. Default true; who only looks changes nothing. */
  cleans?: boolean;
  /** Locks a group for its consumer. In a file beside the log when left out. */
  lock?: LockGroup;
}

export interface EmbeddedTransport extends Transport {
  /**
   * Applies retention and compaction now; gives the number of records removed. It also runs by itself: once after
   * opening, and after every 20,000 records that this process appends.
   */
  clean(): Promise<number>;
}

const heartbeatMs = 5_000;
const cleanAfter = 20_000;
const readMost = 500;

interface PositionRow extends GroupPosition {
  log: number;
  checksum: number | null;
}

interface Write {
  /** Runs within the transaction. It may refuse with a VimiError, before it has written anything. */
  apply(): unknown;
  done(result: unknown): void;
  failed(error: unknown): void;
}

/**
 * The transport in one SQLite file, for every process of one machine. What several callers write in one turn of the event
 * loop (the commits of several partitions, say) shares one SQL transaction, and one wait for the disk.
 *
 * Errors: LOG_DAMAGED, STORAGE_FULL (nothing of the transaction was written; the same call may succeed later),
 * TRANSPORT_UNAVAILABLE (another process kept the file locked for 5 s, or it cannot be opened).
 */
export function openEmbedded({
  path,
  maxBytes,
  clock = Date,
  cleans = true,
  lock = lockGroup,
}: EmbeddedOptions): EmbeddedTransport {
  const where = path === inMemory ? path : resolve(path);
  const now = () => clock.now();
  const file = openFile(where, maxBytes);
  const run = <T>(work: () => T): T => translated(where, work);
  const dataVersion = run(() => file.prepare('PRAGMA data_version').pluck());
  const foreignVersion = () => dataVersion.get() as number;
  const [logs, owners, cleaner, changes] = run(
    () =>
      [
        new PartitionLogs(file, now, where),
        new Owners(file, now),
        new Cleaner(file, now),
        new Changes(foreignVersion),
      ] as const,
  );
  const sql = run(() => ({
    position: file.prepare('SELECT log, offset, metadata, checksum FROM positions WHERE reader = ? AND log = ?'),
    positions: file.prepare(
      'SELECT partition, log, offset, metadata, checksum FROM positions JOIN logs ON logs.id = log WHERE reader = ? AND topic = ?',
    ),
    move: file.prepare(
      `INSERT INTO positions (reader, log, offset, metadata, checksum) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (reader, log) DO UPDATE
         SET offset = excluded.offset, metadata = excluded.metadata, checksum = excluded.checksum`,
    ),
    subscribe: file.prepare('INSERT OR IGNORE INTO readers (reader, topic) VALUES (?, ?)'),
  }));

  let lastVersion = -1;
  let queue: Write[] = [];
  let appended = 0;
  let closed = false;
  let cleaning: Promise<number> | undefined;
  const consumers = new Set<Consumer>();

  const flush = file.transaction((writes: Write[]): (() => void)[] => {
    const version = foreignVersion();
    if (version !== lastVersion) logs.forget();
    lastVersion = version;
    return writes.map((write) => {
      try {
        const result = write.apply();
        return () => write.done(result);
      } catch (refusal) {
        if (refusal instanceof VimiError) return () => write.failed(refusal);
        throw refusal;
      }
    });
  });

  function flushQueue(): void {
    const writes = queue;
    queue = [];
    if (writes.length === 0) return;
    try {
      const results = run(() => flush.immediate(writes));
      for (const settle of results) settle();
    } catch (failure) {
      logs.forget();
      for (const write of writes) write.failed(failure);
      return;
    }
    changes.notify();
    if (appended >= cleanAfter) {
      appended = 0;
      cleanSoon();
    }
  }

  function write<T>(apply: () => T): Promise<T> {
    if (closed) return Promise.reject(closedError(where));
    return new Promise<T>((done, failed) => {
      if (queue.length === 0) setImmediate(flushQueue);
      queue.push({ apply, done: done as (result: unknown) => void, failed });
    });
  }

  function positionOf(group: string, { log, offset, metadata, checksum: sum }: PositionRow): GroupPosition {
    if (sum === null || sum === checksum(group, log, offset, metadata)) return { offset, metadata };
    throw damaged(where, `the position of ${group}`, { expected: 'what was committed', found: `${offset}` });
  }

  function append(records: readonly NewRecord[]) {
    appended += records.length;
    return logs.append(records);
  }

  function clean(): Promise<number> {
    cleaning ??= (async () => {
      try {
        return closed
          ? 0
          : await cleaner.clean(async () => {
              await new Promise((next) => setImmediate(next));
              if (closed) throw closedError(where);
            });
      } catch (thrown) {
        return run(() => {
          throw thrown;
        });
      } finally {
        cleaning = undefined;
      }
    })();
    return cleaning;
  }

  /** Cleaning is no one's business to wait for: what fails now is met again by the next write, which reports it. */
  function cleanSoon(): void {
    setImmediate(() => clean().catch(() => undefined));
  }

  async function* read(
    topic: string,
    { from = {}, follow = false, signal }: ReadOptions = {},
  ): AsyncGenerator<StoredRecord> {
    const next = new Map(Object.entries(from).map(([partition, offset]) => [Number(partition), offset]));
    const at = (row: LogRow) => Math.max(next.get(row.partition) ?? 0, row.low);
    const snapshot = run(() => logs.logsOf(topic));
    let ends: Map<number, number> | undefined;
    if (!follow) ends = new Map(snapshot.map(({ id, high }) => [id, high]));
    for (;;) {
      let found = false;
      for (const row of follow ? run(() => logs.logsOf(topic)) : snapshot) {
        for (;;) {
          if (signal?.aborted || closed) return;
          const records = run(() => logs.read(row, at(row), readMost, ends?.get(row.id)));
          if (records.length === 0) break;
          found = true;
          next.set(row.partition, records.at(-1)!.offset + 1);
          for (const record of records) {
            if (signal?.aborted) return;
            yield record;
          }
          // A long read lets signals and everybody else in.
          await new Promise((resume) => setImmediate(resume));
          if (follow) break;
        }
      }
      if (!follow) return;
      if (!found) await changes.wait(signal);
    }
  }

  async function consume(options: ConsumeOptions): Promise<Consumer> {
    const { group, topics, drainMs } = options;
    const held = lock(where, group);
    if (!held) throw run(() => owners.busy(group));
    const epoch = await write(() => {
      for (const topic of topics) logs.logsOf(topic);
      const taken = owners.acquire(group);
      for (const topic of topics) sql.subscribe.run(group, topic);
      return taken;
    }).catch((error: unknown) => {
      held.release();
      throw error;
    });
    const owned = new Map<number, LogRow>();
    let released = false;

    const lost = (error: unknown) => {
      if (released) return;
      released = true;
      held.release();
      clearInterval(heartbeat);
      consumers.delete(consumer);
      changes.notify();
      options.onError(error as Error);
    };

    const assignNew = () => {
      for (const topic of topics)
        for (const row of logs.logsOf(topic)) {
          if (owned.has(row.id)) continue;
          owned.set(row.id, row);
          const partition = assigned(row);
          options.onAssigned(partition);
          const at = partition.position?.offset ?? row.low;
          if (at < row.low) options.onLost?.(row, at, row.low);
        }
    };

    const assigned = (row: LogRow): AssignedPartition => {
      const found = sql.position.get(group, row.id) as PositionRow | undefined;
      const position = found ? positionOf(group, found) : null;
      let next = Math.max(position?.offset ?? 0, row.low);
      let reached = next;
      return {
        topic: row.topic,
        partition: row.partition,
        position,
        get reached() {
          return reached;
        },
        seek(offset) {
          next = offset;
          reached = offset;
        },
        async take(most, signal) {
          for (;;) {
            if (signal.aborted || released || closed) return [];
            const [records, { low, high }] = run(() => [logs.read(row, next, most), logs.ends(row.id)] as const);
            if (next < low) {
              options.onLost?.(row, next, low);
              next = low;
            }
            const last = records.at(-1);
            if (last) {
              next = last.offset + 1;
              reached = next;
              return records;
            }
            reached = Math.max(next, high);
            await changes.wait(signal);
          }
        },
        async commit(outputs, { offset, metadata }) {
          if (released)
            throw new VimiError('TRANSPORT_FENCED', 'This process no longer owns this partition', { where: group });
          if (Buffer.byteLength(metadata) > metadataBudget)
            throw new VimiError('INTERNAL', 'The metadata of a commit is too long', {
              expected: `at most ${metadataBudget} bytes`,
              found: `${Buffer.byteLength(metadata)} bytes`,
            });
          await write(() => {
            owners.check(group, epoch);
            logs.check(outputs, largestOutput);
            append(outputs);
            sql.move.run(group, row.id, offset, metadata, checksum(group, row.id, offset, metadata));
          }).catch((error: unknown) => {
            if (error instanceof VimiError && error.code === 'TRANSPORT_FENCED') lost(error);
            throw error;
          });
        },
      };
    };

    const consumer: Consumer = {
      async close() {
        if (released) return;
        clearInterval(heartbeat);
        const drains = [...owned.values()].map(({ topic, partition }) => options.onRevoked({ topic, partition }));
        await within(drainMs, Promise.allSettled(drains));
        if (released) return;
        released = true;
        changes.notify();
        consumers.delete(consumer);
        await write(() => owners.release(group, epoch)).finally(() => held.release());
      },
    };

    const heartbeat = setInterval(() => {
      try {
        run(() => owners.see(group, epoch));
        run(assignNew);
      } catch (error) {
        // A log that is full or busy for a moment is no reason to give up: commits say so, and are tried again.
        if (!(error instanceof VimiError) || !error.retryable) lost(error);
      }
    }, heartbeatMs);
    heartbeat.unref();
    consumers.add(consumer);
    run(assignNew);
    return consumer;
  }

  if (cleans) cleanSoon();

  return {
    async ensureTopics(topics: TopicSpec[]) {
      for (const topic of topics) checkTopic(topic);
      await write(() => {
        for (const topic of topics) logs.ensure(topic);
      });
    },
    async topics(names) {
      return run(() => names.flatMap((name) => logs.specOf(name) ?? []));
    },
    tombstonesKept: async () => tombstoneMs,
    async publish(records) {
      if (records.length === 0) return [];
      return write(() => {
        logs.check(records, largestPublished);
        return append(records);
      });
    },
    read,
    async ends(topic) {
      return run(() => logs.logsOf(topic).map(({ partition, low, high }) => ({ partition, low, high })));
    },
    async positions(group, topic) {
      const rows = run(() => sql.positions.all(group, topic)) as (PositionRow & { partition: number })[];
      return new Map(rows.map((row) => [row.partition, positionOf(group, row)]));
    },
    consume,
    clean,
    async check() {
      const [verdict] = run(() => file.prepare('PRAGMA integrity_check(1)').pluck().all()) as string[];
      if (verdict !== 'ok')
        throw damaged(where, 'a table', { expected: 'an intact SQLite file', found: String(verdict) });
      run(() => checkEnds(file, where));
      for (const [group, topic] of run(() =>
        file.prepare('SELECT reader, topic FROM readers').raw().all(),
      ) as string[][])
        await this.positions(group!, topic!);
      try {
        return await logs.readThrough(() => new Promise((resume) => setImmediate(resume)));
      } catch (thrown) {
        return run(() => {
          throw thrown;
        });
      }
    },
    async close() {
      if (closed) return;
      await Promise.all([...consumers].map((consumer) => consumer.close()));
      flushQueue();
      closed = true;
      changes.close();
      await cleaning?.catch(() => undefined);
      run(() => file.close());
    },
  };
}

function closedError(where: string): VimiError {
  return new VimiError('TRANSPORT_UNAVAILABLE', 'The log was closed by this process', { where });
}
