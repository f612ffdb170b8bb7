import { VimiError } from '../../../../core/errors.js';
import type { NewRecord } from '../../../../events/record.js';
import { createPartitioner } from '../../partitioner.js';
import type { GroupPosition } from '../../transport.js';
import type { KafkaClient } from '../client/client.js';
import { closedError } from '../client/client.js';
import { Outage } from '../client/outage.js';
import { asTransportError, isBusy, isFencing, isTooLarge, mayPass } from '../client/trouble.js';
import type { Broker, TransactionIdentity } from '../client/wire.js';
import { positionsOf } from '../group/offsets.js';
import { produce } from '../protocol/produce.js';
import { batchLength, type PlacedRecord, placed } from './batches.js';

/** The broker ends a transaction that stays open for longer, say because its process is gone. */
const transactionTimeoutMs = 60_000;
/** How soon what the broker was too busy for is asked again: it still writes the markers of the last transaction. */
const busyMs = 5;
const busyTries = 2_000;

export interface TransactionsOf {
  client: KafkaClient;
  group: string;
  topic: string;
  partition: number;
  /** Whether this process is still a member of the group, as the group's coordinator sees it now. */
  isMember(): Promise<boolean>;
}

/**
 * The transactions of one input partition: outputs and the group's position, together or not at all.
 *
 * Kafka fences by producer epoch: who begins with a transactional id ends the open transaction of whoever had it before,
 * and fences that one. It happens to the rightful owner too, when the broker lost patience with a transaction. So
 * whenever a transaction ends in doubt this begins anew and compares the group's position with the last one that it knows
 * to be its own: unchanged, nobody was here in between, and it goes on; as the transaction in doubt would have left it,
 * that one was committed; otherwise somebody else owns the partition. Whoever comes later fences this one, so the
 * comparison holds for every transaction that follows it.
 *
 * A commit that leaves the position as it is should have no outputs: its outcome could not be told in doubt.
 */
export class Transactions {
  readonly #of: TransactionsOf;
  readonly #id: string;
  readonly #partitionOf = createPartitioner();
  #producer: { producerId: string; producerEpoch: number } | undefined;
  readonly #sequences = new Map<string, number>();
  #position: GroupPosition | null = null;
  #batchBytes: number | undefined;
  #closed = false;

  constructor(of: TransactionsOf) {
    this.#of = of;
    this.#id = `${of.group}-${of.topic}-${of.partition}`;
  }

