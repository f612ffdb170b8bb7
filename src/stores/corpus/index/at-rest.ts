import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { SqliteFile } from '../../../core/sqlite.js';
import type { DocumentFilter } from '../corpus.js';
import { memoryLayout, snapshotFolder } from './corpus-view.js';
import {
  asIndexError,
  checkTables,
  damaged,
  databaseLayout,
  databasePath,
  type IndexState,
  inodeOf,
  readState,
  type Sqlite,
  verifiedBytes,
  verify,
  writeState,
} from './database.js';
import { findDocuments } from './documents-table.js';
import { checkGraphFile } from './graph-file.js';
import { readSnapshotFile, type Snapshot, snapshotFiles, snapshotPath } from './snapshot.js';

/*
 * Copies of an index that nobody has open. The calls are synchronous and take seconds for a large corpus, so they run in a
 * thread of their own: call-at-rest.ts.
 */

/** The files of a copy: the database, and what was kept in memory beside it, where it was saved. */
export const copiedFiles = ['corpus.sqlite', 'snapshot.json', ...snapshotFiles.map((name) => `${name}.index` as const)];
export type CopiedFile = (typeof copiedFiles)[number];

export interface IndexCopy {
  state: Omit<IndexState, 'epoch'>;
  layout: { database: number; memory: number };
  files: { name: CopiedFile; size: number; sha256: string }[];
}

/**
 * Copies an index that others may be reading and changing: all of one moment, without what was removed from it. The new
 * folder is flat: the database, and the files of its `snapshot` folder.
 */
export function copyIndex(folder: string, to: string): IndexCopy {
  mkdirSync(to, { recursive: true });
  return opened(databasePath(folder), (database) => {
    const path = databasePath(to);
    database.prepare('VACUUM INTO ?').run(path);
    const { epoch, ...state } = opened(path, readState);
    const names: CopiedFile[] = ['corpus.sqlite', ...copyMemory(folder, to, { epoch, seq: state.seq })];
    const files = names.map((name) => ({ name, ...measured(join(to, name)) }));
    return { state, layout: { database: databaseLayout, memory: memoryLayout }, files };
  });
}

/** Nothing where the files are not there, or not of one snapshot: whoever opens the copy makes them again. */
function copyMemory(folder: string, to: string, { epoch, seq }: Pick<IndexState, 'epoch' | 'seq'>): CopiedFile[] {
  const from = snapshotFolder(folder);
  try {
    const snapshot = JSON.parse(readFileSync(join(from, 'snapshot.json'), 'utf8')) as Snapshot;
    if (snapshot.identity.epoch !== epoch || snapshot.seq > seq) return [];
    for (const name of snapshotFiles)
      copyFileSync(snapshotPath(from, name), snapshotPath(to, name), constants.COPYFILE_FICLONE);
    // Another process may have saved a newer one meanwhile.
    if (snapshotFiles.some((name) => readSnapshotFile(to, snapshot, name, () => true) === null)) return [];
    writeFileSync(join(to, 'snapshot.json'), JSON.stringify(snapshot));
    return copiedFiles.filter((name) => name !== 'corpus.sqlite');
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code !== 'ENOENT') throw thrown;
    return [];
  }
}

/** What a copy holds, checked in whole: pages, tables, rows, counts, graphs. INDEX_DAMAGED. */
export function checkCopy(from: string, dimensions: { text: number; image: number }): Omit<IndexState, 'epoch'> {
  for (const [name, size] of [
    ['caption', dimensions.text],
    ['image', dimensions.image],
  ] as const)
    if (existsSync(snapshotPath(from, name))) checkGraphFile(snapshotPath(from, name), size);
  return opened(databasePath(from), (database) => {
    database.pragma('trusted_schema = OFF');
    database.pragma('cell_size_check = ON');
    checkTables(database);
    verify(database);
    const { epoch: _, ...state } = readState(database);
    return state;
  });
}

/**
 * Makes a copy the index of a folder that has none, as a birth of its own: whoever feeds the other goes on from other positions. False: another process was faster.
 */
export function placeCopy(from: string, folder: string): boolean {
  const epoch = randomUUID();
  opened(databasePath(from), (database) => writeState(database, { ...readState(database), epoch }));
  mkdirSync(snapshotFolder(folder), { recursive: true, mode: 0o700 });
  const described = join(from, 'snapshot.json');
  if (existsSync(described)) {
    const snapshot = JSON.parse(readFileSync(described, 'utf8')) as Snapshot;
    writeFileSync(described, JSON.stringify({ ...snapshot, identity: { ...snapshot.identity, epoch } }));
    for (const name of snapshotFiles) renameSync(snapshotPath(from, name), snapshotPath(snapshotFolder(folder), name));
    renameSync(described, join(snapshotFolder(folder), 'snapshot.json'));
  }
  try {
    // The database last, and only where none is: with it, the folder has an index.
    linkSync(databasePath(from), databasePath(folder));
    return true;
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code !== 'EEXIST') throw thrown;
    return false;
  }
}

/** What opening the index of a folder would find; changes nothing, whoever has it open. INDEX_DAMAGED; null: there is none. */
export function checkIndex(folder: string): { documents: number; isWhole: boolean } | 'other-layout' | null {
  if (!hasIndex(folder)) return null;
  const path = databasePath(folder);
  return opened(path, (database) => {
    if (database.pragma('user_version', { simple: true }) !== databaseLayout) return 'other-layout';
    checkTables(database);
    const isWhole = statSync(path).size <= verifiedBytes;
    if (isWhole) verify(database);
    return { documents: readState(database).documents, isWhole };
  });
}

/** Ids of the documents in a copy that fit one of the filters. */
export function findInCopy(from: string, filters: DocumentFilter[]): string[] {
  return opened(databasePath(from), (database) => {
    checkTables(database);
    const ids = filters.flatMap((filter) => findDocuments(database, filter).map(({ document }) => document));
    return [...new Set(ids)].sort();
  });
}

/** Removes the index of a folder, and leaves the folder: it may be a mount. */
export function clearIndex(folder: string): void {
  const path = databasePath(folder);
  for (const ending of ['', '-wal', '-shm']) rmSync(`${path}${ending}`, { force: true });
  rmSync(snapshotFolder(folder), { recursive: true, force: true });
}

export function hasIndex(folder: string): boolean {
  return inodeOf(folder) !== null;
}

function opened<T>(path: string, work: (database: Sqlite) => T): T {
  let database: Sqlite | undefined;
  try {
    database = new SqliteFile(path, { fileMustExist: true, timeout: 30_000 });
    return work(database);
  } catch (thrown) {
    // A file without a schema page answers with a plain SQLITE_ERROR.
    if ((thrown as { code?: unknown }).code === 'SQLITE_ERROR') throw damaged((thrown as Error).message);
    throw asIndexError(thrown);
  } finally {
    database?.close();
  }
}

function measured(path: string): { size: number; sha256: string } {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(1 << 20);
  const file = openSync(path, 'r');
  try {
    let size = 0;
    for (let n = readSync(file, chunk); n > 0; n = readSync(file, chunk)) {
      hash.update(chunk.subarray(0, n));
      size += n;
    }
    return { size, sha256: hash.digest('hex') };
  } finally {
    closeSync(file);
  }
}
