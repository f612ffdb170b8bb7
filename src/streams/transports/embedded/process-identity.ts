import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { processRuns } from '../../../process-runs.js';

/** Names one process, beyond the reuse of its number. */
export interface ProcessIdentity {
  pid: number;
  host: string;
  /** Boot and start time where the system tells them (Linux), else ''. */
  started: string;
}

export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, host: hostname(), started: startOf(process.pid) ?? '' };
}

/** Without a heartbeat for this long, a process that cannot be looked at counts as gone. */
const silenceMs = 30_000;

/**
 * Whether the process still runs. On this host it is looked at, so that kill -9 frees what it held at once; `silentMs` is
 * how long ago it was last heard of, which decides where looking is not enough: on another host (a shared volume), or
 * where start times are not told and the number may belong to somebody else by now.
 */
export function isAlive({ pid, host, started }: ProcessIdentity, silentMs: number): boolean {
  if (host !== hostname()) return silentMs < silenceMs;
  if (!processRuns(pid)) return false;
  if (started === '') return pid === process.pid || silentMs < silenceMs;
  return startOf(pid) === started;
}

/** undefined: no such process, or a dead one that its parent has not collected; '' where the system does not tell. */
function startOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return '';
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; the fields after it are state (3rd in all) to start time (22nd).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return `${boot}/${fields[19]}`;
  } catch {
    return undefined;
  }
}
