import { randomUUID } from 'node:crypto';
import { CompressionTypes, type Producer } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Transport } from '../../src/streams/transports/transport.js';
import {
  consume,
  consumeOne,
  numbered,
  numbers,
  read,
  takeAll,
  text,
  values,
} from '../streams/transports/transport-contract.js';
import { patience } from '../support/patience.js';
import { publishers } from './compressed/clients.js';
import { codecsOf } from './compressed/codecs-of.js';
import { createTopic, foreignClient, kafkaTransport } from './kafka-broker.js';
import { wait } from './kafka-workers.js';

const never = new AbortController().signal;
let transport: Transport;
const closing: (() => Promise<void>)[] = [];
beforeEach(() => {
  transport = kafkaTransport();
  closing.push(() => transport.close());
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const fresh = (what: string) => `${what}-${randomUUID().slice(0, 8)}`;

async function topicOf(partitions = 1): Promise<string> {
  const topic = fresh('topic');
  await transport.ensureTopics([{ name: topic, partitions, cleanup: 'delete' }]);
  return topic;
}

async function foreignProducer(transactionalId?: string): Promise<Producer> {
  const retry = { initialRetryTime: 10, retries: 20 };
  const producer = foreignClient().producer({ transactionalId, maxInFlightRequests: 1, retry });
  await producer.connect();
  closing.push(() => producer.disconnect());
  return producer;
}

async function admin() {
  const client = foreignClient().admin();
  await client.connect();
  closing.push(() => client.disconnect());
  return client;
}

describe('records of other clients', () => {
  it('are read compressed with gzip, without headers, keys or values', async () => {
    const topic = await topicOf();
    const producer = await foreignProducer();
    await producer.send({
      topic,
      compression: CompressionTypes.GZIP,
      messages: [
        { value: 'bare' },
        { key: 'k', value: null },
        { value: 'many', headers: { one: ['first', 'last'], two: 'x' } },
        ...numbers(500).map((value) => ({ value })),
      ],
    });
    const got = await read(transport, topic);
    expect(got.length).toBe(503);
    expect(got[0]).toMatchObject({ key: null, value: Buffer.from('bare'), headers: {}, offset: 0 });
    expect(got[1]).toMatchObject({ key: Buffer.from('k'), value: null });
    expect(got[2]!.headers).toEqual({ one: Buffer.from('last'), two: Buffer.from('x') });
    expect(values(await read(transport, topic, { 0: 400 }))).toEqual(numbers(500).slice(397));
  });

  // Five minutes: the clients may have to be installed first.
  it.each(Object.entries(publishers))(
    'are read in every compression that %s has',
    async (_, publish) => {
      const topic = await topicOf();
      const codecs = ['gzip', 'snappy', 'lz4', 'zstd', 'none'];
      await publish(topic, 500, codecs);
      const got = await read(transport, topic);
      expect(got.map(({ key, value }) => [String(key), String(value)])).toEqual(
        codecs.flatMap((codec) => numbers(500).map((n) => [`${codec} ${n}`, `a fox moves left, ${n}; `.repeat(9)])),
      );
      expect(await codecsOf(topic)).toEqual(codecs);
    },
    300_000,
  );

  it('are not read while their transaction is open, and never when it was aborted', async () => {
    const topic = await topicOf();
    const producer = await foreignProducer(fresh('id'));
    const commit = await producer.transaction();
    await commit.send({ topic, messages: [{ value: 'committed' }] });
    const { partition } = await consumeOne(transport, fresh('group'), topic);
    const waiting = partition.take(5, never);
    await commit.commit();
    expect(values(await waiting)).toEqual(['committed']);
    for (const value of ['aborted', 'also aborted']) {
      const abort = await producer.transaction();
      await abort.send({ topic, messages: [{ value }] });
      await abort.abort();
    }
    await transport.publish([text(topic, 'plain')]);
    const [{ high } = { high: 0 }] = await transport.ends(topic);
    expect(values(await partition.take(5, never))).toEqual(['plain']);
    expect(values(await read(transport, topic))).toEqual(['committed', 'plain']);
    expect(partition.reached).toBe(high);
  });

  it('count as gaps when they are markers at the end of the topic', async () => {
    const topic = await topicOf();
    const producer = await foreignProducer(fresh('id'));
    const { partition } = await consumeOne(transport, fresh('group'), topic);
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value: 'a' }] });
    await transaction.abort();
    const stop = new AbortController();
    const waiting = partition.take(1, stop.signal);
    await vi.waitFor(() => expect(partition.reached).toBe(2), wait);
    expect(await transport.ends(topic)).toEqual([{ partition: 0, low: 0, high: 2 }]);
    stop.abort();
    await waiting;
  });

  it('that were deleted are passed over', async () => {
    const topic = await topicOf();
    await transport.publish(numbered(topic, 10));
    const client = await admin();
    await client.fetchTopicOffsets(topic);
    await client.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '4' }] });
    expect(await transport.ends(topic)).toEqual([{ partition: 0, low: 4, high: 10 }]);
    expect(values(await read(transport, topic))).toEqual(numbers(10).slice(4));
    const { partition } = await consumeOne(transport, fresh('group'), topic);
    expect(values(await takeAll(partition, 6))).toEqual(numbers(10).slice(4));
  });

  it('that a compaction took away leave no wait behind', async () => {
    const topic = fresh('topic');
    const client = await admin();
    const settings = {
      'cleanup.policy': 'compact',
      'segment.ms': '100',
      'min.cleanable.dirty.ratio': '0.001',
      'min.compaction.lag.ms': '0',
      'max.compaction.lag.ms': '200',
      'delete.retention.ms': '0',
    };
    await createTopic(client, {
      topic,
      configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
    });
    // Each is a batch of its own, and all but the last of a key go.
    for (let n = 0; n < 12; n++) await transport.publish([text(topic, String(n), 'key')]);
    await vi.waitFor(
      async () => {
        await transport.publish([text(topic, 'tick', 'clock')]);
        expect(values(await read(transport, topic)).filter((value) => value !== 'tick')).toEqual(['11']);
      },
      { timeout: patience(90), interval: 1_000 },
    );
    const { partition } = await consumeOne(transport, fresh('group'), topic);
    expect(values(await partition.take(1, never))).toEqual(['11']);
  });
});

