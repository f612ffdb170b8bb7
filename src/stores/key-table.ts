import type Database from 'better-sqlite3';
import { openHeap } from './view-file.js';

const cacheKiB = 8 * 1024;
const readTogether = 500;

interface Row {
  n: number;
  key: string;
  value: string;
}

/**
 * Keys, each with a text, in a file that is made anew: what a command notes of all objects or records that it meets.
 * Memory stays small however many there are. Keys keep the order in which they first came.
 */
export class KeyTable {
  readonly #file: Database.Database;
  readonly #sql;

  constructor(path: string) {
    this.#file = openHeap(
      path,
      'CREATE TABLE entries (n INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value TEXT NOT NULL);',
      cacheKiB,
    );
    this.#sql = {
      set: this.#file.prepare(
        'INSERT INTO entries (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
      ),
      get: this.#file.prepare('SELECT value FROM entries WHERE key = ?').pluck(),
      delete: this.#file.prepare('DELETE FROM entries WHERE key = ?'),
      size: this.#file.prepare('SELECT count(*) FROM entries').pluck(),
      after: this.#file.prepare('SELECT n, key, value FROM entries WHERE n > ? ORDER BY n LIMIT ?'),
    };
  }

  set(key: string, value = ''): void {
    this.#sql.set.run(key, value);
  }

  get(key: string): string | undefined {
    return this.#sql.get.get(key) as string | undefined;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  delete(key: string): void {
    this.#sql.delete.run(key);
  }

  get size(): number {
    return this.#sql.size.get() as number;
  }

  /** Keys may come and go meanwhile. */
  *entries(): Generator<[key: string, value: string]> {
    for (let last = 0; ; ) {
      const rows = this.#sql.after.all(last, readTogether) as Row[];
      for (const { key, value } of rows) yield [key, value];
      if (rows.length < readTogether) return;
      last = rows.at(-1)!.n;
    }
  }

  close(): void {
    this.#file.close();
  }
}
