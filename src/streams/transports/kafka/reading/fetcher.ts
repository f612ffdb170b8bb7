import { VimiError } from '../../../../core/errors.js';
import type { StoredRecord } from '../../../../events/record.js';
import type { KafkaClient } from '../client/client.js';
import { Outage } from '../client/outage.js';
import { asTransportError, troubleOf } from '../client/trouble.js';
import { endsOf } from '../group/offsets.js';
import { damageRemedies } from '../protocol/damage-remedies.js';
import { type FetchedPartition, fetchFrom } from '../protocol/fetch.js';

/** How long a broker may wait for records to come before it answers that there are none. */
const maxWaitMs = 250;
const maxBytes = 8 * 1024 * 1024;
const partitionBytes = 1024 * 1024;
/** A topic that is unknown may be about to be known, to a broker that has just started. */
const unknownMs = 30_000;
/** Answers in a row that may say that a position is out of range: leaders move, and then know less for a moment. */
const outOfRangeMost = 10;
/** No broker's number. */
const nobody = -1;

/** The reading of one partition: one batch ahead of whoever takes from it. */
export class Cursor {
  readonly topic: string;
  readonly partition: number;
  /** The next offset to fetch. */
  next: number;
  /** What tells the topic from one that comes after it under its name; null: nothing does. */
  readonly log: string | null;
  #buffer: StoredRecord[] = [];
  #given = 0;
  #error: VimiError | undefined;
  #waiting: (() => void)[] = [];
  #closed = false;
  #outOfRange = 0;
  readonly #onHungry: () => void;
  readonly #onLost: (from: number, to: number) => void;

  constructor(
    at: { topic: string; partition: number; next: number; log?: string | null },
    onHungry: () => void,
    onLost: (from: number, to: number) => void,
  ) {
    this.#onLost = onLost;
    this.topic = at.topic;
    this.partition = at.partition;
    this.next = at.next;
    this.log = at.log ?? null;
    this.#onHungry = onHungry;
  }

  /** Every record below was given out; an offset below that was not, is a gap. */
  get reached(): number {
    return this.#buffer[this.#given]?.offset ?? this.next;
  }

  get isHungry(): boolean {
    return !this.#closed && this.#error === undefined && this.#given >= this.#buffer.length;
  }

  /** Before anything was taken. */
  seek(offset: number): void {
    this.next = offset;
    this.#buffer = [];
    this.#given = 0;
    this.#onHungry();
  }

