import { setTimeout as sleep } from 'node:timers/promises';

/** Time, so that tests can turn it. */
export interface Clock {
  /** Milliseconds since 1970: for moments that others read. It may be set back. */
  now(): number;
  /** Milliseconds since some moment; never set back: for durations. */
  elapsed(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
};
