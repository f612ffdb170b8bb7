import { KafkaClient } from '../../../src/streams/transports/kafka/client/client.js';
import { fetchRequest } from '../../../src/streams/transports/kafka/client/driver.js';
import { batchesOf } from '../../../src/streams/transports/kafka/protocol/record-batch.js';
import { brokers } from '../kafka-broker.js';

/** The codecs that the broker keeps a topic's first partition in: the names in the order of their first batches. */
export async function codecsOf(topic: string): Promise<string[]> {
  const client = new KafkaClient(
    { brokers, clientId: 'looker', connectionTimeout: 10_000, requestTimeout: 10_000 },
    () => undefined,
  );
  try {
    const found = new Set<string>();
    for (let next = 0, ended = false; !ended; ) {
      const wanted = [{ topic, partitions: [{ partition: 0, fetchOffset: next, maxBytes: 2 ** 20 }] }];
      const payload = (await (
        await client.leader(topic, 0)
      ).connectionPool.send({
        request: fetchRequest({ maxWaitTime: 100, minBytes: 1, maxBytes: 2 ** 20, topics: wanted }),
        response: { decode: async (bytes) => bytes, parse: async (bytes) => bytes },
        logResponseError: false,
      })) as Buffer;
      // Behind the fields of the answer, of its one topic and of its one partition.
      const log = payload.subarray(14 + 2 + Buffer.byteLength(topic) + 4 + 4 + 2 + 3 * 8 + 3 * 4);
      ended = log.length === 0;
      for (const { start, lastOffset } of batchesOf(log)) {
        found.add(['none', 'gzip', 'snappy', 'lz4', 'zstd'][log.readInt16BE(start + 21) & 7]!);
        next = lastOffset + 1;
      }
    }
    return [...found];
  } finally {
    await client.close();
  }
}
