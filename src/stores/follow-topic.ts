import { setTimeout as sleep } from 'node:timers/promises';
import { batches } from '../core/batches.js';
import { asVimiError, type ErrorCode, VimiError } from '../core/errors.js';
import type { Placed } from './positions.js';

export interface FollowTopicOptions<R extends Placed> {
  /** What is fed, for the log. */
  what: string;
  /** The topic's records from these offsets on, per partition in order; with `follow`, until `signal` aborts. */
  read(from: Record<number, number>, options: { follow: boolean; signal: AbortSignal }): AsyncIterable<R>;
  /** Where the view is: the next offset that it wants, per partition. */
  positions(): Promise<Record<number, number>>;
  /** Takes records in, all or none; passes over what it has. */
  apply(records: R[]): Promise<void>;
  /** Has `again` called when the view wants records that it had: they are read from its positions then. */
  onAgain?(again: () => void): void;
  log: { warn(fields: object, message: string): void; info(fields: object, message: string): void };
  /** Wait before another try after a failure. Default: a second. */
  retryMs?: number;
}

export interface Follower {
  /**
   * Resolves when the view has seen all that the topic held when it was called (or, given `ends`, once its positions are
   * there). Rejects when the follower is closed before.
   */
  caughtUp(ends?: readonly { partition: number; high: number }[]): Promise<void>;
  close(): Promise<void>;
}

/** What a view throws that only wants its records from where it is now: others feed it too, or have started it anew. */
export class ReadAgain extends VimiError {}

/** Records given to the view at once, at most. */
const batch = 256;
/** So many records are not read twice at once. */
const much = 4 * batch;
/** The first of them may take so long; after them, nothing new for so long means that there is no more. */
const [firstMs, quietMs, lookMs] = [1_000, 50, 5];

/**
 * Keeps a view up to date with its topic until it is closed. Several followers, in one process or many, may feed one
 * view. After a failure, or when the view was started anew, it reads again from where the view is.
 */
export function followTopic<R extends Placed>({
  what,
  read,
  positions,
  apply,
  onAgain,
  log,
  retryMs = 1000,
}: FollowTopicOptions<R>): Follower {
  const closing = new AbortController();
  const { signal } = closing;
  /** What it fails with, while it fails: logged once, whoever reads. */
  let trouble: ErrorCode | null = null;
  /** Ends when the view wants records again. */
  let round = new AbortController();
  onAgain?.(() => {
    round.abort();
    round = new AbortController();
  });

  function isOver(): void {
    if (trouble !== null) log.info({}, `${what} follows its topic again`);
    trouble = null;
  }

  /** When the view took records in last, in milliseconds; until then: when this began. */
  let last = performance.now();
  let isNew = true;
  /** Much is read once, by the reading that follows, until that brings nothing more; else who waits would read it beside. */
  async function muchRead(missing: () => Promise<number>): Promise<void> {
    if ((await missing()) < much) return;
    while (!signal.aborted && performance.now() - last < (isNew ? firstMs : quietMs) && (await missing()) > 0)
      await sleep(lookMs);
  }

  /** One reading; with `follow` it ends only with the signal. */
  async function feed(follow: boolean): Promise<void> {
    const reading = new AbortController();
    const stop = () => reading.abort();
    const over = [signal, round.signal];
    for (const one of over) one.addEventListener('abort', stop, { once: true });
    try {
      for await (const records of batches(read(await positions(), { follow, signal: reading.signal }), batch)) {
        await apply(records).then(isOver);
        last = performance.now();
        isNew = false;
      }
    } finally {
      // Lets the source go when the view failed.
      reading.abort();
      for (const one of over) one.removeEventListener('abort', stop);
    }
  }

  async function untilDone(follow: boolean): Promise<void> {
    while (!signal.aborted) {
      const began = round;
      try {
        await feed(follow);
        if (!signal.aborted) isOver();
        if (!follow && began === round && !signal.aborted) return;
      } catch (thrown) {
        if (signal.aborted) break;
        const { code, message } = asVimiError(thrown);
        if (thrown instanceof ReadAgain) log.info({ reason: message }, `${what} reads its topic again`);
        else {
          if (code !== trouble)
            log.warn({ code, error: message }, `${what} cannot follow its topic, retrying every ${retryMs / 1000} s`);
          trouble = code;
        }
        await sleep(retryMs, undefined, { signal }).catch(() => {});
      }
    }
    if (!follow) signal.throwIfAborted();
  }

  const following = untilDone(true);
  return {
    async caughtUp(ends) {
      if (ends) {
        const missing = async () => {
          const reached = await positions();
          return ends.reduce((sum, { partition, high }) => sum + Math.max(0, high - (reached[partition] ?? 0)), 0);
        };
        await muchRead(missing);
        if ((await missing()) === 0) return;
      }
      // An end may lie behind what no reader is given, such as the marks of transactions: only a reading tells.
      await untilDone(false);
    },
    async close() {
      closing.abort(new Error(`${what}: its follower was closed`));
      await following;
    },
  };
}
