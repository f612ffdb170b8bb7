import { mkdtemp, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { asVimiError, VimiError } from '../../../core/errors.js';
import { type FileLock, lockFile } from '../../../core/file-lock.js';
import type { ObjectStore } from '../../objects/object-store.js';
import { hasIndex } from '../index/at-rest.js';
import { callAtRest } from '../index/call-at-rest.js';
import { memoryLayout } from '../index/corpus-view.js';
import { databaseLayout } from '../index/database.js';
import { claimEncoder } from '../index/index-encoder.js';
import { fetchFile } from './fetch-file.js';
import type { Manifest } from './manifest.js';
import { bytesOf, type StoredSnapshot, snapshotPrefix, storedSnapshots } from './stored-snapshot.js';

export interface RestoreOptions {
  objects: ObjectStore;
  /** Of the index, which has none yet. */
  folder: string;
  topic: string;
  encoder: { name: string; dimensions: { text: number; image: number } };
  /** Where the topic ends now. */
  ends: readonly { partition: number; high: number }[];
  /** A snapshot that was current longer ago is not used: milliseconds. */
  usableMs: number;
  now(): number;
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

/** What the name of an unfinished copy begins with. */
const leftover = 'restoring-';

/** Clocks of two machines differ by less. */
const clockMs = 3_600_000;

/**
 * Puts the newest snapshot that fits into the folder of an index, where the follower then goes on from its positions.
 * What cannot be used is passed over with one line of the log; null: none can, so the index is filled from the topic.
 * INDEX_OF_OTHER_ENCODER: the folder belongs to another one.
 */
export async function restoreSnapshot(options: RestoreOptions): Promise<StoredSnapshot | null> {
  const { folder, log } = options;
  claimEncoder(folder, options.encoder.name);
  const door = await untilLocked(join(folder, 'restoring.lock'));
  try {
    if (hasIndex(folder)) return null;
    await removeLeftovers(folder);
    const { snapshots } = await storedSnapshots(options.objects, options.topic);
    for (const snapshot of snapshots) {
      try {
        if (!(await place(snapshot, options))) return null;
        log.info(
          { snapshot: snapshot.id, documents: snapshot.manifest?.documents },
          'The corpus index begins with a snapshot',
        );
        return snapshot;
      } catch (thrown) {
        const { code, message } = asVimiError(thrown);
        log.warn({ snapshot: snapshot.id, code, error: message }, 'A snapshot of the corpus index is not used');
      }
    }
    return null;
  } finally {
    door.release();
  }
}

async function place(snapshot: StoredSnapshot, options: RestoreOptions): Promise<boolean> {
  const { objects, folder, encoder } = options;
  const manifest = fitting(snapshot, options);
  await checkRoom(folder, bytesOf(manifest));
  const copy = await mkdtemp(join(folder, leftover));
  try {
    for (const { name, ...announced } of filesOf(manifest))
      await fetchFile(objects, `${snapshotPrefix(manifest.topic)}${snapshot.id}/${name}`, announced, join(copy, name));
    const state = await callAtRest('checkCopy', copy, encoder.dimensions);
    for (const part of ['documents', 'digest', 'positions'] as const)
      if (JSON.stringify(state[part]) !== JSON.stringify(manifest[part]))
        throw unusable(JSON.stringify(manifest[part]), JSON.stringify(state[part]));
    return await callAtRest('placeCopy', copy, folder);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** Those in memory can be made again. */
function filesOf({ files, layout }: Manifest): Manifest['files'] {
  return layout.memory === memoryLayout ? files : files.slice(0, 1);
}

function fitting({ manifest, error }: StoredSnapshot, options: RestoreOptions): Manifest {
  if (!manifest) throw error!;
  const { topic, encoder, ends, usableMs, now } = options;
  const same = (expected: unknown, found: unknown) => {
    const [a, b] = [JSON.stringify(expected), JSON.stringify(found)];
    if (a !== b) throw unusable(a, b);
  };
  same(topic, manifest.topic);
  same(
    [encoder.name, encoder.dimensions.text, encoder.dimensions.image],
    [manifest.encoder.name, manifest.encoder.dimensions.text, manifest.encoder.dimensions.image],
  );
  same({ layout: databaseLayout }, { layout: manifest.layout.database });
  const age = now() - Date.parse(manifest.current);
  if (age > usableMs)
    throw unusable(`at most ${hours(usableMs)} old: the topic may have forgotten removals since`, hours(age));
  if (age < -clockMs) throw unusable('the past', manifest.current);
  const highs = new Map(ends.map(({ partition, high }) => [partition, high]));
  for (const [partition, position] of Object.entries(manifest.positions)) {
    const high = highs.get(Number(partition)) ?? 0;
    if (position > high) throw unusable(`position ${high} of ${topic}/${partition} at most`, String(position));
  }
  return manifest;
}

const hours = (ms: number) => `${Math.round(ms / 3_600_000)} h`;

function unusable(expected: string, found: string): VimiError {
  return new VimiError('INDEX_FOREIGN', 'A snapshot does not fit', { expected, found });
}

async function checkRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bytes > bavail * bsize)
    throw new VimiError('STORAGE_FULL', 'A snapshot has no room', {
      expected: `at most ${bavail * bsize} bytes`,
      found: `${bytes} bytes`,
      where: folder,
    });
}

/** Of processes that died in the middle of it: nobody else is, behind the lock. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name.startsWith(leftover)) await rm(join(folder, name), { recursive: true, force: true });
}

async function untilLocked(path: string): Promise<FileLock> {
  for (;;) {
    const lock = lockFile(path);
    if (lock) return lock;
    await pause(200);
  }
}
