import type { NewRecord, StoredRecord } from '../../events/record.js';

/**
 * The contract between a pipeline and whatever carries its records. Two implementations: embedded (SQLite) and Kafka;
 * one shared test suite (test/streams/transports/transport-contract.ts).
 *
 * What a transport promises
 * - publish: resolved means durable.
 * - read: only what is committed, in offset order.
 * - consume: a partition belongs to one process of a group at a time; `commit` makes the outputs visible and moves the
 *   group's position in ONE atomic step, or does neither.
 * - Offsets of a partition grow, but may have gaps.
 */

export interface TopicSpec {
  name: string;
  partitions: number;
  /** delete: old records go after `retentionMs`; compact: the newest record of each key stays. */
  cleanup: 'delete' | 'compact';
  /** Forever when left out. */
  retentionMs?: number;
  /** Bytes of the largest record that it must take; what the transport takes anyway when left out. */
  largestRecord?: number;
}

/** Bytes of text that a group's position may carry: what Kafka takes by default (`offset.metadata.max.bytes`). */
export const metadataBudget = 4096;

/** Where a group stands in a partition: everything below `offset` is settled; `metadata`: at most `metadataBudget` bytes. */
export interface GroupPosition {
  offset: number;
  metadata: string;
}

/**
 * How long a tombstone stays in a compacted topic that vimi makes, from its publishing on: 30 days. An index that stood still
 * for less has missed none of them.
 */
export const tombstoneMs = 30 * 24 * 60 * 60 * 1000;

export interface TopicPartition {
  topic: string;
  partition: number;
}

export interface ConsumeOptions {
  group: string;
  topics: string[];
  /** Called for each partition this process comes to own, after the previous owner is fenced. */
  onAssigned(partition: AssignedPartition): void;
  /**
   * Called when a partition is about to be taken away, or on close: stop admitting, settle what can be settled and
   * commit; the partition is given up when the promise resolves or after `drainMs`.
   */
  onRevoked(partition: TopicPartition): Promise<void>;
  /** Records that the group had not settled were removed by the log before they were read: those of these offsets. */
  onLost?(partition: TopicPartition, from: number, to: number): void;
  /** The transport cannot go on: it lost its store, or was fenced. */
  onError(error: Error): void;
  drainMs: number;
}

/** One input partition that this process owns. */
export interface AssignedPartition extends TopicPartition {
  /** The group's committed position when it was assigned; null: never committed. */
  readonly position: GroupPosition | null;
  /** What tells this log from one that has its name later, or had it before; left out: nothing does. */
  readonly log?: string;
  /**
   * Every record below this offset was given out by `take`; an offset below it that was not, is a gap. It moves past gaps
   * at the end of the topic too, while `take` waits, so that a reader knows when it is at the end.
   */
  readonly reached: number;
  /**
   * Takes up to `most` further records, at or after the position, in order. Waits until there is at least one, or
   * `signal` aborts (then resolves with []). The transport reads no further ahead than it is asked to, but for one batch.
   */
  take(most: number, signal: AbortSignal): Promise<StoredRecord[]>;
  /** What is taken next begins at this offset instead. Before the first `take`. */
  seek(offset: number): void;
  /**
   * Atomically publishes `outputs` and moves the group to `position`. Throws TRANSPORT_FENCED when no longer the owner,
   * POSITION_TOO_LARGE when the log was told to keep less metadata than it should.
   */
  commit(outputs: NewRecord[], position: GroupPosition): Promise<void>;
}

export interface Consumer {
  /** Gives all partitions up, as onRevoked says, then releases the group. */
  close(): Promise<void>;
}

export interface ReadOptions {
  /** First offset per partition; 0 when left out. */
  from?: Record<number, number>;
  /** Waits for more, until `signal` aborts. */
  follow?: boolean;
  signal?: AbortSignal;
}

export interface Transport {
  /** Creates what is missing; never deletes or shrinks. */
  ensureTopics(topics: TopicSpec[]): Promise<void>;
  /** Those of the named topics that are there, as they are. */
  topics(names: string[]): Promise<TopicSpec[]>;
  /** Milliseconds that a tombstone of a compacted topic stays at least, from its publishing on. */
  tombstonesKept(topic: string): Promise<number>;
  /** Gives the place of each record, in their order. */
  publish(records: NewRecord[]): Promise<{ topic: string; partition: number; offset: number }[]>;
  /**
   * The committed records of a topic, per partition in order. `from`: first offset per partition (0 when left out).
   * Without `follow` it ends where the topic ended when it was called; with it, it waits for more until `signal` aborts.
   */
  read(topic: string, options?: ReadOptions): AsyncIterable<StoredRecord>;
  /** First kept offset and next offset of each partition, of committed records. */
  ends(topic: string): Promise<{ partition: number; low: number; high: number }[]>;
  positions(group: string, topic: string): Promise<Map<number, GroupPosition>>;
  consume(options: ConsumeOptions): Promise<Consumer>;
  /** Looks through all that is kept here, where this process keeps it: the number of records, or LOG_DAMAGED. */
  check?(): Promise<number>;
  close(): Promise<void>;
}
