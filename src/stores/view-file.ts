import { rmSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { SqliteFile } from '../core/sqlite.js';

/**
 * A SQLite file that is made anew each time, of what topics say: nothing in it can be out of date, memory stays small however
 * much there is, and what a crash destroys is read again. So nothing waits for the disk.
 */
export function openView(path: string, tables: string): Database.Database {
  const file = anew(path);
  // The journal is there only so that what fails in the middle can be taken back.
  file.pragma('journal_mode = MEMORY');
  file.exec(tables);
  return file;
}

/**
 * The same in one transaction that never ends: what is written stays in a cache of so many KiB until that is full. Nothing
 * can be taken back.
 */
export function openHeap(path: string, tables: string, cacheKiB: number): Database.Database {
  const file = anew(path);
  file.pragma('journal_mode = OFF');
  file.pragma(`cache_size = -${cacheKiB}`);
  file.exec(tables);
  file.exec('BEGIN');
  return file;
}

function anew(path: string): Database.Database {
  rmSync(path, { force: true });
  const file = new SqliteFile(path);
  file.pragma('synchronous = OFF');
  return file;
}