  get #where(): string {
    return `${this.#of.topic}/${this.#of.partition} of ${this.#of.group}`;
  }

  /** Shuts the previous owner out, then reads where the group stands. */
  async begin(signal: AbortSignal): Promise<GroupPosition | null> {
    this.#position = await this.#of.client.attempt(this.#where, () => this.#beginOnce(), { signal });
    return this.#position;
  }

  /** Given up: what is still on its way may fail, and is not looked into. */
  close(): void {
    this.#closed = true;
  }

  /**
   * Throws TRANSPORT_FENCED: somebody else owns the partition; TRANSPORT_UNAVAILABLE: nothing was committed, the same may
   * succeed later; TOPIC_UNKNOWN, EVENT_TOO_LARGE: nothing was committed, and never will be.
   */
  async commit(outputs: readonly NewRecord[], position: GroupPosition): Promise<void> {
    const { client } = this.#of;
    if (this.#closed) throw this.#fenced();
    if (!this.#producer) await this.#resume();
    const records = await placed(client, outputs, this.#partitionOf).catch((thrown: unknown) => {
      throw asTransportError(thrown, this.#where);
    });
    let ending = false;
    try {
      const coordinator = await client.coordinator('transaction', this.#id);
      await both(this.#addOutputs(coordinator, records), this.#addPosition(coordinator, position));
      ending = true;
      await this.#end();
    } catch (thrown) {
      this.#producer = undefined;
      client.forget();
      if (this.#closed) throw this.#fenced(thrown);
      if (isFencing(thrown)) await this.#checkMembership(thrown);
      // Not asked to end, it is not committed, and the next transaction begins by aborting it.
      if (!ending || !(await this.#isCommitted(position))) throw this.#failure(thrown);
    }
    this.#position = position;
  }

  async #beginOnce(): Promise<GroupPosition | null> {
    const { client, group, topic, partition } = this.#of;
    const coordinator = await client.coordinator('transaction', this.#id);
    this.#producer = await whileBusy(() =>
      coordinator.initProducerId({ transactionalId: this.#id, transactionTimeout: transactionTimeoutMs }),
    );
    this.#sequences.clear();
    return (await positionsOf(client, group, topic, [partition])).get(partition) ?? null;
  }

  /** After a transaction that failed. */
  async #resume(): Promise<void> {
    let found: GroupPosition | null;
    try {
      if (!(await this.#of.isMember())) throw this.#fenced();
      found = await this.#beginOnce();
    } catch (thrown) {
      this.#producer = undefined;
      this.#of.client.forget();
      throw asTransportError(thrown, this.#where);
    }
    if (!isSame(found, this.#position)) {
      this.#producer = undefined;
      throw this.#fenced();
    }
  }

  async #checkMembership(cause: unknown): Promise<void> {
    const member = await this.#of.client.attempt(this.#where, () => this.#of.isMember());
    if (!member) throw this.#fenced(cause);
  }

  /** Whether the transaction that would have moved the group to `position` did. */
  async #isCommitted(position: GroupPosition): Promise<boolean> {
    const { client, group } = this.#of;
    const found = await client.attempt(this.#where, () => this.#beginOnce());
    let outcome = 'fenced';
    if (isSame(found, position)) outcome = 'committed';
    else if (isSame(found, this.#position)) outcome = 'aborted';
    client.metrics.inDoubt.inc({ group, outcome });
    if (outcome === 'fenced') throw this.#fenced();
    return outcome === 'committed';
  }

  async #addOutputs(coordinator: Broker, records: readonly PlacedRecord[]): Promise<void> {
    if (records.length === 0) return;
    const lanes = new Map<string, PlacedRecord[]>();
    for (const record of records) {
      const lane = `${record.topic}/${record.partition}`;
      const mine = lanes.get(lane);
      if (mine) mine.push(record);
      else lanes.set(lane, [record]);
    }
    const topics = new Map<string, number[]>();
    for (const [{ topic, partition } = records[0]!] of lanes.values())
      topics.set(topic, [...(topics.get(topic) ?? []), partition]);
    await whileBusy(() =>
      coordinator.addPartitionsToTxn({
        ...this.#identity(),
        topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
      }),
    );
    await this.#produce([...lanes.values()]);
  }

  /** One request to a broker carries a batch for each of its partitions. */
  async #produce(lanes: PlacedRecord[][]): Promise<void> {
    const at = lanes.map(() => 0);
    for (;;) {
      const byLeader = new Map<number, { lane: number; batch: PlacedRecord[] }[]>();
      for (const [lane, records] of lanes.entries()) {
        const count = batchLength(records, at[lane], this.#batchBytes);
        if (count === 0) continue;
        const batch = records.slice(at[lane], at[lane]! + count);
        at[lane]! += count;
        const { topic, partition } = batch[0]!;
        const leader = (await this.#of.client.leadersOf(topic))[partition]!;
        byLeader.set(leader, [...(byLeader.get(leader) ?? []), { lane, batch }]);
      }
      if (byLeader.size === 0) return;
      await Promise.all(
        [...byLeader].map(async ([leader, batches]) => this.#produceTo(await this.#of.client.broker(leader), batches)),
      );
    }
  }

  async #produceTo(broker: Broker, batches: { batch: PlacedRecord[] }[]): Promise<void> {
    const { transactionalId, ...producer } = this.#identity();
    const shipments = batches.map(({ batch }) => {
      const { topic, partition } = batch[0]!;
      const lane = `${topic}/${partition}`;
      const firstSequence = this.#sequences.get(lane) ?? 0;
      this.#sequences.set(lane, firstSequence + batch.length);
      const messages = batch.map(({ message }) => message);
      return { topic, partition, messages, ...producer, firstSequence, transactional: true };
    });
    try {
      await produce(broker, shipments, transactionalId);
    } catch (thrown) {
      const largest = Math.max(...batches.map(({ batch }) => (batch.length > 1 ? sizeOf(batch) : 0)));
      if (!isTooLarge(thrown) || largest === 0) throw thrown;
      // Some topic takes only smaller batches: the next try makes them so.
      this.#batchBytes = largest / 2;
      throw new VimiError('TRANSPORT_UNAVAILABLE', 'A batch was larger than its topic accepts', { where: this.#where });
    }
  }

  async #addPosition(coordinator: Broker, { offset, metadata }: GroupPosition): Promise<void> {
    const { client, group, topic, partition } = this.#of;
    const identity = this.#identity();
    await whileBusy(() => coordinator.addOffsetsToTxn({ ...identity, groupId: group }));
    const groupCoordinator = await client.coordinator('group', group);
    const topics = [{ topic, partitions: [{ partition, offset, metadata }] }];
    await whileBusy(() => groupCoordinator.txnOffsetCommit({ ...identity, groupId: group, topics }));
  }

  /** Asked again while no answer comes: ending a transaction that is ended already is no mistake. */
  async #end(): Promise<void> {
    const { client } = this.#of;
    const identity = this.#identity();
    const outage = new Outage(client.metrics);
    try {
      for (;;) {
        try {
          const coordinator = await client.coordinator('transaction', this.#id);
          await whileBusy(() => coordinator.endTxn({ ...identity, transactionResult: true }));
          return;
        } catch (thrown) {
          if (isFencing(thrown) || client.closed.aborted) throw thrown;
          const error = asTransportError(thrown, this.#where);
          if (!mayPass(error)) throw thrown;
          client.forget();
          await client.pause(outage.failures);
          outage.failed(error);
        }
      }
    } finally {
      outage.over();
    }
  }

  #identity(): TransactionIdentity {
    if (!this.#producer) throw closedError(this.#where);
    return { transactionalId: this.#id, ...this.#producer };
  }

  #failure(thrown: unknown): VimiError {
    if (isFencing(thrown))
      return new VimiError('TRANSPORT_UNAVAILABLE', 'The broker aborted the transaction', {
        where: this.#where,
        cause: thrown,
      });
    return asTransportError(thrown, this.#where);
  }

  #fenced(cause?: unknown): VimiError {
    return new VimiError('TRANSPORT_FENCED', 'Another process owns this partition', { where: this.#where, cause });
  }
}

function isSame(one: GroupPosition | null, other: GroupPosition | null): boolean {
  return one?.offset === other?.offset && one?.metadata === other?.metadata;
}

function sizeOf(batch: readonly PlacedRecord[]): number {
  return batch.reduce((all, { bytes }) => all + bytes, 0);
}

/** Neither is still at work when this throws: what it sent would land in the next transaction. */
async function both(...works: Promise<void>[]): Promise<void> {
  const failures = (await Promise.allSettled(works)).flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  if (failures.length > 0) throw failures.find(isFencing) ?? failures[0];
}

async function whileBusy<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (thrown) {
      if (!isBusy(thrown) || tries >= busyTries) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, busyMs));
    }
  }
}
