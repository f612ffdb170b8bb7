import { within } from '../../core/within.js';
import type { NewRecord, StoredRecord } from '../../events/record.js';
import { decodePosition, isSettled } from '../../streams/delivery/position.js';
import type { AssignedPartition, GroupPosition, TopicSpec, Transport } from '../../streams/transports/transport.js';

export interface FrozenOptions {
  /** The most records of the input that are given out. */
  limit: number;
  /** First offset of every partition, instead of the group's position. */
  from?: number;
  /** Told of each record that would be published, at once or by a commit. */
  onRecord(record: StoredRecord): void;
}

/** A topic as it was when it was first asked for, and what was published to it here since. */
interface FrozenTopic {
  ends: { partition: number; low: number; high: number }[];
  /** Of partition 0, from its `high` on. */
  added: StoredRecord[];
}

/**
 * A transport as it was at one moment: it reads what the real one has, and keeps in memory what would be published, so that steps find
 * what they said themselves. Nobody joins a group, and no position moves. Topics that are not there yet are empty.
 */
export function frozenTransport(real: Transport, { limit, from, onRecord }: FrozenOptions): Transport {
  const specs = new Map<string, TopicSpec>();
  const opening = new Map<string, Promise<FrozenTopic>>();
  const wakes = new Set<() => void>();

  const topic = (name: string): Promise<FrozenTopic> => {
    const there = opening.get(name);
    if (there) return there;
    const opened = open(name);
    opening.set(name, opened);
    return opened;
  };

  async function open(name: string): Promise<FrozenTopic> {
    const isThere = (await real.topics([name])).length > 0;
    const partitions = specs.get(name)?.partitions ?? 1;
    const empty = () => Array.from({ length: partitions }, (_, partition) => ({ partition, low: 0, high: 0 }));
    return { ends: isThere ? await real.ends(name) : empty(), added: [] };
  }

  const highOf = ({ ends, added }: FrozenTopic, partition: number) =>
    (ends.find((end) => end.partition === partition)?.high ?? 0) + (partition === 0 ? added.length : 0);

  async function publish(records: readonly NewRecord[]) {
    const places = [];
    for (const record of records) {
      const to = await topic(record.topic);
      const place = { topic: record.topic, partition: 0, offset: highOf(to, 0) };
      const stored = { timestamp: Date.now(), ...record, ...place };
      to.added.push(stored);
      places.push(place);
      onRecord(stored);
    }
    for (const wake of [...wakes]) wake();
    return places;
  }

  async function* read(
    name: string,
    { from: first = {}, follow = false, signal }: Parameters<Transport['read']>[1] = {},
  ): AsyncIterable<StoredRecord> {
    const frozen = await topic(name);
    if (frozen.ends.some(({ partition, high }) => high > (first[partition] ?? 0))) {
      const ends = new Map(frozen.ends.map(({ partition, high }) => [partition, high]));
      for await (const record of real.read(name, { from: first, ...(signal && { signal }) }))
        if (record.offset < (ends.get(record.partition) ?? 0)) yield record;
    }
    const base = frozen.ends.find(({ partition }) => partition === 0)?.high ?? 0;
    for (let next = Math.max(0, (first[0] ?? 0) - base); ; ) {
      for (; next < frozen.added.length; next++) yield frozen.added[next]!;
      if (!follow || signal?.aborted) return;
      await changed(signal);
    }
  }

  function changed(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        wakes.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      wakes.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
      if (signal?.aborted) wake();
    });
  }

  /** What a run of the group would read next, by partition. */
  async function inputOf(name: string, positions: ReadonlyMap<number, GroupPosition>) {
    const { ends } = await topic(name);
    const input = new Map(ends.map(({ partition }) => [partition, [] as StoredRecord[]]));
    const first = Object.fromEntries(
      ends.map(({ partition, low }) => [partition, Math.max(low, positions.get(partition)?.offset ?? 0)]),
    );
    let count = 0;
    for await (const record of read(name, { from: first })) {
      if (count >= limit) break;
      if (isSettled(decodePosition(positions.get(record.partition) ?? null), record.offset)) continue;
      input.get(record.partition)?.push(record);
      count++;
    }
    return input;
  }

  return {
    async ensureTopics(topics) {
      for (const one of topics) specs.set(one.name, one);
    },
    async topics(names) {
      return names.flatMap((name) => specs.get(name) ?? []);
    },
    tombstonesKept: (name) => real.tombstonesKept(name),
    publish,
    read,
    async ends(name) {
      const frozen = await topic(name);
      return frozen.ends.map((end) => ({ ...end, high: highOf(frozen, end.partition) }));
    },
    positions: (group, name) => positionsOf(group, name),
    async consume({ group, topics: [name = ''], onAssigned, onRevoked, drainMs }) {
      const positions = await positionsOf(group, name);
      const input = await inputOf(name, positions);
      const owned = [...input].map(([partition, records]): AssignedPartition => {
        let next = 0;
        return {
          topic: name,
          partition,
          position: positions.get(partition) ?? null,
          // What the limit leaves out does not count: the run ends when those before it have their outcomes.
          get reached() {
            return next < records.length ? records[next]!.offset : Number.MAX_SAFE_INTEGER;
          },
          async take(most, signal) {
            const taken = records.slice(next, next + most);
            next += taken.length;
            if (taken.length === 0 && !signal.aborted) await changed(signal);
            return taken;
          },
          seek(offset) {
            const at = records.findIndex((record) => record.offset >= offset);
            next = at < 0 ? records.length : at;
          },
          async commit(outputs) {
            await publish(outputs);
          },
        };
      });
      for (const one of owned) onAssigned(one);
      return {
        async close() {
          await within(
            drainMs,
            Promise.allSettled(owned.map(({ partition }) => onRevoked({ topic: name, partition }))),
          );
        },
      };
    },
    // Whoever opened the real one closes it.
    close: async () => {},
  };

  async function positionsOf(group: string, name: string): Promise<Map<number, GroupPosition>> {
    const { ends } = await topic(name);
    // Partitions are not equally long: one that ends before the offset has nothing to give.
    if (from !== undefined)
      return new Map(
        ends.map(({ partition, low, high }) => [
          partition,
          { offset: Math.min(Math.max(from, low), high), metadata: '' },
        ]),
      );
    return (await real.topics([name])).length > 0 ? real.positions(group, name) : new Map();
  }
}
