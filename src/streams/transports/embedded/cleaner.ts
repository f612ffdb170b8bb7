import { tombstoneMs } from '../transport.js';
import type { LogFile } from './file.js';
import { idRange, offsetOf } from './partition-log.js';

/** Records that one transaction removes, so that writers never wait long. */
const step = 5_000;

interface CleanRow {
  id: number;
  low: number;
  high: number;
  compacted: number;
  cleanup: 'delete' | 'compact';
  retention_ms: number | null;
  /** The lowest position of all groups that read the topic: nothing from there on may go. Null: no group reads it. */
  needed: number | null;
}

/**
 * Removes what nobody needs: in a `delete` topic the records older than its retention; in a `compact` topic those with a
 * newer record of the same key, and tombstones after 30 days. Never a record that a known group has not settled: a group is
 * known for a topic from the moment it first consumes it.
 */
export class Cleaner {
  readonly #file: LogFile;
  readonly #now: () => number;
  readonly #sql;

  constructor(file: LogFile, now: () => number) {
    this.#file = file;
    this.#now = now;
    this.#sql = {
      logs: file.prepare(`
        SELECT logs.id, low, high, compacted, cleanup, retention_ms,
          (SELECT min(coalesce((SELECT offset FROM positions WHERE reader = readers.reader AND log = logs.id), 0))
             FROM readers WHERE readers.topic = logs.topic) AS needed
        FROM logs JOIN topics ON topics.name = logs.topic`),
      firstYoung: file.prepare('SELECT min(id) FROM records WHERE id >= ? AND id < ? AND timestamp >= ?').pluck(),
      removeTo: file.prepare(
        'DELETE FROM records WHERE id IN (SELECT id FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?)',
      ),
      first: file.prepare('SELECT min(id) FROM records WHERE id >= ? AND id < ?').pluck(),
      setLow: file.prepare('UPDATE logs SET low = ? WHERE id = ?'),
      setCompacted: file.prepare('UPDATE logs SET compacted = ? WHERE id = ?'),
      superseded: file
        .prepare(
          `SELECT id FROM records WHERE id >= :from AND id < :needed AND key IS NOT NULL AND (
             id NOT IN (SELECT max(id) FROM records WHERE id >= :from AND id < :to AND key IS NOT NULL GROUP BY key)
             OR (value IS NULL AND timestamp < :old))
           LIMIT ${step}`,
        )
        .pluck(),
      remove: file.prepare('DELETE FROM records WHERE id = ?'),
    };
  }

  /** Gives the number of records that were removed. `pause` is called between transactions. */
  async clean(pause: () => Promise<void> = () => new Promise((resolve) => setImmediate(resolve))): Promise<number> {
    let removed = 0;
    for (const { id, low, high } of this.#sql.logs.all() as CleanRow[]) {
      // A log that is damaged could be told to be cleaned for ever.
      for (let left = high - low + 2 * step; left > 0; left -= step) {
        const count = this.#file.transaction(() => this.#step(id)).immediate();
        removed += count;
        await pause();
        if (count < step) break;
      }
    }
    if (removed > 0) this.#file.pragma('incremental_vacuum');
    return removed;
  }

  #step(log: number): number {
    const row = (this.#sql.logs.all() as CleanRow[]).find(({ id }) => id === log);
    if (!row) return 0;
    return row.cleanup === 'delete' ? this.#retain(row) : this.#compact(row);
  }

  #retain({ id, low, high, retention_ms, needed }: CleanRow): number {
    if (retention_ms === null) return 0;
    const [from, end] = idRange(id, low, high);
    const young = this.#sql.firstYoung.get(from, end, this.#now() - retention_ms) as number | null;
    const to = Math.min(young ?? end, idRange(id, low, needed ?? high)[1]);
    if (to <= from) return 0;
    const { changes } = this.#sql.removeTo.run(from, to, step);
    const first = this.#sql.first.get(from, end) as number | null;
    this.#sql.setLow.run(first === null ? high : Math.max(low, offsetOf(first)), id);
    return changes;
  }

  /** Looks only when at least half as much was appended as was there before, as each look reads all the keys. */
  #compact({ id, low, high, compacted, needed }: CleanRow): number {
    if (high - compacted < Math.max(1, (compacted - low) / 2)) return 0;
    const [from, to] = idRange(id, low, high);
    const found = this.#sql.superseded.all({
      from,
      to,
      needed: idRange(id, low, Math.min(needed ?? high, high))[1],
      old: this.#now() - tombstoneMs,
    }) as number[];
    for (const record of found) this.#sql.remove.run(record);
    const first = this.#sql.first.get(from, to) as number | null;
    this.#sql.setLow.run(first === null ? high : Math.max(low, offsetOf(first)), id);
    if (found.length < step) this.#sql.setCompacted.run(high, id);
    return found.length;
  }
}
