import type { VimiError } from '../../../../core/errors.js';
import type { NewRecord } from '../../../../events/record.js';
import { createPartitioner } from '../../partitioner.js';
import type { KafkaClient } from '../client/client.js';
import { asTransportError, isTooLarge, troubleOf } from '../client/trouble.js';
import { produce } from '../protocol/produce.js';
import { batchLength, type PlacedRecord, placed } from './batches.js';

export interface Place {
  topic: string;
  partition: number;
  offset: number;
}

/** How long a publish may be tried before it is said to have failed. */
const patienceMs = 60_000;

/**
 * Publishes outside of transactions: acknowledged by all replicas in sync, and idempotent, so a try that is repeated
 * because its answer was lost appends nothing twice. What arrives while a batch is on its way shares the next.
 */
export class Publisher {
  readonly #client: KafkaClient;
  readonly #partitionOf = createPartitioner();
  readonly #lanes = new Map<string, Lane>();

  constructor(client: KafkaClient) {
    this.#client = client;
  }

  async publish(records: readonly NewRecord[]): Promise<Place[]> {
    if (records.length === 0) return [];
    const topics = [...new Set(records.map(({ topic }) => topic))].join(', ');
    const all = await this.#client.attempt(topics, () => placed(this.#client, records, this.#partitionOf), {
      patience: patienceMs,
    });
    const results = await Promise.allSettled(all.map((record) => this.#lane(record).send(record)));
    return results.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
  }

  #lane({ topic, partition }: PlacedRecord): Lane {
    const key = `${topic}/${partition}`;
    const lane = this.#lanes.get(key) ?? new Lane(this.#client, topic, partition);
    this.#lanes.set(key, lane);
    return lane;
  }
}

interface Waiting {
  record: PlacedRecord;
  bytes: number;
  sent(place: Place): void;
  failed(error: VimiError): void;
}

/** The way into one partition: one batch at a time, with a producer id and a sequence of its own. */
class Lane {
  readonly #client: KafkaClient;
  readonly #topic: string;
  readonly #partition: number;
  #waiting: Waiting[] = [];
  #sending = false;
  #producer: { producerId: string; producerEpoch: number } | undefined;
  #sequence = 0;
  #most: number | undefined;

  constructor(client: KafkaClient, topic: string, partition: number) {
    this.#client = client;
    this.#topic = topic;
    this.#partition = partition;
  }

  send(record: PlacedRecord): Promise<Place> {
    return new Promise((sent, failed) => {
      this.#waiting.push({ record, bytes: record.bytes, sent, failed });
      if (this.#sending) return;
      this.#sending = true;
      setImmediate(() => void this.#sendAll());
    });
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, batchLength(this.#waiting, 0, this.#most));
      try {
        const where = `${this.#topic}/${this.#partition}`;
        const base = await this.#client.attempt(where, () => this.#produce(batch), { patience: patienceMs });
        this.#sequence += batch.length;
        for (const [n, { sent }] of batch.entries())
          sent({ topic: this.#topic, partition: this.#partition, offset: base + n });
      } catch (thrown) {
        // Whether the batch was appended is not known: its sequence numbers must not be given to another.
        this.#producer = undefined;
        if (isTooLarge((thrown as VimiError).cause) && batch.length > 1) {
          this.#most = batch.reduce((all, { bytes }) => all + bytes, 0) / 2;
          this.#waiting.unshift(...batch);
          continue;
        }
        for (const { failed } of batch) failed(asTransportError(thrown, this.#topic));
      }
    }
    this.#sending = false;
  }

  async #produce(batch: readonly Waiting[]): Promise<number> {
    if (!this.#producer) {
      const broker = await this.#client.anyBroker();
      this.#producer = await broker.initProducerId({ transactionTimeout: patienceMs });
      this.#sequence = 0;
    }
    const broker = await this.#client.leader(this.#topic, this.#partition);
    const messages = batch.map(({ record }) => record.message);
    const place = { topic: this.#topic, partition: this.#partition };
    const sequence = { ...this.#producer, firstSequence: this.#sequence, transactional: false };
    try {
      const [offset] = await produce(broker, [{ ...place, ...sequence, messages }]);
      return offset!;
    } catch (thrown) {
      // The broker no longer remembers this producer, so it remembers no batch of it either.
      if (/SEQUENCE_NUMBER|UNKNOWN_PRODUCER_ID|INVALID_PRODUCER/.test(troubleOf(thrown))) this.#producer = undefined;
      throw thrown;
    }
  }
}
