import type { GroupPosition } from '../../transport.js';
import type { KafkaClient } from '../client/client.js';
import { createEncoder, errorFromCode } from '../client/driver.js';
import { troubleOf } from '../client/trouble.js';
import type { Broker } from '../client/wire.js';
import { ByteReader } from '../protocol/byte-reader.js';
import { compactLength, compactText, noTags, passTags, readCompactText } from '../protocol/compact.js';

const timestamps = { low: -2, high: -1 };

/**
 * The first kept offset of each partition, and the offset that the next record will get, whatever has been decided about
 * the ones below.
 */
export async function endsOf(
  client: KafkaClient,
  topic: string,
): Promise<{ partition: number; low: number; high: number }[]> {
  const [lows, highs] = await Promise.all([
    listOffsets(client, topic, timestamps.low),
    listOffsets(client, topic, timestamps.high),
  ]);
  return [...highs]
    .sort(([a], [b]) => a - b)
    .map(([partition, high]) => ({ partition, low: lows.get(partition) ?? 0, high }));
}

async function listOffsets(client: KafkaClient, topic: string, timestamp: number): Promise<Map<number, number>> {
  const byLeader = new Map<number, number[]>();
  for (const [partition, leader] of (await client.leadersOf(topic)).entries())
    byLeader.set(leader, [...(byLeader.get(leader) ?? []), partition]);
  const answers = await Promise.all(
    [...byLeader].map(async ([leader, partitions]) => {
      const broker = await client.broker(leader);
      const topics = [{ topic, partitions: partitions.map((partition) => ({ partition, timestamp })) }];
      return broker.listOffsets({ replicaId: -1, isolationLevel: 0, topics });
    }),
  );
  const partitions = answers.flatMap(({ responses }) => responses.flatMap((response) => response.partitions));
  return new Map(partitions.map(({ partition, offset }) => [partition, Number(offset)]));
}

/** How often a position that a transaction is just about to move is asked for again, in milliseconds. */
const unstableMs = 5;
/** A transaction may stay open for long, when its producer died; then what stood before it is the answer. */
const unstableTries = 400;

/**
 * Where a group stands. A position that an unfinished transaction is about to move is waited for, so what was committed
 * just now is seen.
 */
export async function positionsOf(
  client: KafkaClient,
  group: string,
  topic: string,
  partitions: readonly number[],
): Promise<Map<number, GroupPosition>> {
  for (let tries = 0; ; tries++) {
    const broker = await client.coordinator('group', group);
    try {
      return await fetchPositions(broker, { group, topic, partitions, stable: tries < unstableTries });
    } catch (thrown) {
      if (troubleOf(thrown) !== 'UNSTABLE_OFFSET_COMMIT') throw thrown;
      await new Promise((resolve) => setTimeout(resolve, unstableMs));
    }
  }
}

interface PositionsQuery {
  group: string;
  topic: string;
  partitions: readonly number[];
  /** Fail with UNSTABLE_OFFSET_COMMIT while a transaction may still move one of them. */
  stable: boolean;
}

/** OffsetFetch version 7: the first that can be asked for stable positions, which the driver does not know. */
async function fetchPositions(broker: Broker, query: PositionsQuery): Promise<Map<number, GroupPosition>> {
  const request = { apiKey: 9, apiVersion: 7, apiName: 'OffsetFetch', encode: async () => encoded(query) };
  return (await broker.connectionPool.send({
    request,
    response: { decode: async (payload) => decoded(payload), parse: async (positions) => positions },
    logResponseError: false,
  })) as Map<number, GroupPosition>;
}

function encoded({ group, topic, partitions, stable }: PositionsQuery): unknown {
  const indexes = Buffer.alloc(4 * partitions.length);
  for (const [n, partition] of partitions.entries()) indexes.writeInt32BE(partition, 4 * n);
  return createEncoder().writeBuffer(
    Buffer.concat([
      noTags, // of the request header, which is flexible from version 6 on
      compactText(group),
      compactLength(1),
      compactText(topic),
      compactLength(partitions.length),
      indexes,
      noTags,
      Buffer.from([stable ? 1 : 0]),
      noTags,
    ]),
  );
}

function decoded(payload: Buffer): Map<number, GroupPosition> {
  const reader = new ByteReader(payload);
  const positions = new Map<number, GroupPosition>();
  passTags(reader);
  reader.int32(); // throttle time
  for (let topics = reader.uvarint() - 1; topics > 0; topics--) {
    readCompactText(reader);
    for (let count = reader.uvarint() - 1; count > 0; count--) {
      const partition = reader.int32();
      const offset = reader.offset();
      reader.int32(); // leader epoch
      const metadata = readCompactText(reader);
      failOn(reader.int16());
      passTags(reader);
      if (offset >= 0) positions.set(partition, { offset, metadata });
    }
    passTags(reader);
  }
  failOn(reader.int16());
  return positions;
}

function failOn(code: number): void {
  if (code !== 0) throw errorFromCode(code);
}
