import type { StoredRecord } from '../../../../events/record.js';
import { errorFromCode, fetchRequest } from '../client/driver.js';
import type { Broker } from '../client/wire.js';
import { ByteReader } from './byte-reader.js';
import { batchesOf, isAbort, recordsOf } from './record-batch.js';

export interface FetchedPartition {
  topic: string;
  partition: number;
  /** The partition's own failure; the others of the answer are not touched by it. */
  error?: Error;
  records: StoredRecord[];
  /** Where to go on: beyond everything that the answer held, markers and aborted records included. */
  next: number;
}

export interface FetchOptions {
  maxWaitMs: number;
  /** Of the whole answer, and of each partition; a larger first batch still comes as a whole. */
  maxBytes: number;
  partitionBytes: number;
}

/** The raw answer of one partition. */
interface Answer {
  topic: string;
  partition: number;
  errorCode: number;
  aborted: { producerId: bigint; firstOffset: number }[];
  bytes: Buffer;
}

/** One fetch of committed records from the leader of all `wanted`. */
export async function fetchFrom(
  broker: Broker,
  wanted: readonly { topic: string; partition: number; next: number }[],
  { maxWaitMs, maxBytes, partitionBytes }: FetchOptions,
): Promise<FetchedPartition[]> {
  const byTopic = new Map<string, { partition: number; fetchOffset: number; maxBytes: number }[]>();
  // In turns, so that the first of the list does not take all of maxBytes every time.
  const turn = Math.floor(Math.random() * wanted.length);
  for (const { topic, partition, next } of [...wanted.slice(turn), ...wanted.slice(0, turn)]) {
    const partitions = byTopic.get(topic) ?? [];
    byTopic.set(topic, partitions);
    partitions.push({ partition, fetchOffset: next, maxBytes: partitionBytes });
  }
  const topics = [...byTopic].map(([topic, partitions]) => ({ topic, partitions }));
  const answers = (await broker.connectionPool.send({
    request: fetchRequest({ maxWaitTime: maxWaitMs, minBytes: 1, maxBytes, topics }),
    response: { decode: async (payload) => decode(payload), parse: async (answer) => answer },
    logResponseError: false,
  })) as Decoded;
  if (answers.errorCode !== 0) throw errorFromCode(answers.errorCode);
  return Promise.all(
    answers.partitions.map((answer) => {
      const at = wanted.find(({ topic, partition }) => topic === answer.topic && partition === answer.partition);
      return opened(answer, at?.next ?? 0);
    }),
  );
}

async function opened(answer: Answer, from: number): Promise<FetchedPartition> {
  const { topic, partition, errorCode, aborted, bytes } = answer;
  const result: FetchedPartition = { topic, partition, records: [], next: from };
  if (errorCode !== 0) return { ...result, error: errorFromCode(errorCode) };
  const waiting = aborted.sort((a, b) => a.firstOffset - b.firstOffset);
  const aborting = new Set<bigint>();
  try {
    for (const batch of batchesOf(bytes)) {
      while (waiting.length > 0 && waiting[0]!.firstOffset <= batch.lastOffset)
        aborting.add(waiting.shift()!.producerId);
      if (batch.control) {
        if (isAbort(bytes, batch)) aborting.delete(batch.producerId);
      } else if (batch.lastOffset >= from && !(batch.transactional && aborting.has(batch.producerId))) {
        for (const record of await recordsOf(bytes, batch, { topic, partition, from })) result.records.push(record);
      }
      result.next = Math.max(result.next, batch.lastOffset + 1);
    }
  } catch (thrown) {
    // What came before the batch that cannot be read is given out first.
    if (result.records.length === 0) return { ...result, error: thrown as Error };
  }
  return result;
}

interface Decoded {
  clientSideThrottleTime: number;
  errorCode: number;
  partitions: Answer[];
}

/** Fetch response, version 11. */
function decode(payload: Buffer): Decoded {
  const reader = new ByteReader(payload);
  const clientSideThrottleTime = reader.int32();
  const errorCode = reader.int16();
  reader.int32(); // session id
  const partitions: Answer[] = [];
  for (let topics = reader.int32(); topics > 0; topics--) {
    const topic = reader.bytes(reader.int16()).toString('utf8');
    for (let count = reader.int32(); count > 0; count--) {
      const partition = reader.int32();
      const error = reader.int16();
      reader.int64(); // high watermark
      reader.int64(); // last stable offset
      reader.int64(); // log start offset
      const aborted: Answer['aborted'] = [];
      for (let transactions = reader.int32(); transactions > 0; transactions--)
        aborted.push({ producerId: reader.int64(), firstOffset: reader.offset() });
      reader.int32(); // preferred read replica
      const bytes = reader.bytes(Math.max(0, reader.int32()));
      partitions.push({ topic, partition, errorCode: error, aborted, bytes });
    }
  }
  return { clientSideThrottleTime, errorCode, partitions };
}
