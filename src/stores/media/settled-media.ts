import type Database from 'better-sqlite3';
import type { MediaSettled } from '../../events/schemas.js';
import { openHeap } from '../view-file.js';

/** What became of a medium; `unchanged`: it was rejected before, is the same, and was not published again. */
export type SettledMedium =
  | (MediaSettled & { unchanged?: never })
  | (Pick<MediaSettled, 'uri' | 'error'> & { outcome: 'rejected'; unchanged: true });

const cacheKiB = 8 * 1024;
const readTogether = 200;

/** The outcomes of one command, in a file for as long as it runs: memory stays small however many there are. */
export class SettledMedia {
  readonly #file: Database.Database;
  readonly #sql;
  size = 0;

  constructor(path: string) {
    this.#file = openHeap(
      path,
      'CREATE TABLE media (uri TEXT, n INTEGER, medium TEXT NOT NULL, PRIMARY KEY (uri, n)) WITHOUT ROWID;',
      cacheKiB,
    );
    this.#sql = {
      put: this.#file.prepare('INSERT INTO media VALUES (?, ?, ?)'),
      after: this.#file.prepare('SELECT uri, n, medium FROM media WHERE (uri, n) > (?, ?) ORDER BY uri, n LIMIT ?'),
    };
  }

  add(medium: SettledMedium): void {
    this.#sql.put.run(medium.uri, this.size++, JSON.stringify(medium));
  }

  /** By address. */
  *all(): Generator<SettledMedium> {
    for (let last: Row = { uri: '', n: -1, medium: '' }; ; ) {
      const rows = this.#sql.after.all(last.uri, last.n, readTogether) as Row[];
      for (const { medium } of rows) yield JSON.parse(medium);
      if (rows.length < readTogether) return;
      last = rows.at(-1)!;
    }
  }

  close(): void {
    this.#file.close();
  }
}

interface Row {
  uri: string;
  n: number;
  medium: string;
}