  /** Up to `most` records, at least one; [] when `signal` aborts or the cursor is closed. Throws what cannot be read. */
  async take(most: number, signal: AbortSignal): Promise<StoredRecord[]> {
    for (;;) {
      if (signal.aborted || this.#closed) return [];
      const records = this.takeNow(most);
      if (records.length > 0) return records;
      await new Promise<void>((resolve) => {
        const done = () => {
          signal.removeEventListener('abort', done);
          resolve();
        };
        signal.addEventListener('abort', done, { once: true });
        this.#waiting.push(done);
      });
    }
  }

  /** What is there already. */
  takeNow(most: number): StoredRecord[] {
    const records = this.#buffer.slice(this.#given, this.#given + most);
    this.#given += records.length;
    if (this.#given >= this.#buffer.length) {
      this.#buffer = [];
      this.#given = 0;
      // A later try may find the trouble gone.
      if (records.length === 0 && this.#error) {
        const error = this.#error;
        this.#error = undefined;
        this.#onHungry();
        throw error;
      }
      this.#onHungry();
    }
    return records;
  }

  deliver({ records, next }: FetchedPartition): void {
    this.#outOfRange = 0;
    if (this.#closed) return;
    this.#buffer = records;
    this.#given = 0;
    this.next = next;
    if (records.length > 0) this.#wake();
  }

  /** The position lies outside of what the partition keeps. */
  outOfRange({ low, high }: { low: number; high: number }): void {
    if (this.next < low) {
      this.#onLost(this.next, low);
      this.next = low;
      return;
    }
    if (this.next <= high || ++this.#outOfRange < outOfRangeMost) return;
    this.#outOfRange = 0;
    this.fail(
      new VimiError('LOG_DAMAGED', 'The offset lies beyond the end of the partition: was the topic created anew?', {
        expected: `at most ${high}`,
        found: String(this.next),
        where: `${this.topic}/${this.partition}`,
        remedy: damageRemedies.beyondEnd,
      }),
    );
  }

  fail(error: VimiError): void {
    this.#error = error;
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/**
 * Reads for any number of cursors, with one request at a time to each broker that leads some of them. Trouble with a
 * broker is tried again for ever; only what no later try could read reaches the cursor.
 */
export class Fetcher {
  readonly #client: KafkaClient;
  readonly #onTrouble: (error: VimiError) => void;
  readonly #onProgress: () => void;
  readonly #cursors = new Set<Cursor>();
  /** Brokers that are being asked. */
  readonly #asking = new Set<number>();
  readonly #unknownSince = new Map<Cursor, number>();
  #planning = false;
  #again = false;
  /** A dead broker is asked ever more rarely, whatever the others do. By its number; `nobody`: who leads could not be found out. */
  readonly #outages = new Map<number, Outage>();

  /** `onProgress`: an answer came, with records or without. */
  constructor(client: KafkaClient, onTrouble: (error: VimiError) => void, onProgress: () => void = () => undefined) {
    this.#client = client;
    this.#onTrouble = onTrouble;
    this.#onProgress = onProgress;
  }

  /** `onLost`: offsets that the broker does not keep any more were passed over. */
  add(
    at: { topic: string; partition: number; next: number; log?: string | null },
    onLost: (from: number, to: number) => void = () => undefined,
  ): Cursor {
    const cursor = new Cursor(at, () => void this.#plan(), onLost);
    this.#cursors.add(cursor);
    void this.#plan();
    return cursor;
  }

  remove(cursor: Cursor): void {
    cursor.close();
    this.#cursors.delete(cursor);
    this.#unknownSince.delete(cursor);
  }

  close(): void {
    for (const cursor of [...this.#cursors]) this.remove(cursor);
    for (const leader of this.#outages.keys()) this.#forgive(leader);
  }

  /** Asks each broker that is not being asked for what its hungry cursors lack. */
  async #plan(): Promise<void> {
    if (this.#planning) {
      this.#again = true;
      return;
    }
    this.#planning = true;
    // Callers that take from several cursors in one turn share a request.
    await new Promise((resolve) => setImmediate(resolve));
    do {
      this.#again = false;
      try {
        const byLeader = new Map<number, Cursor[]>();
        for (const cursor of this.#cursors) {
          const leader = await this.#leaderOf(cursor);
          if (leader === undefined) continue;
          const cursors = byLeader.get(leader) ?? [];
          byLeader.set(leader, cursor.isHungry ? [...cursors, cursor] : cursors);
        }
        for (const leader of this.#outages.keys()) if (!byLeader.has(leader)) this.#forgive(leader);
        for (const [leader, cursors] of byLeader)
          if (cursors.length > 0 && !this.#asking.has(leader)) void this.#ask(leader, cursors);
      } catch (thrown) {
        await this.#recover(nobody, thrown);
        this.#again = true;
      }
    } while (this.#again && !this.#client.closed.aborted);
    this.#planning = false;
  }

  /** undefined: not known now. A topic that stays unknown is the cursor's trouble, and nobody else's. */
  async #leaderOf(cursor: Cursor): Promise<number | undefined> {
    try {
      const leader = (await this.#client.leadersOf(cursor.topic))[cursor.partition];
      this.#unknownSince.delete(cursor);
      return leader;
    } catch (thrown) {
      const error = asTransportError(thrown, cursor.topic);
      if (error.code !== 'TOPIC_UNKNOWN') throw thrown;
      const since = this.#unknownSince.get(cursor) ?? performance.now();
      this.#unknownSince.set(cursor, since);
      if (performance.now() - since > unknownMs) cursor.fail(error);
      else setTimeout(() => void this.#plan(), 500).unref();
      return undefined;
    }
  }

  async #ask(leader: number, cursors: Cursor[]): Promise<void> {
    this.#asking.add(leader);
    try {
      const broker = await this.#client.broker(leader);
      const same = await this.#same(cursors);
      if (same.length === 0) return;
      const asked = same.map((cursor) => ({ cursor, ...cursor, next: cursor.next }));
      const answers = await fetchFrom(broker, asked, { maxWaitMs, maxBytes, partitionBytes });
      let trouble: Error | undefined;
      for (const answer of answers) {
        const of = asked.find(({ topic, partition }) => topic === answer.topic && partition === answer.partition);
        // It was told to begin elsewhere meanwhile.
        if (!of || !this.#cursors.has(of.cursor) || of.cursor.next !== of.next) continue;
        if (!answer.error) of.cursor.deliver(answer);
        else if (answer.error instanceof VimiError) of.cursor.fail(answer.error);
        else if (troubleOf(answer.error) === 'OFFSET_OUT_OF_RANGE') await this.#find(of.cursor);
        else trouble = answer.error;
      }
      this.#onProgress();
      if (trouble) throw trouble;
      this.#forgive(leader);
    } catch (thrown) {
      await this.#recover(leader, thrown);
    } finally {
      this.#asking.delete(leader);
      void this.#plan();
    }
  }

  /** Those whose topic is the one that they began with: offsets of another mean other records. */
  async #same(cursors: readonly Cursor[]): Promise<Cursor[]> {
    const same: Cursor[] = [];
    for (const cursor of cursors) {
      const { topic, partition, log } = cursor;
      const now = log === null ? null : await this.#client.topicId(topic);
      if (now === null || now === log) same.push(cursor);
      else
        cursor.fail(
          new VimiError('POSITION_LOST', 'The topic was deleted and created anew while it was read', {
            ...{ expected: `the topic ${log}`, found: now, where: `${topic}/${partition}` },
          }),
        );
    }
    return same;
  }

  async #find(cursor: Cursor): Promise<void> {
    const ends = await endsOf(this.#client, cursor.topic);
    const end = ends[cursor.partition];
    if (end) cursor.outOfRange(end);
    await this.#client.pause(2);
  }

  /** It answered, or leads nothing here any more. */
  #forgive(leader: number): void {
    this.#outages.get(leader)?.over();
    this.#outages.delete(leader);
  }

  async #recover(leader: number, thrown: unknown): Promise<void> {
    if (this.#client.closed.aborted) return;
    this.#client.forget();
    const outage = this.#outages.get(leader) ?? new Outage(this.#client.metrics);
    this.#outages.set(leader, outage);
    const error = asTransportError(thrown, this.#client.name);
    outage.failed(error);
    const { failures } = outage;
    if (failures > 1) this.#onTrouble(error);
    await this.#client.pause(failures - 1);
  }
}
