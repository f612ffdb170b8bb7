import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { NewRecord, StoredRecord } from '../../../src/events/record.js';
import type { AssignedPartition, Consumer, TopicSpec, Transport } from '../../../src/streams/transports/transport.js';
import { patient } from '../../support/patience.js';

/** One log, and the ways to reach it. */
export interface LogUnderTest {
  /** Another client of the same log, as another process would have it. */
  open(): Promise<Transport>;
  /** A client that takes groups over while their owner still believes to hold them, as after a long stall. */
  usurp(): Promise<Transport>;
  /** After all clients are closed. */
  remove(): Promise<void>;
}

const never = new AbortController().signal;

/** What every transport promises, executed. Nothing in here knows which one it is. */
export function transportContract(name: string, create: () => Promise<LogUnderTest>): void {
  describe(`${name}, as a transport`, () => {
    let log: LogUnderTest;
    let transport: Transport;
    const clients: Transport[] = [];
    const open = async (how: 'open' | 'usurp' = 'open') => {
      const client = await log[how]();
      clients.push(client);
      return client;
    };
    beforeEach(async () => {
      log = await create();
      transport = await open();
    });
    afterEach(async () => {
      for (const client of clients.splice(0)) await client.close();
      await log.remove();
    });

    const fresh = (what: string) => `${what}-${randomUUID().slice(0, 8)}`;
    const topicOf = async (partitions = 1): Promise<string> => {
      const topic = fresh('topic');
      await transport.ensureTopics([{ name: topic, partitions, cleanup: 'delete' }]);
      return topic;
    };

    it('tells which topics are there, and how they are kept', async () => {
      const [kept, compacted, forgetful] = [fresh('topic'), fresh('topic'), fresh('topic')] as const;
      const specs: TopicSpec[] = [
        { name: kept, partitions: 3, cleanup: 'delete' },
        { name: compacted, partitions: 1, cleanup: 'compact' },
        { name: forgetful, partitions: 2, cleanup: 'delete', retentionMs: 3_600_000 },
      ];
      await transport.ensureTopics(specs);
      await transport.ensureTopics([{ ...specs[0]!, partitions: 4 }]);
      const found = await transport.topics([kept, fresh('missing'), compacted, forgetful]);
      expect(found).toEqual([{ ...specs[0]!, partitions: 4 }, specs[1], specs[2]]);
    });

    describe('publishing and reading', () => {
      it('keeps every byte of a record', async () => {
        const topic = await topicOf();
        const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
        const sent: NewRecord[] = [
          { topic, key: Buffer.from('k'), value: Buffer.from('v'), headers: {}, timestamp: 1_700_000_000_000 },
          { topic, key: bytes, value: bytes, headers: { bytes, empty: Buffer.alloc(0) }, timestamp: 1_700_000_000_001 },
          { topic, key: null, value: Buffer.alloc(0), headers: { ce_ü: Buffer.from('ü') }, timestamp: 1 },
          { topic, key: Buffer.from('k'), value: null, headers: { a: bytes }, timestamp: 2 },
        ];
        const places = await transport.publish(sent);
        expect(places.map(({ topic: to, partition }) => [to, partition])).toEqual(sent.map(() => [topic, 0]));
        const got = await read(transport, topic);
        expect(got.map(({ offset }) => offset)).toEqual(places.map(({ offset }) => offset));
        expect(got).toEqual(sent.map((record, n) => ({ ...record, partition: 0, offset: places[n]!.offset })));
      });

      it('keeps many headers, and any name of one', async () => {
        const topic = await topicOf();
        const names = ['', '__proto__', 'constructor', '7', 'with space', 'ü', 'x'.repeat(1_000)];
        const headers = Object.fromEntries(
          [...names, ...numbers(2_000).map((n) => `header ${n}`)].map((name) => [
            name,
            Buffer.from(`value of ${name}`),
          ]),
        );
        await transport.publish([{ ...text(topic, 'many'), headers }]);
        const [record] = await read(transport, topic);
        expect(Object.entries(record!.headers)).toEqual(Object.entries(headers));
      });

      it('counts headers as part of a record that may be too large', async () => {
        const topic = await topicOf();
        const headers = { large: Buffer.alloc(33 * 1024 * 1024) };
        const refused = transport.publish([{ ...text(topic, 'small'), headers }]);
        await expect(refused).rejects.toMatchObject({ code: 'EVENT_TOO_LARGE' });
        await transport.publish([text(topic, 'a')]);
        expect(values(await read(transport, topic))).toEqual(['a']);
      });

      it('stamps what came without a time', async () => {
        const topic = await topicOf();
        const before = Date.now();
        await transport.publish([text(topic, 'a')]);
        const [record] = await read(transport, topic);
        expect(record!.timestamp).toBeGreaterThanOrEqual(before - 1000);
        expect(record!.timestamp).toBeLessThanOrEqual(Date.now() + 1000);
      });

      it('keeps the records of a key in one partition, in order', async () => {
        const topic = await topicOf(4);
        const records = Array.from({ length: 200 }, (_, n) => text(topic, String(n), `key ${n % 17}`));
        for (let at = 0; at < records.length; at += 40) await transport.publish(records.slice(at, at + 40));
        const got = await read(transport, topic);
        for (let key = 0; key < 17; key++) {
          const mine = got.filter((record) => String(record.key) === `key ${key}`);
          expect(new Set(mine.map(({ partition }) => partition)).size).toBe(1);
          expect(mine.map(({ value }) => Number(value))).toEqual(
            Array.from({ length: 200 }, (_, n) => n).filter((n) => n % 17 === key),
          );
        }
        expect(new Set(got.map(({ partition }) => partition)).size).toBe(4);
      });

      it('spreads what has no key', async () => {
        const topic = await topicOf(3);
        for (let n = 0; n < 30; n++) await transport.publish([text(topic, String(n), null)]);
        const used = new Set((await read(transport, topic)).map(({ partition }) => partition));
        expect(used.size).toBe(3);
      });

      it('puts a record where it is told to', async () => {
        const topic = await topicOf(3);
        await transport.publish([{ ...text(topic, 'a', 'k'), partition: 2 }]);
        expect((await read(transport, topic)).map(({ partition }) => partition)).toEqual([2]);
      });

      it('carries large values', async () => {
        const topic = await topicOf();
        const value = Buffer.alloc(900_000, 'vimi');
        await transport.publish(Array.from({ length: 12 }, () => ({ ...text(topic, ''), value })));
        const got = await read(transport, topic);
        expect(got.length).toBe(12);
        for (const record of got) expect(record.value!.equals(value)).toBe(true);
      });

      it('shows one client what another published', async () => {
        const topic = await topicOf();
        const other = await open();
        await transport.publish([text(topic, 'a')]);
        expect(values(await read(other, topic))).toEqual(['a']);
      });

      it('reads from given offsets', async () => {
        const topic = await topicOf();
        const places = await transport.publish(['a', 'b', 'c'].map((value) => text(topic, value)));
        expect(values(await read(transport, topic, { 0: places[1]!.offset }))).toEqual(['b', 'c']);
      });

      it('ends a read where the topic ended when it was called', async () => {
        const topic = await topicOf();
        await transport.publish(['a', 'b'].map((value) => text(topic, value)));
        const got: string[] = [];
        for await (const record of transport.read(topic)) {
          got.push(String(record.value));
          if (got.length < 50) await transport.publish([text(topic, 'later')]);
        }
        expect(got).toEqual(['a', 'b']);
      });

      it('follows a topic until it is told to stop', async () => {
        const topic = await topicOf(2);
        const other = await open();
        const stop = new AbortController();
        const got: string[] = [];
        const following = (async () => {
          for await (const record of transport.read(topic, { follow: true, signal: stop.signal }))
            got.push(String(record.value));
        })();
        await transport.publish([text(topic, 'from here')]);
        await vi.waitFor(() => expect(got).toEqual(['from here']), patience);
        await other.publish([text(topic, 'from there')]);
        await vi.waitFor(() => expect(got).toEqual(['from here', 'from there']), patience);
        stop.abort();
        await following;
      });

      it('tells the ends of a topic', async () => {
        const topic = await topicOf(2);
        expect(await transport.ends(topic)).toEqual([
          { partition: 0, low: 0, high: 0 },
          { partition: 1, low: 0, high: 0 },
        ]);
        const [, last] = await transport.publish(['a', 'b'].map((value) => ({ ...text(topic, value), partition: 1 })));
        const [empty, full] = await transport.ends(topic);
        expect(empty).toEqual({ partition: 0, low: 0, high: 0 });
        expect(full!.low).toBe(0);
        expect(full!.high).toBeGreaterThan(last!.offset);
      });
    });

    describe('topics', () => {
      it('are made once, and grow, but never shrink', async () => {
        const topic = await topicOf(2);
        await transport.publish([text(topic, 'a')]);
        await transport.ensureTopics([{ name: topic, partitions: 4, cleanup: 'delete' }]);
        expect((await transport.ends(topic)).length).toBe(4);
        await transport.ensureTopics([{ name: topic, partitions: 1, cleanup: 'delete' }]);
        expect((await transport.ends(topic)).length).toBe(4);
        expect(values(await read(transport, topic))).toEqual(['a']);
      });

      it.each(['', 'vidéos', '視頻', 'a b', 'a/b', 'x'.repeat(250)])('may not be called %j', async (topic) => {
        const refused = transport.ensureTopics([{ name: topic, partitions: 1, cleanup: 'delete' }]);
        await expect(refused).rejects.toMatchObject({ code: 'TOPOLOGY_INVALID' });
      });

      it('that do not exist are said to be unknown', async () => {
        const unknown = { code: 'TOPIC_UNKNOWN' };
        const topic = fresh('missing');
        await expect(transport.publish([text(topic, 'a')])).rejects.toMatchObject(unknown);
        await expect(read(transport, topic)).rejects.toMatchObject(unknown);
        await expect(transport.ends(topic)).rejects.toMatchObject(unknown);
        await expect(consume(transport, fresh('group'), topic)).rejects.toMatchObject(unknown);
        const there = await topicOf();
        await expect(transport.publish([{ ...text(there, 'a'), partition: 7 }])).rejects.toMatchObject(unknown);
      });
    });

    describe('consuming', () => {
      it('takes at most as many records as asked for, in order, and waits for more', async () => {
        const topic = await topicOf();
        await transport.publish(numbered(topic, 10));
        const { partition } = await consumeOne(transport, fresh('group'), topic);
        expect(partition.position).toBeNull();
        const got: StoredRecord[] = [];
        while (got.length < 10) {
          const some = await partition.take(3, never);
          expect(some.length).toBeGreaterThan(0);
          expect(some.length).toBeLessThanOrEqual(3);
          got.push(...some);
        }
        expect(values(got)).toEqual(numbers(10));
        const waiting = partition.take(5, never);
        const other = await open();
        await other.publish([text(topic, 'ten')]);
        expect(values(await waiting)).toEqual(['ten']);
      });

      it('gives nothing to who no longer waits', async () => {
        const topic = await topicOf();
        const { partition } = await consumeOne(transport, fresh('group'), topic);
        const stop = new AbortController();
        const waiting = partition.take(5, stop.signal);
        stop.abort();
        expect(await waiting).toEqual([]);
        expect(await partition.take(5, stop.signal)).toEqual([]);
        await transport.publish([text(topic, 'a')]);
        expect(values(await partition.take(5, never))).toEqual(['a']);
      });

      it('says how far it has looked', async () => {
        const topic = await topicOf();
        await transport.publish(numbered(topic, 3));
        const { partition } = await consumeOne(transport, fresh('group'), topic);
        const [{ high } = { high: -1 }] = await transport.ends(topic);
        const got = await takeAll(partition, 3);
        expect(partition.reached).toBeGreaterThan(got.at(-1)!.offset);
        const stop = new AbortController();
        const waiting = partition.take(1, stop.signal);
        await vi.waitFor(() => expect(partition.reached).toBeGreaterThanOrEqual(high), patience);
        stop.abort();
        await waiting;
      });

      it('publishes the outputs and moves the position in one step', async () => {
        const topic = await topicOf();
        const out = await topicOf(2);
        const group = fresh('group');
        await transport.publish(numbered(topic, 5));
        const { partition } = await consumeOne(transport, group, topic);
        const got = await takeAll(partition, 5);
        expect(await transport.positions(group, topic)).toEqual(new Map());
        const offset = got[2]!.offset + 1;
        const metadata = `é${'m'.repeat(4094)}`;
        await partition.commit([text(out, 'a', 'k'), text(out, 'b', 'k')], { offset, metadata });
        expect(values(await read(transport, out))).toEqual(['a', 'b']);
        const other = await open();
        await vi.waitFor(
          async () => expect(await other.positions(group, topic)).toEqual(new Map([[0, { offset, metadata }]])),
          patience,
        );
      });

      it('does neither when it cannot do both', async () => {
        const topic = await topicOf();
        const out = await topicOf();
        const group = fresh('group');
        await transport.publish(numbered(topic, 2));
        const { partition } = await consumeOne(transport, group, topic);
        const [first] = await takeAll(partition, 2);
        const position = { offset: first!.offset + 1, metadata: '' };
        const impossible = partition.commit([text(out, 'a'), text(fresh('missing'), 'b')], position);
        await expect(impossible).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' });
        expect(await read(transport, out)).toEqual([]);
        expect(await transport.positions(group, topic)).toEqual(new Map());
        await partition.commit([text(out, 'a')], position);
        expect(values(await read(transport, out))).toEqual(['a']);
      });

      it('moves the position without outputs, too', async () => {
        const topic = await topicOf();
        const group = fresh('group');
        await transport.publish(numbered(topic, 1));
        const { partition } = await consumeOne(transport, group, topic);
        await takeAll(partition, 1);
        await partition.commit([], { offset: 1, metadata: 'x' });
        await vi.waitFor(
          async () => expect((await transport.positions(group, topic)).get(0)).toEqual({ offset: 1, metadata: 'x' }),
          patience,
        );
      });

      it('goes on where the last commit stood, with what it said', async () => {
        const topic = await topicOf();
        const group = fresh('group');
        await transport.publish(numbered(topic, 6));
        const first = await consumeOne(transport, group, topic);
        const got = await takeAll(first.partition, 6);
        await first.partition.commit([], { offset: got[2]!.offset, metadata: 'vimi1 {}' });
        await first.consumer.close();
        const second = await consumeOne(transport, group, topic);
        expect(second.partition.position).toEqual({ offset: got[2]!.offset, metadata: 'vimi1 {}' });
        expect(values(await takeAll(second.partition, 4))).toEqual(['2', '3', '4', '5']);
      });

      it('gives what was never committed to the next owner', async () => {
        const topic = await topicOf();
        const group = fresh('group');
        await transport.publish(numbered(topic, 3));
        const first = await consumeOne(transport, group, topic);
        await takeAll(first.partition, 3);
        await first.consumer.close();
        const second = await consumeOne(await open(), group, topic);
        expect(second.partition.position).toBeNull();
        expect(values(await takeAll(second.partition, 3))).toEqual(['0', '1', '2']);
      });

      it('keeps groups apart', async () => {
        const topic = await topicOf();
        await transport.publish(numbered(topic, 2));
        const one = await consumeOne(transport, fresh('group'), topic);
        const other = await consumeOne(transport, fresh('group'), topic);
        await takeAll(one.partition, 2);
        await one.partition.commit([], { offset: 2, metadata: '' });
        expect(values(await takeAll(other.partition, 2))).toEqual(['0', '1']);
      });

      it('owns every partition of its topics', async () => {
        const [a, b] = [await topicOf(3), await topicOf(2)];
        const owned: string[] = [];
        const consumer = await transport.consume({
          group: fresh('group'),
          topics: [a, b],
          drainMs: 1000,
          onAssigned: ({ topic, partition }) => owned.push(`${topic}/${partition}`),
          onRevoked: async () => undefined,
          onError: () => undefined,
        });
        await vi.waitFor(() => expect(owned.length).toBe(5), patience);
        expect(owned.sort()).toEqual([`${a}/0`, `${a}/1`, `${a}/2`, `${b}/0`, `${b}/1`].sort());
        await consumer.close();
      });

      it('fences the previous owner: its outputs never show', async () => {
        const topic = await topicOf();
        const out = await topicOf();
        const group = fresh('group');
        await transport.publish(numbered(topic, 2));
        const old = await consumeOne(transport, group, topic);
        await takeAll(old.partition, 2);
        const successor = await consumeOne(await open('usurp'), group, topic);
        expect(values(await takeAll(successor.partition, 2))).toEqual(['0', '1']);
        const late = old.partition.commit([text(out, 'from the old one')], { offset: 2, metadata: '' });
        await expect(late).rejects.toMatchObject({ code: 'TRANSPORT_FENCED' });
        await successor.partition.commit([text(out, 'from the new one')], { offset: 2, metadata: '' });
        expect(values(await read(transport, out))).toEqual(['from the new one']);
      });

      it('lets an owner commit while it gives its partitions up, and not after', async () => {
        const topic = await topicOf(2);
        const group = fresh('group');
        await transport.publish([0, 1].map((partition) => ({ ...text(topic, 'a'), partition })));
        const revoked: number[] = [];
        const partitions = new Map<number, AssignedPartition>();
        const consumer = await transport.consume({
          group,
          topics: [topic],
          drainMs: 30_000,
          onAssigned: (partition) => partitions.set(partition.partition, partition),
          onRevoked: async ({ partition }) => {
            revoked.push(partition);
            await partitions.get(partition)!.commit([], { offset: 1, metadata: `last of ${partition}` });
          },
          onError: () => undefined,
        });
        await vi.waitFor(() => expect(partitions.size).toBe(2), patience);
        await Promise.all([...partitions.values()].map((partition) => takeAll(partition, 1)));
        await consumer.close();
        expect(revoked.sort()).toEqual([0, 1]);
        const late = partitions.get(0)!.commit([], { offset: 1, metadata: 'too late' });
        await expect(late).rejects.toMatchObject({ code: 'TRANSPORT_FENCED' });
        const positions = await transport.positions(group, topic);
        expect([...positions.values()].map(({ metadata }) => metadata).sort()).toEqual(['last of 0', 'last of 1']);
      });

      it('gives up on an owner that does not come to an end', async () => {
        const topic = await topicOf();
        const group = fresh('group');
        const { consumer } = await consume(transport, group, topic, {
          drainMs: 20,
          onRevoked: () => new Promise(() => {}),
        });
        await consumer.close();
        const next = await consumeOne(await open(), group, topic);
        await next.consumer.close();
      });

      it('ends every wait when the transport closes', async () => {
        const topic = await topicOf();
        const client = await open();
        const { partition } = await consumeOne(client, fresh('group'), topic);
        const waiting = partition.take(1, never);
        const following = read(client, topic, {}, true);
        await client.close();
        expect(await waiting).toEqual([]);
        expect(await following).toEqual([]);
        await client.close();
      });
    });
  });
}

