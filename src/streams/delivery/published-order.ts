import { setImmediate, setTimeout } from 'node:timers/promises';
import type { StoredRecord } from '../../events/record.js';
import { type After, comparePublished, type Order } from '../../flow/order.js';
import type { Work } from '../../flow/work.js';

/** What the order has to know of a partition. */
export interface OrderedPartition {
  /** Records are still read from it. */
  readonly isTaking: boolean;
  /** Records were given out by the transport and are not admitted yet. */
  readonly holds: boolean;
  /** All records below it were given out. */
  readonly reached: number;
  /** The last that was admitted. */
  readonly last: StoredRecord | undefined;
}

/** An event without an outcome. */
interface Open {
  origin: StoredRecord;
  /** Where the partitions ended at a moment after it was read: what is published beyond came after it, whatever its time. */
  ends: ReadonlyMap<number, number> | undefined;
}

/** While somebody waits for what is not read yet: how often it is looked how far the partitions were read. */
const lookMs = 50;

/**
 * The order of the events of one pipeline in this process. An event is held back by
 * - those before it that are open;
 * - a partition that may hold one before it: it was not read to where it ended when the event came, and all that is known of it is older.
 * So the first one waits for nobody, and each waits for a number of records that does not grow: a clock that is wrong, or lies, stops
 * nothing. Of several processes each has an order of its own.
 */
export class PublishedOrder implements Order {
  readonly #partitions: ReadonlyMap<number, OrderedPartition>;
  readonly #ends: () => Promise<ReadonlyMap<number, number>>;
  readonly #byOrigin = new Map<StoredRecord, Open>();
  /** In their order. */
  readonly #open: Open[] = [];
  /** By step, in their order: those that have not begun there. */
  readonly #ahead = new Map<string, Open[]>();
  /** Everything below was admitted. */
  readonly #admitted = new Map<number, number>();
  readonly #listeners = new Set<() => void>();
  #isOpen = false;
  #isTold = true;
  #isAsked = false;
  #looks = false;

  /** `ends`: where the partitions end now. */
  constructor(partitions: ReadonlyMap<number, OrderedPartition>, ends: () => Promise<ReadonlyMap<number, number>>) {
    this.#partitions = partitions;
    this.#ends = ends;
  }

  /** All partitions that this process has for now are known. Until then it is nobody's turn: one that is still to come may hold the first. */
  begin(): void {
    this.#isOpen = true;
    this.changed();
  }

  /** What is left is given up, and done again by the next run: in its order, so nobody may pass those who did not finish. */
  stop(): void {
    this.#isOpen = false;
  }

  /** An event comes, until it has its outcome or the work on it is pointless. */
  add(origin: StoredRecord, work: Work): void {
    if (work.isAborted) return;
    const open: Open = { origin, ends: undefined };
    this.#byOrigin.set(origin, open);
    for (const list of [this.#open, ...this.#ahead.values()]) list.splice(placeIn(list, origin), 0, open);
    work.onAbort(() => this.end(origin));
  }

  end(origin: StoredRecord): void {
    if (!this.#byOrigin.delete(origin)) return;
    for (const list of [this.#open, ...this.#ahead.values()]) remove(list, origin);
    this.changed();
  }

  isFirst(origin: StoredRecord): boolean {
    return this.#open[0]?.origin === origin;
  }

  begun(origin: StoredRecord, step: string): void {
    if (remove(this.#aheadOf(step), origin)) this.changed();
  }

  isTurn(origin: StoredRecord, step: string, after: After): boolean {
    const own = this.#byOrigin.get(origin);
    if (!own) return true;
    if (!this.#isOpen) return false;
    for (const { origin: other } of after === 'begun' ? this.#aheadOf(step) : this.#open) {
      if (comparePublished(other, origin) >= 0) break;
      if (own.ends && other.offset >= (own.ends.get(other.partition) ?? 0)) continue;
      // One of its own partition that was read before it surely came before it.
      if (!own.ends && (other.partition !== origin.partition || other.offset > origin.offset)) this.#ask();
      return false;
    }
    const later = this.#later(origin);
    for (const [partition, { isTaking, last }] of this.#partitions) {
      if (!isTaking || partition === origin.partition || later.has(partition)) continue;
      if (last && comparePublished(last, origin) > 0) continue;
      if (own.ends && (this.#admitted.get(partition) ?? 0) >= (own.ends.get(partition) ?? 0)) continue;
      this.#ask();
      return false;
    }
    return true;
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Tells those who wait, a moment later and once for all that happens until then. */
  changed(): void {
    if (!this.#isTold || this.#listeners.size === 0) return;
    this.#isTold = false;
    queueMicrotask(() => {
      this.#isTold = true;
      for (const listener of this.#listeners) listener();
    });
  }

  /** Partitions with an event after this one in flight. Such an event may wait for this one, and nothing more be read until then. */
  #later(origin: StoredRecord): Set<number> {
    const partitions = new Set<number>();
    for (let n = this.#open.length - 1; n >= 0; n--) {
      const { origin: other } = this.#open[n]!;
      if (comparePublished(other, origin) <= 0) break;
      partitions.add(other.partition);
    }
    return partitions;
  }

  #aheadOf(step: string): Open[] {
    let ahead = this.#ahead.get(step);
    if (!ahead) {
      ahead = [...this.#open];
      this.#ahead.set(step, ahead);
    }
    return ahead;
  }

  #ask(): void {
    this.#isAsked = true;
    if (!this.#looks) void this.#look();
  }

  /** One question for all that wait, as long as somebody does. */
  async #look(): Promise<void> {
    this.#looks = true;
    while (this.#isAsked) {
      this.#isAsked = false;
      try {
        await this.#see();
      } catch {
        // The transport is in trouble, of which the reader hears as well.
        this.#isAsked = true;
      }
      this.changed();
      await setTimeout(lookMs, undefined, { ref: false });
    }
    this.#looks = false;
  }

  async #see(): Promise<void> {
    const without = this.#open.filter(({ ends }) => !ends);
    if (without.length > 0) {
      const ends = await this.#ends();
      for (const open of without) open.ends = ends;
    }
    const reached = [...this.#partitions].map(([partition, one]) => [partition, one, one.reached] as const);
    // What was given out, as `reached` shows at once, is admitted a moment later.
    await setImmediate();
    for (const [partition, one, offset] of reached) if (!one.holds) this.#admitted.set(partition, offset);
  }
}

/** Where it stands, or would. */
function placeIn(list: readonly Open[], origin: StoredRecord): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (comparePublished(list[middle]!.origin, origin) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function remove(list: Open[], origin: StoredRecord): boolean {
  const at = placeIn(list, origin);
  if (list[at]?.origin !== origin) return false;
  list.splice(at, 1);
  return true;
}
