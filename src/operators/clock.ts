import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from './operator.js';

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
};