/** For things that happen soon, in another client. */
const patience = { ...patient, interval: 5 };

export function text(topic: string, value: string, key: string | null = 'key'): NewRecord {
  return { topic, key: key === null ? null : Buffer.from(key), value: Buffer.from(value), headers: {} };
}

export function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, n) => String(n));
}

export function numbered(topic: string, count: number): NewRecord[] {
  return numbers(count).map((value) => text(topic, value));
}

export function values(records: readonly StoredRecord[]): string[] {
  return records.map(({ value }) => String(value));
}

export async function read(
  transport: Transport,
  topic: string,
  from: Record<number, number> = {},
  follow = false,
): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  for await (const record of transport.read(topic, { from, follow })) records.push(record);
  return records;
}

export async function consume(
  transport: Transport,
  group: string,
  topic: string,
  { drainMs = 1000, onRevoked = async () => {} }: { drainMs?: number; onRevoked?: () => Promise<void> } = {},
): Promise<{ consumer: Consumer; partitions: AssignedPartition[]; errors: Error[] }> {
  const partitions: AssignedPartition[] = [];
  const errors: Error[] = [];
  const consumer = await transport.consume({
    group,
    topics: [topic],
    drainMs,
    onAssigned: (partition) => partitions.push(partition),
    onRevoked,
    onError: (error) => errors.push(error),
  });
  return { consumer, partitions, errors };
}

/** Of a topic with one partition. */
export async function consumeOne(transport: Transport, group: string, topic: string) {
  const consuming = await consume(transport, group, topic);
  await vi.waitFor(() => expect(consuming.partitions.length).toBe(1), patience);
  return { ...consuming, partition: consuming.partitions[0]! };
}

/** Exactly `count` records. */
export async function takeAll(partition: AssignedPartition, count: number): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  while (records.length < count) records.push(...(await partition.take(count - records.length, never)));
  return records;
}
