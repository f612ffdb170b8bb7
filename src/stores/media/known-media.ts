import { createHash } from 'node:crypto';
import type Database from 'better-sqlite3';
import type { MediaSettled } from '../../events/schemas.js';
import { type Placed, Positions } from '../positions.js';
import { openHeap } from '../view-file.js';

/** What is known of a medium: its last event, of which version, and what became of it. `reason`: why it was dropped. */
export interface KnownMedium extends Pick<MediaSettled, 'event' | 'version' | 'outcome' | 'error'> {
  reason?: string;
}

const cacheKiB = 32 * 1024;

export interface MediumChange extends Placed {
  /** null: nothing that this view could hold. */
  settled: MediaSettled | null;
}

/**
 * What the topic of outcomes says of each medium, some 100 bytes a medium on the disk. It also notes which addresses were seen
 * already.
 */
export class KnownMedia {
  readonly #file: Database.Database;
  readonly #sql;
  readonly #positions = new Positions();

  constructor(path: string) {
    this.#file = openHeap(
      path,
      `
      CREATE TABLE media (uri BLOB PRIMARY KEY, event TEXT NOT NULL, version TEXT, outcome TEXT NOT NULL, reason TEXT, error TEXT) WITHOUT ROWID;
      CREATE TABLE seen (uri BLOB PRIMARY KEY) WITHOUT ROWID;
    `,
      cacheKiB,
    );
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
    return this.#positions.next;
  }

  /** Takes changes in, and gives those that it did not have. After a failure all of them are to be given again. */
  apply(changes: readonly MediumChange[]): MediaSettled[] {
    const fresh: MediaSettled[] = [];
    this.#positions.advance(changes, ({ settled }) => {
      if (!settled) return;
      const { uri, event, version = null, outcome, parts, error } = settled;
      const reason = outcome === 'dropped' ? (Object.keys(parts.dropped)[0] ?? null) : null;
      this.#sql.put.run(keyOf(uri), event, version, outcome, reason, error ? JSON.stringify(error) : null);
      fresh.push(settled);
    });
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