describe('limits', () => {
  it('refuses what the topic does not take, and goes on', async () => {
    const topic = await topicOf();
    const tooLarge = { code: 'EVENT_TOO_LARGE' };
    const huge = { ...text(topic, ''), value: Buffer.alloc(1_100_000) };
    await expect(transport.publish([huge])).rejects.toMatchObject(tooLarge);
    await transport.publish([text(topic, 'a')]);
    const { partition } = await consumeOne(transport, fresh('group'), topic);
    await takeAll(partition, 1);
    await expect(partition.commit([huge], { offset: 1, metadata: '' })).rejects.toMatchObject(tooLarge);
    await partition.commit([text(topic, 'b')], { offset: 1, metadata: '' });
    expect(values(await read(transport, topic))).toEqual(['a', 'b']);
  });

  it('refuses what a topic cannot keep', async () => {
    const topic = fresh('topic');
    await transport.ensureTopics([{ name: topic, partitions: 1, cleanup: 'compact' }]);
    const invalid = { code: 'EVENT_INVALID' };
    await expect(transport.publish([text(topic, 'without a key', null)])).rejects.toMatchObject(invalid);
    const inYears = { ...text(topic, 'too early'), timestamp: Date.now() + 1e11 };
    await expect(transport.publish([inYears])).rejects.toMatchObject(invalid);
    await transport.publish([text(topic, 'a')]);
    expect(values(await read(transport, topic))).toEqual(['a']);
  });

  it('makes batches that a topic with a small limit takes', async () => {
    const topic = fresh('topic');
    const client = await admin();
    await createTopic(client, { topic, configEntries: [{ name: 'max.message.bytes', value: '20000' }] });
    const value = 'x'.repeat(4_000);
    await transport.publish(Array.from({ length: 30 }, () => text(topic, value)));
    expect((await read(transport, topic)).length).toBe(30);
    const { partition } = await consumeOne(transport, fresh('group'), topic);
    await takeAll(partition, 30);
    const outputs = Array.from({ length: 30 }, () => text(topic, value));
    await vi.waitFor(() => partition.commit(outputs, { offset: 30, metadata: 'x' }), wait);
    expect((await read(transport, topic)).length).toBe(60);
  });

  it('commits many and large outputs as one', async () => {
    const [topic, out] = [await topicOf(), await topicOf(3)];
    await transport.publish(numbered(topic, 1));
    const { partition } = await consumeOne(transport, fresh('group'), topic);
    await takeAll(partition, 1);
    const small = numbers(5_000).map((value) => text(out, value, value));
    const large = numbers(20).map((value) => ({ ...text(out, '', value), value: Buffer.alloc(400_000, value) }));
    await partition.commit([...small, ...large], { offset: 1, metadata: '' });
    const got = await read(transport, out);
    expect(got.length).toBe(5_020);
    expect(
      got
        .filter(({ value }) => value!.length < 10)
        .map(({ value }) => Number(value))
        .sort((a, b) => a - b),
    ).toEqual(numbers(5_000).map(Number));
  });
});

