import { hostname } from 'node:os';
import { VimiError } from '../../../core/errors.js';
import type { LogFile } from './file.js';

interface OwnerRow {
  epoch: number;
  pid: number | null;
  host: string;
  since: number;
  seen: number;
}

/** Of another host nothing is known but its heartbeat: without one for so long its process counts as gone. */
const silenceMs = 30_000;

/**
 * Who consumes which group. Each new owner has a higher epoch; one with an older epoch is fenced. Whether an owner on this
 * machine lives is told by the group's lock, which whoever acquires must have; over a shared volume the lock may not reach
 * another host, so there the heartbeat counts as well.
 */
export class Owners {
  readonly #sql;
  readonly #now: () => number;

  constructor(file: LogFile, now: () => number) {
    this.#now = now;
    this.#sql = {
      get: file.prepare('SELECT epoch, pid, host, since, seen FROM owners WHERE reader = ?'),
      take: file.prepare(
        `INSERT INTO owners (reader, epoch, pid, host, started, since, seen) VALUES (?, ?, ?, ?, '', ?, ?)
         ON CONFLICT (reader) DO UPDATE SET epoch = excluded.epoch, pid = excluded.pid, host = excluded.host,
           since = excluded.since, seen = excluded.seen`,
      ),
      see: file.prepare('UPDATE owners SET seen = ? WHERE reader = ? AND epoch = ? AND pid IS NOT NULL'),
      release: file.prepare('UPDATE owners SET pid = NULL WHERE reader = ? AND epoch = ?'),
    };
  }

  /** Within a transaction, and with the group's lock. Gives the epoch, or throws GROUP_BUSY. */
  acquire(group: string): number {
    const held = this.#sql.get.get(group) as OwnerRow | undefined;
    const now = this.#now();
    if (held && held.pid !== null && held.host !== hostname() && now - held.seen < silenceMs) throw this.busy(group);
    const epoch = (held?.epoch ?? 0) + 1;
    this.#sql.take.run(group, epoch, process.pid, hostname(), now, now);
    return epoch;
  }

  /** GROUP_BUSY, with what is known of who has the group. */
  busy(group: string): VimiError {
    const held = this.#sql.get.get(group) as OwnerRow | undefined;
    return new VimiError('GROUP_BUSY', `The group ${group} is being consumed by another process`, {
      found: held?.pid
        ? `process ${held.pid} on ${held.host}, since ${new Date(held.since).toISOString()}`
        : 'a process that is just starting',
      where: group,
    });
  }

  /** Throws TRANSPORT_FENCED when the group has another owner, or none. */
  check(group: string, epoch: number): void {
    const held = this.#sql.get.get(group) as OwnerRow | undefined;
    if (held?.epoch !== epoch || held.pid === null) throw fenced(group, held);
  }

  /** The heartbeat. Throws TRANSPORT_FENCED. */
  see(group: string, epoch: number): void {
    if (this.#sql.see.run(this.#now(), group, epoch).changes === 0) this.check(group, epoch);
  }

  release(group: string, epoch: number): void {
    this.#sql.release.run(group, epoch);
  }
}

function fenced(group: string, held: OwnerRow | undefined): VimiError {
  const found = held?.pid ? `process ${held.pid} on ${held.host}` : 'no owner';
  return new VimiError('TRANSPORT_FENCED', `The group ${group} is no longer owned here`, { found, where: group });
}
