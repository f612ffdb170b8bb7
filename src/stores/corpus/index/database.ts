import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type Database from 'better-sqlite3';
import { asVimiError, VimiError } from '../../../core/errors.js';
import { SqliteFile } from '../../../core/sqlite.js';
import { xorDigest } from '../ranking/digest.js';

export type Sqlite = Database.Database;

/** Raise it when a table changes: an older file is put aside and filled again from the topic. */
export const databaseLayout = 4;

const tables = `
  -- One row: which birth of this database, its newest change, what it holds, and where it stands in the topic.
  CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), json TEXT NOT NULL, checksum INTEGER NOT NULL);

  -- seq is the number of the change that brought this version, and the document's label in the vector graphs.
  CREATE TABLE documents (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    caption TEXT NOT NULL,
    -- What the lexical index holds of it (ranking/lexical-terms.ts).
    words TEXT NOT NULL,
    names TEXT NOT NULL,
    characters TEXT NOT NULL,
    subjects TEXT NOT NULL,
    -- As an image, and as a clip.
    retrievable INTEGER NOT NULL,
    clip INTEGER NOT NULL,
    content TEXT NOT NULL,
    json TEXT NOT NULL,
    -- Of the json, which most answers need alone; vectors would be read from other pages.
    json_checksum INTEGER NOT NULL,
    caption_vector BLOB NOT NULL,
    image_vector BLOB NOT NULL,
    checksum INTEGER NOT NULL
  );
  CREATE INDEX documents_by_content ON documents (content);
  CREATE INDEX documents_by_file ON documents (json_extract(json, '$.provenance.sha256'));
  CREATE INDEX documents_by_uri ON documents (json_extract(json, '$.provenance.uri'));
  CREATE INDEX documents_by_source ON documents (json_extract(json, '$.provenance.source'));

  -- Labels that are gone, for whoever keeps graphs of an earlier state.
  CREATE TABLE removals (seq INTEGER PRIMARY KEY, label INTEGER NOT NULL, checksum INTEGER NOT NULL);
`;

export interface IndexState {
  /** Made anew with each database: positions and graphs of another birth mean nothing here. */
  epoch: string;
  seq: number;
  /** Documents that can be retrieved, as an image or as a clip, and the XOR of the first 16 bytes of their ids. */
  documents: number;
  digest: string;
  /** Next offset of each partition. */
  positions: Record<number, number>;
}

export interface DocumentRow {
  seq: number;
  id: string;
  caption: string;
  words: string;
  names: string;
  characters: string;
  subjects: string;
  retrievable: number;
  clip: number;
  content: string;
  /** The document without its vectors. */
  json: string;
  json_checksum: number;
  caption_vector: Buffer;
  image_vector: Buffer;
  checksum: number;
}

/** A file of up to so many bytes is checked in whole when it is opened. */
export const verifiedBytes = 16 * 2 ** 20;

