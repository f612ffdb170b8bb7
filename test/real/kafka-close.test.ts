import { randomUUID } from 'node:crypto';
import { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Transport } from '../../src/streams/transports/transport.js';
import { consumeOne, numbered, read, takeAll, text, values } from '../streams/transports/transport-contract.js';
import { kafkaTransport } from './kafka-broker.js';

/** A transport is closed when so many pieces went over its connections, in either direction. */
const moments = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20];
const never = new AbortController().signal;

let onlooker: Transport;
let topic: string;
beforeAll(async () => {
  onlooker = kafkaTransport();
  topic = await freshTopic(3);
  await onlooker.publish(numbered(topic, 30));
});
afterAll(() => onlooker.close());

async function freshTopic(partitions = 1): Promise<string> {
  const name = `close-${randomUUID().slice(0, 8)}`;
  await onlooker.ensureTopics([{ name, partitions, cleanup: 'delete' }]);
  return name;
}

let pieces = 0;
let onPiece: () => void = () => undefined;
for (const name of ['write', 'push'] as const) {
  const plain = Socket.prototype[name] as (...args: unknown[]) => boolean;
  vi.spyOn(Socket.prototype, name).mockImplementation(function (this: Socket, ...args: unknown[]) {
    pieces++;
    onPiece();
    return plain.apply(this, args);
  });
}
afterAll(() => vi.restoreAllMocks());

/** Whatever happens to it, it comes to an end, and says that the transport was closed if it says anything. */
async function atEveryMoment(
  start: (transport: Transport) => Promise<(transport: Transport) => Promise<unknown>>,
): Promise<number> {
  let succeeded = 0;
  for (const moment of moments) {
    const transport = kafkaTransport();
    const work = await start(transport);
    const from = pieces;
    let closed: Promise<void> | undefined;
    onPiece = () => {
      if (pieces - from >= moment) closed ??= transport.close();
    };
    try {
      await work(transport);
      succeeded++;
    } catch (error) {
      expect((error as { code?: string }).code).toMatch(/^TRANSPORT_(UNAVAILABLE|FENCED)$/);
    }
    onPiece = () => undefined;
    await closed;
    await transport.close();
    await expect(transport.topics([topic])).rejects.toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
  }
  return succeeded;
}

const waits: Record<string, (transport: Transport) => Promise<unknown>> = {
  publish: (transport) => transport.publish([text(topic, 'more')]),
  ends: (transport) => transport.ends(topic),
  positions: (transport) => transport.positions(`${topic}-nobody`, topic),
  topics: (transport) => transport.topics([topic]),
  ensureTopics: (transport) => transport.ensureTopics([{ name: topic, partitions: 3, cleanup: 'delete' }]),
};

describe('a transport that is closed at any moment', () => {
  it.each(Object.entries(waits))('ends %s', async (_, wait) => {
    await atEveryMoment(async () => wait);
  });

  it('ends reads, which do not fail', async () => {
    for (const follow of [false, true])
      expect(await atEveryMoment(async () => (transport) => read(transport, topic, {}, follow))).toBe(moments.length);
  });

  it('ends joining a group, and leaves it', async () => {
    const group = `${topic}-joined`;
    await atEveryMoment(async () => async (transport) => {
      const { consumer } = await consumeOne(transport, group, await freshTopic());
      await consumer.close();
    });
  });

  it('ends takes, which do not fail', async () => {
    const ends = await atEveryMoment(async (transport) => {
      const empty = await freshTopic();
      const { partition } = await consumeOne(transport, `${empty}-group`, empty);
      return () => partition.take(1, never);
    });
    expect(ends).toBe(moments.length);
  });

  it('commits outputs and position together, or neither', async () => {
    await atEveryMoment(async (transport) => {
      const [from, to] = [await freshTopic(), await freshTopic()];
      const group = `${from}-group`;
      await onlooker.publish(numbered(from, 1));
      const { partition } = await consumeOne(transport, group, from);
      await takeAll(partition, 1);
      return async () => {
        const committed = await partition.commit([text(to, 'out')], { offset: 1, metadata: '' }).then(
          () => true,
          () => false,
        );
        onPiece = () => undefined;
        await transport.close();
        // Whoever begins after this one knows what became of its transaction.
        const next = await consumeOne(onlooker, group, from);
        const isThere = next.partition.position?.offset === 1;
        await next.consumer.close();
        expect(values(await read(onlooker, to))).toEqual(isThere ? ['out'] : []);
        if (committed) expect(isThere).toBe(true);
      };
    });
  });
});
