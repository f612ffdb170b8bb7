import {
  closeSync,
  fsyncSync,
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
import { crc32 } from 'node:zlib';

/*
 * What is kept in memory beside the database, as files: `roster` and `lexical` up to one change of the database, the two
 * graphs up to one of their own. All of it can be made again from the database.
 */

export const snapshotFiles = ['roster', 'lexical', 'caption', 'image'] as const;
export type SnapshotFile = (typeof snapshotFiles)[number];

/** What must be the same for a snapshot to be of use. */
export interface SnapshotIdentity {
  /** The layout of the files. */
  version: number;
  /** The database's birth. */
  epoch: string;
  embedder: string;
  dimensions: { text: number; image: number };
}

export interface Snapshot {
  identity: SnapshotIdentity;
  /** Up to which change of the database roster and lexical index are complete, and up to which the graphs. */
  seq: number;
  graphs: number;
  /** Checksum of each file. */
  files: Record<SnapshotFile, number>;
}

/**
 * Writes a snapshot: each file under a temporary name, then renamed, the description with their checksums last. Whatever a
 * crash or another process leaves between, `readSnapshotFile` sees that checksum and file do not belong together.
 */
export function writeSnapshot(
  folder: string,
  described: Omit<Snapshot, 'files'>,
  writers: Record<SnapshotFile, (path: string) => void>,
): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const temporary = (name: string) => join(folder, `${name}.${process.pid}.temporary`);
  try {
    const files: Partial<Snapshot['files']> = {};
    for (const name of snapshotFiles) {
      writers[name](temporary(name));
      sync(temporary(name));
      files[name] = checksumOf(temporary(name));
    }
    writeFileSync(temporary('snapshot'), JSON.stringify({ ...described, files }));
    for (const name of snapshotFiles) renameSync(temporary(name), snapshotPath(folder, name));
    renameSync(temporary('snapshot'), join(folder, 'snapshot.json'));
  } finally {
    for (const name of [...snapshotFiles, 'snapshot']) rmSync(temporary(name), { force: true });
  }
}

/** The description of a snapshot that is of use, or null. */
export function findSnapshot(folder: string, identity: SnapshotIdentity, newest: number): Snapshot | null {
  try {
    const found = JSON.parse(readFileSync(join(folder, 'snapshot.json'), 'utf8')) as Snapshot;
    return JSON.stringify(found.identity) === JSON.stringify(identity) && found.seq <= newest ? found : null;
  } catch {
    return null;
  }
}

/** What `read` makes of a file of a snapshot; null when it is torn, missing, or of another snapshot. */
export function readSnapshotFile<T>(
  folder: string,
  snapshot: Snapshot,
  name: SnapshotFile,
  read: (path: string) => T,
): T | null {
  const path = snapshotPath(folder, name);
  try {
    const before = statSync(path).ino;
    // A torn graph can crash the process inside hnswlib: its checksum first.
    if (checksumOf(path) !== snapshot.files[name]) return null;
    const value = read(path);
    return statSync(path).ino === before ? value : null;
  } catch {
    return null;
  }
}

export function snapshotPath(folder: string, name: SnapshotFile): string {
  return join(folder, `${name}.index`);
}

function checksumOf(path: string): number {
  const chunk = Buffer.allocUnsafe(1 << 20);
  const file = openSync(path, 'r');
  try {
    let sum = 0;
    for (let n = readSync(file, chunk); n > 0; n = readSync(file, chunk)) sum = crc32(chunk.subarray(0, n), sum);
    return sum;
  } finally {
    closeSync(file);
  }
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
