import { readFileSync } from 'node:fs';

/** What a process does not do to itself: somebody sent them. */
const sent: readonly (NodeJS.Signals | null)[] = ['SIGKILL', 'SIGTERM', 'SIGHUP'];

/** How often the kernel has killed a process for want of memory since the machine started; undefined where it does not say. */
export function killsForMemory(): number | undefined {
  try {
    const [, count] = /^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8')) ?? [];
    return count === undefined ? undefined : Number(count);
  } catch {
    return undefined;
  }
}

/**
 * Whether somebody else ended a process, which is not the fault of what it was at. The kernel ends a process that takes too much
 * memory by the same signal, but counts that: `before` and `after` are its counts at the start and at the end of the process.
 */
export function wasKilledFromOutside(
  signal: NodeJS.Signals | null,
  before: number | undefined,
  after: number | undefined,
): boolean {
  return sent.includes(signal) && before !== undefined && before === after;
}
