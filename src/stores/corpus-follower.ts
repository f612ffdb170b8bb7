import { setTimeout as sleep } from 'node:timers/promises';
import { asVimiError } from '../errors.js';
import type { CorpusDocument } from '../events/schemas.js';
import type { Corpus, CorpusRecord } from './corpus.js';

export interface FollowCorpusOptions<R extends { partition: number; offset: number }> {
  /** The topic's records from these offsets on, per partition in order; with `follow`, until `signal` aborts. */
  read(from: Record<number, number>, options: { follow: boolean; signal: AbortSignal }): AsyncIterable<R>;
  /** null: not a corpus record; it is passed over with a warning. */
  decode(record: R): { id: string; document: CorpusDocument | null } | null;
  corpus: Corpus;
  log: { warn(fields: object, message: string): void };
  /** Wait before another try after a failure. Default: a second. */
  retryMs?: number;
}

export interface CorpusFollower {
  /**
   * Resolves when the index has seen all that the topic held when it was called (or, given `ends`, once its positions
   * are there). Rejects when the follower is closed before.
   */
  caughtUp(ends?: readonly { partition: number; high: number }[]): Promise<void>;
  close(): Promise<void>;
}

/** Records given to the index in one transaction, at most. */
const batch = 256;

/**
 * Keeps a corpus index up to date with its topic until it is closed. Several followers, in one process or many, may
 * feed one index: it passes over what it has. After a failure, or when the index was started anew, it reads again from
 * where the index is.
 */
export function followCorpus<R extends { partition: number; offset: number }>(
  options: FollowCorpusOptions<R>,
): CorpusFollower {
  const { corpus, read, log, retryMs = 1000 } = options;
  const closing = new AbortController();
  const { signal } = closing;

  /** One reading; with `follow` it ends only with the signal. */
  async function feed(follow: boolean): Promise<void> {
    const reading = new AbortController();
    const stop = () => reading.abort();
    signal.addEventListener('abort', stop, { once: true });
    try {
      for await (const records of batches(read(await corpus.positions(), { follow, signal: reading.signal }), batch))
        await corpus.apply(records.map(corpusRecord));
    } finally {
      // Lets the source go when the index failed.
      reading.abort();
      signal.removeEventListener('abort', stop);
    }
  }

  function corpusRecord(record: R): CorpusRecord {
    const { partition, offset } = record;
    const decoded = options.decode(record);
    if (decoded) return { partition, offset, ...decoded };
    log.warn({ partition, offset }, 'Not a corpus document: passed over');
    // A removal of nothing: it moves the position and no more.
    return { partition, offset, id: '', document: null };
  }

  async function untilDone(follow: boolean): Promise<void> {
    while (!signal.aborted) {
      try {
        await feed(follow);
        if (!follow && !signal.aborted) return;
      } catch (thrown) {
        if (signal.aborted) break;
        log.warn({ error: asVimiError(thrown).message }, 'The corpus index could not be fed; trying again');
        await sleep(retryMs, undefined, { signal }).catch(() => {});
      }
    }
    if (!follow) signal.throwIfAborted();
  }

  const following = untilDone(true);
  return {
    async caughtUp(ends) {
      const positions = await corpus.positions();
      if (ends?.every(({ partition, high }) => (positions[partition] ?? 0) >= high)) return;
      await untilDone(false);
    },
    async close() {
      closing.abort(new Error('The corpus follower was closed'));
      await following;
    },
  };
}

/**
 * What has arrived, in lists of at most `most`: an apply takes all that came while the one before it ran. At most one
 * list and one record wait.
 */
async function* batches<R>(source: AsyncIterable<R>, most: number): AsyncGenerator<R[]> {
  const iterator = source[Symbol.asyncIterator]();
  const advance = () => {
    const result = iterator.next();
    // A failure is met where it is awaited.
    result.catch(() => {});
    return result;
  };
  try {
    let next = advance();
    for (let first = await next; !first.done; first = await next) {
      const list = [first.value];
      next = advance();
      while (list.length < most) {
        const more = await Promise.race([next, new Promise<null>((resolve) => setImmediate(() => resolve(null)))]);
        if (more === null || more.done) break;
        list.push(more.value);
        next = advance();
      }
      yield list;
    }
  } finally {
    // Not awaited: a source that waits for records returns only once its signal aborts.
    iterator.return?.().catch(() => {});
  }
}
