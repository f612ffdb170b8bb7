import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { VimiError } from '../../../errors.js';

export type LogFile = Database.Database;

/** "vimi" */
const applicationId = 0x76696d69;
const layout = 1;
/** SQLite's name for a database without a file. */
export const inMemory = ':memory:';

/**
 * logs       one a partition; `low`: first kept offset, `high`: next offset; `compacted`: `high` when it was last compacted
 * records    id = log * 2^40 + offset: one B-tree, appended at its logs' ends, read in ranges
 * positions  where a group stands
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
    id INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, key BLOB, headers TEXT NOT NULL, value BLOB) STRICT;
  CREATE TABLE positions (
    reader TEXT NOT NULL, log INTEGER NOT NULL, offset INTEGER NOT NULL, metadata TEXT NOT NULL,
    PRIMARY KEY (reader, log)) STRICT, WITHOUT ROWID;
  CREATE TABLE readers (reader TEXT NOT NULL, topic TEXT NOT NULL, PRIMARY KEY (reader, topic)) STRICT, WITHOUT ROWID;
  CREATE TABLE owners (
    reader TEXT PRIMARY KEY, epoch INTEGER NOT NULL, pid INTEGER, host TEXT NOT NULL, started TEXT NOT NULL,
    since INTEGER NOT NULL, seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  PRAGMA application_id = ${applicationId};
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
    if (path !== inMemory) mkdirSync(dirname(path), { recursive: true });
    const file = new Database(path, { timeout: busyMs });
    try {
      const isNew = recognise(file, path);
      if (isNew) file.pragma('auto_vacuum = INCREMENTAL');
      file.pragma('journal_mode = WAL');
      file.pragma('synchronous = FULL');
      if (maxBytes) file.pragma(`max_page_count = ${Math.floor(maxBytes / pageBytes(file))}`);
      // Another process may have made the tables by now.
      if (isNew) file.transaction(() => recognise(file, path) && file.exec(tables)).immediate();
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
  const version = file.pragma('user_version', { simple: true });
  if (id === applicationId && version === layout) return false;
  throw new VimiError('LOG_DAMAGED', 'This is no log that this version of vimi can use', {
    expected: `layout ${layout}`,
    found: id === applicationId ? `layout ${version}` : 'another SQLite database',
    where: path,
    remedy:
      id === applicationId
        ? 'Use the version of vimi that made it, or move it away to start anew.'
        : 'Name another path in the profile, or move this file away.',
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

function translate(thrown: unknown, where: string): unknown {
  const code: unknown = (thrown as { code?: unknown } | null)?.code;
  if (thrown instanceof VimiError || typeof code !== 'string') return thrown;
  const facts = { found: (thrown as Error).message, where, cause: thrown };
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT')
    return new VimiError('STORAGE_FULL', 'The log has no space left', facts);
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB')
    return new VimiError('LOG_DAMAGED', 'The log is damaged', {
      ...facts,
      expected: 'an intact SQLite file',
      remedy: 'Restore the file from a backup, or move it away to start anew.',
    });
  if (/^(SQLITE_(BUSY|LOCKED|IOERR|CANTOPEN|READONLY|PERM|PROTOCOL)|E[A-Z]+$)/.test(code))
    return new VimiError('TRANSPORT_UNAVAILABLE', 'The log cannot be used now', facts);
  return thrown;
}
