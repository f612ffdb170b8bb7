import type { StoredRecord } from '../events/record.js';

/** What a step waits for before it begins with an event: that all events that were published before have begun there, or have their outcome. */
export type After = 'begun' | 'settled';

/**
 * The order in which the events of a topic were published, as far as this process has them. For steps whose work on an event depends
 * on the events before it: in this order it comes to the same whatever the parallelism, and however often it is done again.
 */
export interface Order {
  /** Whether a step may begin with the event of a record. An event that has its outcome, or was given up, always may. */
  isTurn(origin: StoredRecord, step: string, after: After): boolean;
  /** Of all without an outcome it was published first: others may wait for it, and it waits for nobody. */
  isFirst(origin: StoredRecord): boolean;
  /** A step has begun with it. */
  begun(origin: StoredRecord, step: string): void;
  /** Calls `listener` whenever it may be the turn of others. */
  onChange(listener: () => void): void;
}

/** Negative: `a` was published before `b`. By time, then by place: one order for all partitions of a topic. */
export function comparePublished(a: StoredRecord, b: StoredRecord): number {
  return a.timestamp - b.timestamp || a.partition - b.partition || a.offset - b.offset;
}