/** Opens `corpus.sqlite` in a folder, made when missing. Throws INDEX_DAMAGED when it cannot be used. */
export function openDatabase(folder: string, verifyUpTo: number): Sqlite {
  // Captions are nobody else's.
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = databasePath(folder);
  const database = new SqliteFile(path, { timeout: 30_000 });
  try {
    database.pragma('journal_mode = WAL');
    // The newest transactions may go in a power cut, whole: the topic has them still.
    database.pragma('synchronous = NORMAL');
    // The documents of ten thousand answers. better-sqlite3 keeps 16 MB by itself; what is not kept is asked of the system, page by page.
    database.pragma('cache_size = -32768');
    // At 32 MB: while documents come, most pages of the indexes change with each batch, and are written into the file once for many.
    database.pragma('wal_autocheckpoint = 8192');
    database
      .transaction(() => {
        const found = database.pragma('user_version', { simple: true });
        if (found === databaseLayout) return;
        const { n } = database.prepare('SELECT count(*) AS n FROM sqlite_master').get() as { n: number };
        if (found !== 0 || n > 0) throw damaged(`layout ${found}`, `layout ${databaseLayout}`);
        database.exec(tables);
        const state = { epoch: randomUUID(), seq: 0, documents: 0, digest: '0'.repeat(32), positions: {} };
        writeState(database, state);
        database.pragma(`user_version = ${databaseLayout}`);
      })
      .immediate();
    const { size } = statSync(path);
    if (size <= verifyUpTo) verify(database);
    return database;
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

export function databasePath(folder: string): string {
  return join(folder, 'corpus.sqlite');
}

/** Moves a damaged database aside (over an earlier one), unless another process put a new one in its place. */
export function putAside(folder: string, inode: number | null): void {
  const path = databasePath(folder);
  if (inode !== null && inodeOf(folder) !== inode) return;
  for (const ending of ['-wal', '-shm']) rmSync(`${path}${ending}`, { force: true });
  try {
    renameSync(path, `${path}.damaged`);
  } catch {
    rmSync(path, { force: true, recursive: true });
  }
}

/** null: there is none. */
export function inodeOf(folder: string): number | null {
  return statSync(databasePath(folder), { throwIfNoEntry: false })?.ino ?? null;
}

const statements = new WeakMap<Sqlite, Map<string, Database.Statement>>();

/** A statement that is compiled once a database. */
export function prepared(database: Sqlite, sql: string): Database.Statement {
  let known = statements.get(database);
  if (!known) {
    known = new Map();
    statements.set(database, known);
  }
  let statement = known.get(sql);
  if (!statement) {
    statement = database.prepare(sql);
    known.set(sql, statement);
  }
  return statement;
}

/** As `prepared`, each row an array: no names to make for each. */
export function preparedRaw(database: Sqlite, sql: string): Database.Statement {
  // Its own text, and with it its own statement.
  return prepared(database, `${sql} -- as arrays`).raw();
}

/** Everything that `work` reads is of one moment. */
export function reading<T>(database: Sqlite, work: () => T): T {
  prepared(database, 'BEGIN').run();
  try {
    return work();
  } finally {
    if (database.inTransaction) prepared(database, 'COMMIT').run();
  }
}

export function readState(database: Sqlite): IndexState {
  const row = prepared(database, 'SELECT json, checksum FROM state').get() as
    | { json: string; checksum: number }
    | undefined;
  if (!row || crc32(row.json) !== row.checksum) throw damaged('a state that does not match its checksum');
  return JSON.parse(row.json) as IndexState;
}

export function writeState(database: Sqlite, state: IndexState): void {
  const json = JSON.stringify(state);
  prepared(database, 'INSERT OR REPLACE INTO state VALUES (1, ?, ?)').run(json, crc32(json));
}

/** CRC-32 over all of a row: SQLite does not notice bytes that turned within a value. */
export function checksumOf(row: Omit<DocumentRow, 'checksum' | 'seq'>): number {
  const { id, caption, words, names, characters, subjects, retrievable, clip, content, json_checksum } = row;
  let sum = crc32(
    JSON.stringify([id, caption, words, names, characters, subjects, retrievable, clip, content, json_checksum]),
  );
  sum = crc32(row.caption_vector, sum);
  return crc32(row.image_vector, sum);
}

export function checkRow(row: DocumentRow): DocumentRow {
  if (checksumOf(row) !== row.checksum) throw damaged(`row ${row.seq} that does not match its checksum`);
  checkJson(row);
  return row;
}

export function checkJson(row: Pick<DocumentRow, 'json' | 'json_checksum'>): string {
  if (crc32(row.json) !== row.json_checksum) throw damaged('a document that does not match its checksum');
  return row.json;
}

/** The database cannot be used any more: it must be put aside. */
export class IndexDamage extends VimiError {
  constructor(found: string, expected?: string) {
    super('INDEX_DAMAGED', 'The corpus index is damaged', { expected, found });
  }
}

export function damaged(found: string, expected?: string): IndexDamage {
  return new IndexDamage(found, expected);
}

/** What SQLite or the system said, as an error of the index. */
export function asIndexError(thrown: unknown): VimiError {
  const code = String((thrown as { code?: unknown } | null)?.code ?? '');
  if (/^SQLITE_(CORRUPT|NOTADB|FORMAT|IOERR_SHORT_READ)/.test(code)) return damaged((thrown as Error).message);
  if (code.startsWith('SQLITE_BUSY'))
    return new VimiError('TIMED_OUT', 'The corpus index is locked by another process', { cause: thrown });
  return asVimiError(thrown);
}

/** Throws INDEX_DAMAGED unless it has the tables of this layout and nothing else: neither triggers nor views of a stranger. */
export function checkTables(database: Sqlite): void {
  const layout = database.pragma('user_version', { simple: true });
  if (layout !== databaseLayout) throw damaged(`layout ${layout}`, `layout ${databaseLayout}`);
  const own = new SqliteFile(':memory:');
  try {
    own.exec(tables);
    const listed = (one: Sqlite) =>
      JSON.stringify(one.prepare('SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name').all());
    if (listed(database) !== listed(own)) throw damaged('other tables');
  } finally {
    own.close();
  }
}

/** SQLite's pages, every row and the state against their checksums. */
export function verify(database: Sqlite): void {
  database
    .transaction(() => {
      // Not quick_check: it passes over indexes that name other rows than the table has.
      const pages = database.pragma('integrity_check(1)', { simple: true });
      if (pages !== 'ok') throw damaged(String(pages).replaceAll('\n', ' '));
      let documents = 0;
      let digest = '0'.repeat(32);
      for (const row of database.prepare('SELECT * FROM documents').iterate() as IterableIterator<DocumentRow>) {
        checkRow(row);
        if (!row.retrievable && !row.clip) continue;
        documents++;
        digest = xorDigest(digest, row.id);
      }
      for (const { seq, label, checksum } of database.prepare('SELECT * FROM removals').iterate() as IterableIterator<{
        seq: number;
        label: number;
        checksum: number;
      }>)
        if (crc32(`${seq} ${label}`) !== checksum) throw damaged(`removal ${seq}`);
      const state = readState(database);
      if (state.documents !== documents || state.digest !== digest) throw damaged('a wrong count of documents');
    })
    .immediate();
}
