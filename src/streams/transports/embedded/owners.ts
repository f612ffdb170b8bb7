import { VimiError } from '../../../errors.js';
import type { LogFile } from './file.js';
import type { ProcessIdentity } from './process-identity.js';

interface OwnerRow {
  epoch: number;
  pid: number | null;
  host: string;
  started: string;
  since: number;
  seen: number;
}

export type Liveness = (owner: ProcessIdentity, silentMs: number) => boolean;

/** Who consumes which group. Each new owner has a higher epoch; one with an older epoch is fenced. */
export class Owners {
  readonly #sql;
  readonly #now: () => number;
  readonly #isAlive: Liveness;

  constructor(file: LogFile, now: () => number, isAlive: Liveness) {
    this.#now = now;
    this.#isAlive = isAlive;
    this.#sql = {
      get: file.prepare('SELECT epoch, pid, host, started, since, seen FROM owners WHERE reader = ?'),
      take: file.prepare(
        `INSERT INTO owners (reader, epoch, pid, host, started, since, seen) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (reader) DO UPDATE SET epoch = excluded.epoch, pid = excluded.pid, host = excluded.host,
           started = excluded.started, since = excluded.since, seen = excluded.seen`,
      ),
      see: file.prepare('UPDATE owners SET seen = ? WHERE reader = ? AND epoch = ? AND pid IS NOT NULL'),
      release: file.prepare('UPDATE owners SET pid = NULL WHERE reader = ? AND epoch = ?'),
    };
  }

  /** Within a transaction. Gives the epoch, or throws GROUP_BUSY while a living process holds the group. */
  acquire(group: string, { pid, host, started }: ProcessIdentity): number {
    const held = this.#sql.get.get(group) as OwnerRow | undefined;
    const now = this.#now();
    if (held && held.pid !== null && this.#isAlive({ ...held, pid: held.pid }, now - held.seen))
      throw new VimiError('GROUP_BUSY', `The group ${group} is being consumed by another process`, {
        found: `process ${held.pid} on ${held.host}, since ${new Date(held.since).toISOString()}`,
        where: group,
      });
    const epoch = (held?.epoch ?? 0) + 1;
    this.#sql.take.run(group, epoch, pid, host, started, now, now);
    return epoch;
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
