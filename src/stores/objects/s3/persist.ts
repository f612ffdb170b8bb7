import { setTimeout as pause } from 'node:timers/promises';
import { waitAfter } from '../../../core/backoff.js';
import { mayPass, translate } from './failures.js';

const backoffMs = { first: 100, last: 5_000 };

export interface Patience {
  /** Trouble that may pass is waited for so long, counted from the first failure. */
  patienceMs: number;
  sleep?: (ms: number) => Promise<unknown>;
  random?: () => number;
  now?: () => number;
}

/**
 * Runs `call` until it succeeds, fails for good, or trouble has lasted longer than the patience. Waits in between are
 * drawn from a range that doubles from 100 ms to 5 s, so that many processes do not come back at the same moment; the last
 * one ends with the patience.
 */
export async function persist<T>(
  where: string,
  call: () => Promise<T>,
  { patienceMs, sleep = pause, random = Math.random, now = Date.now }: Patience,
): Promise<T> {
  let since: number | undefined;
  for (let failures = 0; ; failures++) {
    try {
      return await call();
    } catch (thrown) {
      const error = translate(thrown, where);
      since ??= now();
      const left = patienceMs - (now() - since);
      if (!mayPass(error) || left <= 0) throw error;
      const drawn = waitAfter(failures, backoffMs) * (0.5 + random() / 2);
      await sleep(Math.min(drawn, left));
    }
  }
}
