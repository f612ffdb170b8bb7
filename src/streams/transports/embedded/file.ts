import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { saysFull, VimiError } from '../../../core/errors.js';
import { SqliteFile } from '../../../core/sqlite.js';

export type LogFile = Database.Database;

/** "vimi" */
const applicationId = 0x76696d69;
const layout = 2;
/** Offsets of one log: up to 2^40; logs: up to 2^13; together an exact JavaScript number. */
export const idsPerLog = 2 ** 40;
/** SQLite's name for a database without a file. */
export const inMemory = ':memory:';

/**
 * logs       one a partition; `low`: first kept offset, `high`: next offset; `compacted`: `high` when it was last compacted
 * records    id = log * 2^40 + offset: one B-tree, appended at its logs' ends, read in ranges
 * positions  where a group stands
 *            both with a checksum (checksum.ts); null: written by layout 1, which had none
 * readers    which topics a group has ever consumed: their records are kept until it has settled them
 * owners     which process consumes a group; the epoch grows with each owner and fences the ones before. pid null: nobody;
 *            `started` is of no use any more
 */
const tables = `
  CREATE TABLE topics (name TEXT PRIMARY KEY, cleanup TEXT NOT NULL, retention_ms INTEGER) STRICT, WITHOUT ROWID;
  CREATE TABLE logs (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL, low INTEGER NOT NULL DEFAULT 0,
    high INTEGER NOT NULL DEFAULT 0, compacted INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, partition)) STRICT;
  CREATE TABLE records (
    id INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, key BLOB, headers TEXT NOT NULL, value BLOB,
    checksum INTEGER) STRICT;
  CREATE TABLE positions (
    reader TEXT NOT NULL, log INTEGER NOT NULL, offset INTEGER NOT NULL, metadata TEXT NOT NULL,
    checksum INTEGER, PRIMARY KEY (reader, log)) STRICT, WITHOUT ROWID;
  CREATE TABLE readers (reader TEXT NOT NULL, topic TEXT NOT NULL, PRIMARY KEY (reader, topic)) STRICT, WITHOUT ROWID;
  CREATE TABLE owners (
    reader TEXT PRIMARY KEY, epoch INTEGER NOT NULL, pid INTEGER, host TEXT NOT NULL, started TEXT NOT NULL,
    since INTEGER NOT NULL, seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${layout};
`;

const firstTables = tables.replace(/,\s+checksum INTEGER/g, '').replace(`user_version = ${layout}`, 'user_version = 1');

/** From layout 1, before which there was none. */
const upgrade = `
  ALTER TABLE records ADD COLUMN checksum INTEGER;
  ALTER TABLE positions ADD COLUMN checksum INTEGER;
  PRAGMA user_version = ${layout};
`;

/** How long a writer waits for another process's transaction. They are short: a commit group, or a clean-up step. */
const busyMs = 5_000;

/**
 * Opens or creates the file. WAL lets every process of the machine read while one writes. synchronous FULL: a commit is on
 * the disk when it returns. A process that dies would lose nothing with NORMAL either, but after a power cut acknowledged
 * records would be gone, and the promise is "resolved means durable"; commits come in groups, so the price is small.
 */
export function openFile(path: string, maxBytes?: number): LogFile {
  return translated(path, () => {
    if (path !== inMemory) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      // Prompts and media are nobody else's; what SQLite puts beside the file has the same rights.
      closeSync(openSync(path, 'a', 0o600));
    }
    const file = new SqliteFile(path, { timeout: busyMs });
    try {
      const isNew = recognise(file, path);
      if (isNew) file.pragma('auto_vacuum = INCREMENTAL');
      file.pragma('journal_mode = WAL');
      file.pragma('synchronous = FULL');
      if (maxBytes) file.pragma(`max_page_count = ${Math.floor(maxBytes / pageBytes(file))}`);
      // Another process may have made the tables by now.
      if (isNew) file.transaction(() => recognise(file, path) && file.exec(tables)).immediate();
      file.transaction(() => layoutOf(file) === 1 && file.exec(upgrade)).immediate();
      checkEnds(file, path);
    } catch (cause) {
      file.close();
      throw cause;
    }
    return file;
  });
}

/** Whether the file is still empty. Throws LOG_DAMAGED, before anything is changed, for a file that is not ours. */
function recognise(file: LogFile, path: string): boolean {
  if (file.prepare('SELECT count(*) FROM sqlite_master').pluck().get() === 0) return true;
  const id = file.pragma('application_id', { simple: true });
  const version = layoutOf(file);
  if (id === applicationId && (version === layout || version === 1)) {
    checkTables(file, path);
    return false;
  }
  throw new VimiError('LOG_DAMAGED', 'This version of vimi cannot use this log', {
    expected: `layout ${layout}`,
    found: id === applicationId ? `layout ${version}` : 'another SQLite database',
    where: path,
    remedy:
      id === applicationId
        ? 'Use the version of vimi that wrote it, or move it away to start again.'
        : 'Name another path in the profile, or move this file away.',
  });
}

