import type { NewRecord } from '../../../../events/record.js';
import type { KafkaClient } from '../client/client.js';
import { unknownTopic } from '../client/trouble.js';
import type { NewMessage } from '../protocol/record-batch.js';

/** Brokers refuse batches over 1 MiB unless they are told otherwise. */
const batchBytes = 1_000_000;
const batchRecords = 2_000;

/** A record with the partition that it goes to. */
export interface PlacedRecord {
  topic: string;
  partition: number;
  message: NewMessage;
  /** As it will be on the wire, at most. */
  bytes: number;
}

/** Throws TOPIC_UNKNOWN before anything is sent. */
export async function placed(
  client: KafkaClient,
  records: readonly NewRecord[],
  partitionOf: (key: Buffer | null, partitions: number) => number,
): Promise<PlacedRecord[]> {
  const counts = new Map<string, number>();
  for (const { topic } of records) if (!counts.has(topic)) counts.set(topic, (await client.leadersOf(topic)).length);
  for (const { topic, partition } of records)
    if (partition !== undefined && (partition < 0 || partition >= counts.get(topic)!))
      throw unknownTopic(`${topic}/${partition}`);
  return records.map(({ topic, key, value, headers, partition, timestamp }) => ({
    topic,
    partition: partition ?? partitionOf(key, counts.get(topic)!),
    message: { key, value, headers, timestamp: timestamp ?? Date.now() },
    bytes: bytesOf(key, value, headers),
  }));
}

function bytesOf(key: Buffer | null, value: Buffer | null, headers: Record<string, Buffer>): number {
  let bytes = 40 + (key?.length ?? 0) + (value?.length ?? 0);
  for (const name in headers) bytes += 10 + name.length * 3 + headers[name]!.length;
  return bytes;
}

/** How many of the first records make one batch of at most `most` bytes; at least one. */
export function batchLength(records: readonly { bytes: number }[], from = 0, most = batchBytes): number {
  let bytes = 0;
  let count = 0;
  for (let n = from; n < records.length && count < batchRecords; n++) {
    bytes += records[n]!.bytes;
    if (count > 0 && bytes > most) break;
    count++;
  }
  return count;
}
