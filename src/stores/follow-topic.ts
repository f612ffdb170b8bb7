import { setTimeout as sleep } from 'node:timers/promises';
import { batches } from '../core/batches.js';
import { asVimiError, type ErrorCode } from '../core/errors.js';
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

/** Records given to the view at once, at most. */
const batch = 256;

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

  /** One reading; with `follow` it ends only with the signal. */
  async function feed(follow: boolean): Promise<void> {
    const reading = new AbortController();
    const stop = () => reading.abort();
    const over = [signal, round.signal];
    for (const one of over) one.addEventListener('abort', stop, { once: true });
    try {
      for await (const records of batches(read(await positions(), { follow, signal: reading.signal }), batch))
        await apply(records).then(isOver);
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
        if (code !== trouble)
          log.warn({ code, error: message }, `${what} cannot follow its topic, retrying every ${retryMs / 1000} s`);
        trouble = code;
        await sleep(retryMs, undefined, { signal }).catch(() => {});
      }
    }
    if (!follow) signal.throwIfAborted();
  }

  const following = untilDone(true);
  return {
    async caughtUp(ends) {
      const reached = await positions();
      if (ends?.every(({ partition, high }) => (reached[partition] ?? 0) >= high)) return;
      await untilDone(false);
    },
    async close() {
      closing.abort(new Error(`${what}: its follower was closed`));
      await following;
    },
  };
}