describe('other members', () => {
  it('of another kind keep the group for themselves', async () => {
    const topic = await topicOf();
    const group = fresh('group');
    const foreign = foreignClient().consumer({ groupId: group });
    closing.push(() => foreign.disconnect());
    await foreign.connect();
    await foreign.subscribe({ topic, fromBeginning: true });
    const joined = new Promise((resolve) => foreign.on(foreign.events.GROUP_JOIN, resolve));
    await foreign.run({ autoCommit: false, eachMessage: async () => undefined });
    await joined;
    await expect(consume(transport, group, topic)).rejects.toMatchObject({ code: 'GROUP_BUSY' });
  });

  it('may have left a position', async () => {
    const topic = await topicOf();
    const group = fresh('group');
    await transport.publish(numbered(topic, 5));
    const client = await admin();
    await client.setOffsets({
      groupId: group,
      topic,
      partitions: [{ partition: 0, offset: '3', metadata: 'foreign' }] as never,
    });
    const { partition } = await consumeOne(transport, group, topic);
    expect(partition.position?.offset).toBe(3);
    expect(values(await takeAll(partition, 2))).toEqual(['3', '4']);
  });

  it('of our own share the partitions, and hand over what was committed', async () => {
    const topic = await topicOf(4);
    const group = fresh('group');
    await transport.publish([0, 1, 2, 3].map((partition) => ({ ...text(topic, `in ${partition}`), partition })));
    const one = await consume(transport, group, topic, { drainMs: 5_000 });
    expect(one.partitions.map(({ partition }) => partition).sort()).toEqual([0, 1, 2, 3]);
    for (const partition of one.partitions) {
      await takeAll(partition, 1);
      await partition.commit([], { offset: 1, metadata: `of ${partition.partition}` });
    }
    const other = kafkaTransport();
    closing.push(() => other.close());
    // It starts with its share: two partitions, which the first one gave up.
    const two = await consume(other, group, topic, { drainMs: 5_000 });
    expect(two.partitions.length).toBe(2);
    for (const { partition, position } of two.partitions)
      expect(position).toEqual({ offset: 1, metadata: `of ${partition}` });
    const given = new Set(two.partitions.map(({ partition }) => partition));
    for (const partition of one.partitions) {
      const late = partition.commit([], { offset: 1, metadata: 'again' });
      if (given.has(partition.partition)) await expect(late).rejects.toMatchObject({ code: 'TRANSPORT_FENCED' });
      else await late;
    }
    await one.consumer.close();
    await vi.waitFor(() => expect(two.partitions.length).toBe(4), wait);
    expect([...one.errors, ...two.errors]).toEqual([]);
  });
});
