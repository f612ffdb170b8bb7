import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { MediaSettled } from '../../events/schemas.js';

/** What is known of a medium: its last event, of which version, and what became of it. `reason`: why it was dropped. */
export interface KnownMedium extends Pick<MediaSettled, 'event' | 'version' | 'outcome' | 'error'> {
  reason?: string;
}

const cacheKilobytes = 32 * 1024;

export interface MediumChange {
  partition: number;
  offset: number;
  /** null: nothing that this view could hold. */
  settled: MediaSettled | null;
}

/**
 * What the topic of outcomes says of each medium, in a file that is made anew at each start: some 100 bytes a medium on the
 * disk, and memory stays small however many there are. It also notes which addresses were seen already.
 */
export class KnownMedia {
  readonly #file: Database.Database;
  readonly #sql;
  #positions: Record<number, number> = {};

  constructor(path: string) {
    rmSync(path, { force: true });
    this.#file = new Database(path);
    // It may be lost: the topic is the truth. So it is one transaction from here on, and what is written stays in memory until
    // that is full.
    this.#file.pragma('journal_mode = OFF');
    this.#file.pragma('synchronous = OFF');
    this.#file.pragma(`cache_size = -${cacheKilobytes}`);
    this.#file.exec(`
      CREATE TABLE media (uri BLOB PRIMARY KEY, event TEXT NOT NULL, version TEXT, outcome TEXT NOT NULL, reason TEXT, error TEXT) WITHOUT ROWID;
      CREATE TABLE seen (uri BLOB PRIMARY KEY) WITHOUT ROWID;
      BEGIN;
    `);
    this.#sql = {
      get: this.#file.prepare('SELECT event, version, outcome, reason, error FROM media WHERE uri = ?'),
      put: this.#file.prepare(
        'INSERT OR REPLACE INTO media (uri, event, version, outcome, reason, error) VALUES (?, ?, ?, ?, ?, ?)',
      ),
      see: this.#file.prepare('INSERT OR IGNORE INTO seen (uri) VALUES (?)'),
    };
  }

  of(uri: string): KnownMedium | undefined {
    const row = this.#sql.get.get(keyOf(uri)) as Row | undefined;
    if (!row) return undefined;
    const { event, version, outcome, reason, error } = row;
    return {
      ...{ event, outcome },
      ...(version !== null && { version }),
      ...(reason !== null && { reason }),
      ...(error !== null && { error: JSON.parse(error) }),
    };
  }

  /** Whether this address was not seen before; from now on it was. */
  isNew(uri: string): boolean {
    return this.#sql.see.run(keyOf(uri)).changes === 1;
  }

  /** The next offset of each partition. */
  get positions(): Record<number, number> {
    return { ...this.#positions };
  }

  /** Takes changes in, and gives those that it did not have. After a failure all of them are to be given again. */
  apply(changes: readonly MediumChange[]): MediaSettled[] {
    const reached = this.positions;
    const fresh: MediaSettled[] = [];
    for (const { partition, offset, settled } of changes) {
      if (offset < (reached[partition] ?? 0)) continue;
      reached[partition] = offset + 1;
      if (!settled) continue;
      const { uri, event, version = null, outcome, parts, error } = settled;
      const reason = outcome === 'dropped' ? (Object.keys(parts.dropped)[0] ?? null) : null;
      this.#sql.put.run(keyOf(uri), event, version, outcome, reason, error ? JSON.stringify(error) : null);
      fresh.push(settled);
    }
    this.#positions = reached;
    return fresh;
  }

  close(): void {
    this.#file.close();
  }
}

interface Row {
  event: string;
  version: string | null;
  outcome: KnownMedium['outcome'];
  reason: string | null;
  error: string | null;
}

/** Addresses may be long, and names in them anybody's. */
function keyOf(uri: string): Buffer {
  return createHash('sha256').update(uri).digest().subarray(0, 16);
}