/** SQLite trusts what a file says of its tables, whatever that leads to. */
function checkTables(file: LogFile, path: string): void {
  intact ??= [[tables], [firstTables], [firstTables, upgrade]].map((made) => {
    const fresh = new SqliteFile(inMemory);
    for (const statements of made) fresh.exec(statements);
    return tablesOf(fresh);
  });
  const found = tablesOf(file);
  if (!intact.includes(found))
    throw damaged(path, 'the list of tables', { expected: 'the tables that vimi creates', found });
}

let intact: string[] | undefined;

function tablesOf(file: LogFile): string {
  const all = file.prepare('SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name').raw().all();
  // SQLite keeps the statements as they were written, line ends included: an older vimi broke its lines elsewhere.
  return JSON.stringify((all as (string | null)[][]).map((row) => row.map((text) => text?.replace(/\s+/g, ' '))));
}

function layoutOf(file: LogFile): number {
  return file.pragma('user_version', { simple: true }) as number;
}

/** LOG_DAMAGED when records lie where their log does not say that it has any: they would be passed over in silence. */
export function checkEnds(file: LogFile, path: string): void {
  // One moment of all tables, whoever appends meanwhile.
  file.transaction(() => eachLogHolds(file, path))();
}

function eachLogHolds(file: LogFile, path: string): void {
  const odd = file
    .prepare(
      `SELECT topic FROM logs GROUP BY topic HAVING min(partition) <> 0 OR max(partition) <> count(*) - 1
         OR topic NOT IN (SELECT name FROM topics WHERE cleanup IN ('delete', 'compact'))
       UNION SELECT name FROM topics WHERE name NOT IN (SELECT topic FROM logs)`,
    )
    .pluck()
    .get();
  if (odd !== undefined)
    throw damaged(path, `the topic ${odd}`, { expected: 'a topic with all its partitions', found: 'some of it' });
  const first = file.prepare('SELECT min(id) FROM records WHERE id >= ? AND id < ?').pluck();
  const last = file.prepare('SELECT max(id) FROM records WHERE id >= ? AND id < ?').pluck();
  for (const row of file.prepare('SELECT id, topic, partition, low, high FROM logs').iterate()) {
    const { id, topic, partition, low, high } = row as Record<'id' | 'partition' | 'low' | 'high', number> & {
      topic: string;
    };
    const all = [id * idsPerLog, (id + 1) * idsPerLog];
    const [begin, end] = [first.get(...all) as number | null, last.get(...all) as number | null];
    const isWhole =
      low >= 0 &&
      high >= low &&
      high < idsPerLog &&
      (begin === null || begin - all[0]! >= low) &&
      (end === null || end - all[0]! < high);
    if (!isWhole)
      throw damaged(path, `${topic}/${partition}`, {
        expected: `records from ${low} to ${high}`,
        found: begin === null ? 'none' : `records from ${begin - all[0]!} to ${end! - all[0]! + 1}`,
      });
  }
}

/** What stands in the file is not what was written. `place`: which part of it. */
export function damaged(
  path: string,
  place: string,
  facts: { expected: string; found: string; cause?: unknown },
): VimiError {
  return new VimiError('LOG_DAMAGED', 'The log is damaged', {
    ...facts,
    where: `${place} in ${path}`,
    remedy: 'Restore the file from a backup, or move it away to start again. `vimi doctor` checks all of it.',
  });
}

function pageBytes(file: LogFile): number {
  return file.pragma('page_size', { simple: true }) as number;
}

/** Runs `work`; what SQLite throws becomes a VimiError. */
export function translated<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    throw translate(thrown, path);
  }
}

const notOurs = 'Run as the user who made the log, or give this user leave to read and write its folder.';

function translate(thrown: unknown, where: string): unknown {
  const code: unknown = (thrown as { code?: unknown } | null)?.code;
  if (thrown instanceof VimiError) return thrown;
  // Of numbers that nobody can have written.
  if (thrown instanceof RangeError)
    return damaged(where, 'a table', { expected: 'numbers in their range', found: thrown.message, cause: thrown });
  if (typeof code !== 'string') return thrown;
  const facts = { found: (thrown as Error).message, where, cause: thrown };
  if (saysFull(code)) return new VimiError('STORAGE_FULL', 'The log has no space left', facts);
  // The statements are ours, and known to fit the tables: what does not fit them was changed by nobody who may.
  if (/^SQLITE_(CORRUPT|NOTADB|ERROR|CONSTRAINT|MISMATCH|TOOBIG|RANGE|FORMAT|SCHEMA|INTERNAL)/.test(code))
    return damaged(where, 'a table', { expected: 'an intact SQLite file', found: facts.found, cause: thrown });
  if (/^(SQLITE_(BUSY|LOCKED|IOERR|CANTOPEN|READONLY|PERM|PROTOCOL)|E[A-Z]+$)/.test(code))
    return new VimiError('TRANSPORT_UNAVAILABLE', 'The log cannot be used now', {
      ...facts,
      ...(/^(SQLITE_(READONLY|PERM)|EACCES$|EPERM$)/.test(code) && { remedy: notOurs }),
    });
  return thrown;
}
