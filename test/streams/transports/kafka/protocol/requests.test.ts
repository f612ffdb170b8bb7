import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Broker, WireRequest } from '../../../../../src/streams/transports/kafka/client/wire.js';
import { fetchFrom } from '../../../../../src/streams/transports/kafka/protocol/fetch.js';
import { produce, type Shipment } from '../../../../../src/streams/transports/kafka/protocol/produce.js';

/*
 * What this transport itself encodes and decodes, held against bytes that went between it and a broker: no broker is
 * needed to see that a byte moved.
 */

interface Exchange {
  request: string;
  response: string;
}
const recorded: {
  topic: string;
  transactionalId: string;
  producerIds: { plain: string; transactional: string };
  exchanges: Record<string, Exchange>;
} = JSON.parse(readFileSync(new URL('./recorded.json', import.meta.url), 'utf8'));
const { topic, producerIds } = recorded;

/** Answers with the recorded bytes, and keeps what it was sent. */
function playing({ response }: Exchange) {
  const sent: string[] = [];
  const connectionPool = {
    async send({ request, response: { decode, parse } }: WireRequest) {
      const { buffer } = (await request.encode()) as { buffer: Buffer };
      sent.push(Buffer.from(buffer).toString('base64'));
      return parse(await decode(Buffer.from(response, 'base64')));
    },
  };
  return { broker: { connectionPool } as unknown as Broker, sent };
}

const message = (key: string | null, value: string | null, headers: Record<string, Buffer> = {}) => ({
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  headers,
  timestamp: 1_764_460_800_000,
});
const plain = { topic, producerId: producerIds.plain, producerEpoch: 0, firstSequence: 0, transactional: false };
const produced: Record<string, { batches: Shipment[]; transactionalId?: string; offsets?: number[]; error?: string }> =
  {
    produce: {
      batches: [
        {
          ...plain,
          partition: 0,
          messages: [message('fox', '{"prompt":"a fox"}', { ce_id: Buffer.from('1') }), message(null, 'second')],
        },
        { ...plain, partition: 1, messages: [message('k', null)] },
      ],
      offsets: [0, 0],
    },
    'produce-unknown-partition': {
      batches: [{ ...plain, partition: 7, messages: [message(null, 'x')] }],
      error: 'UNKNOWN_TOPIC_OR_PARTITION',
    },
    'produce-committed': {
      batches: [
        {
          ...plain,
          producerId: producerIds.transactional,
          firstSequence: 1,
          transactional: true,
          partition: 0,
          messages: [message('t', 'committed')],
        },
      ],
      transactionalId: recorded.transactionalId,
      offsets: [4],
    },
  };

describe('produce', () => {
  it.each(Object.entries(produced))('%s', async (name, { batches, transactionalId, offsets, error }) => {
    const exchange = recorded.exchanges[name]!;
    const { broker, sent } = playing(exchange);
    const answer = produce(broker, batches, transactionalId);
    if (error) await expect(answer).rejects.toMatchObject({ type: error });
    else expect(await answer).toEqual(offsets);
    expect(sent).toEqual([exchange.request]);
  });
});

describe('fetch', () => {
  const limits = { maxWaitMs: 500, maxBytes: 1_000_000, partitionBytes: 1_000_000 };
  const play = async (name: string, next: number) => {
    const exchange = recorded.exchanges[name]!;
    const { broker, sent } = playing(exchange);
    const [partition, ...others] = await fetchFrom(broker, [{ topic, partition: 0, next }], limits);
    expect(others).toEqual([]);
    expect(sent).toEqual([exchange.request]);
    return partition!;
  };
  const shown = ({ records }: Awaited<ReturnType<typeof play>>) =>
    records.map(({ offset, key, value, headers }) => [
      offset,
      key?.toString() ?? null,
      value?.toString() ?? null,
      Object.fromEntries(Object.entries(headers).map(([header, bytes]) => [header, bytes.toString()])),
    ]);

  it('gives committed records, and steps over an aborted one', async () => {
    const first = await play('fetch', 0);
    expect(shown(first)).toEqual([
      [0, 'fox', '{"prompt":"a fox"}', { ce_id: '1' }],
      [1, null, 'second', {}],
    ]);
    expect(first).toMatchObject({ topic, partition: 0, next: 3 });
    expect(first.records[0]).toMatchObject({ timestamp: 1_764_460_800_000 });
  });

  it('steps over the markers of transactions', async () => {
    const rest = await play('fetch-rest', 3);
    expect(shown(rest)).toEqual([[4, 't', 'committed', {}]]);
    expect(rest.next).toBe(6);
  });

  it('gives the failure of a partition with its place', async () => {
    const { error, records, next } = await play('fetch-beyond', 99);
    expect(error).toMatchObject({ type: 'OFFSET_OUT_OF_RANGE' });
    expect([records, next]).toEqual([[], 99]);
  });

  it('refuses an answer that is cut short, wherever it is cut', async () => {
    const { request, response } = recorded.exchanges['fetch-rest']!;
    const bytes = Buffer.from(response, 'base64');
    for (let length = 0; length < bytes.length; length += 3) {
      const cut = playing({ request, response: bytes.subarray(0, length).toString('base64') });
      const answer = fetchFrom(cut.broker, [{ topic, partition: 0, next: 3 }], limits);
      const outcome = await answer.then(
        ([one]) => one?.error ?? one?.records.length,
        (thrown: unknown) => thrown,
      );
      expect(outcome, `${length} of ${bytes.length} bytes`).toBeInstanceOf(Error);
    }
  });
});
