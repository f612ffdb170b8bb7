import { createEncoder, errorFromCode } from '../client/driver.js';
import type { Broker } from '../client/wire.js';
import { ByteReader } from './byte-reader.js';
import { encodeBatch, type NewBatch } from './record-batch.js';

const timeoutMs = 30_000;

/** A batch, and the partition that it goes to. */
export interface Shipment extends NewBatch {
  topic: string;
  partition: number;
}

/**
 * One request with a batch for each of its partitions, acknowledged by all replicas in sync. Gives the offset of the first
 * record of each; throws the first failure.
 */
export async function produce(
  broker: Broker,
  batches: readonly Shipment[],
  transactionalId: string | null = null,
): Promise<number[]> {
  const request = {
    apiKey: 0,
    apiVersion: 7,
    apiName: 'Produce',
    encode: async () => encoded(batches, transactionalId),
  };
  const offsets = (await broker.connectionPool.send({
    request,
    response: { decode: async (payload) => decoded(payload), parse: async (answer) => answer },
    requestTimeout: timeoutMs + 5_000,
    logResponseError: false,
  })) as Map<string, number>;
  return batches.map(({ topic, partition }) => offsets.get(`${topic}/${partition}`)!);
}

/** Produce request, version 7. */
function encoded(batches: readonly Shipment[], transactionalId: string | null): unknown {
  const parts: Buffer[] = [
    transactionalId === null ? int16(-1) : text(transactionalId),
    int16(-1), // all replicas in sync
    int32(timeoutMs),
    int32(batches.length),
  ];
  for (const batch of batches) {
    const bytes = encodeBatch(batch);
    // A topic may be there more than once: once for each of its partitions.
    parts.push(text(batch.topic), int32(1), int32(batch.partition), int32(bytes.length), bytes);
  }
  return createEncoder().writeBuffer(Buffer.concat(parts));
}

/** Produce response, version 7. */
function decoded(payload: Buffer): Map<string, number> {
  const reader = new ByteReader(payload);
  const offsets = new Map<string, number>();
  for (let topics = reader.int32(); topics > 0; topics--) {
    const topic = reader.bytes(reader.int16()).toString('utf8');
    for (let partitions = reader.int32(); partitions > 0; partitions--) {
      const partition = reader.int32();
      const error = reader.int16();
      if (error !== 0) throw errorFromCode(error);
      offsets.set(`${topic}/${partition}`, reader.offset());
      reader.int64(); // log append time
      reader.int64(); // log start offset
    }
  }
  return offsets;
}

function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int16(bytes.length), bytes]);
}
