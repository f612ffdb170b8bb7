import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, open, readdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { z } from 'zod';
import { VimiError } from '../core/errors.js';
import { lockFile } from '../core/file-lock.js';
import { fileSha256 } from '../core/file-sha256.js';
import { readJsonFile } from '../core/json-file.js';
import type { ObjectRef } from '../events/prompt.js';
import { openFileStore } from '../stores/objects/files.js';
import type { ObjectStore } from '../stores/objects/object-store.js';
import type { Topology } from '../streams/topology/topology.js';
import { copyLog } from '../streams/transports/embedded/copy-log.js';
import { logFile } from './transport.js';

/*
 * A backup of the embedded profile is a folder:
 *
 *   log.sqlite     the log at one moment
 *   objects/       all objects that were there at that moment, and some that came after it
 *   keys.json      API keys, as hashes, where there are any
 *   webhooks.json  secrets that sign webhooks, where there are any
 *   backup.json    written last; without it the backup is not whole
 *   .lock          held by the command that writes it
 *
 * Objects come and go meanwhile. So they are copied before the log, for what is removed after it was copied (a shard that was
 * merged into another) is still named by it; and once more after it, for what it names was stored before it was named.
 */

const manifest = z.object({
  layout: z.literal(1),
  made: z.iso.datetime(),
  vimi: z.string(),
  log: z.object({ size: z.number().int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  objects: z.object({ count: z.number().int().min(0), bytes: z.number().int().min(0) }),
});
export type BackupManifest = z.infer<typeof manifest>;

export interface CopiedObjects {
  /** In the backup, or restored from it. */
  count: number;
  bytes: number;
  /** Of these, those that had to be copied. */
  copied: number;
}

interface Around {
  /** Where API keys and secrets of webhooks are. */
  keys: string;
  webhooks: string;
  /** So many were looked at: each twice. */
  onObject?(done: number): void;
  signal: AbortSignal;
}

/**
 * Writes a backup of the embedded profile, also while it runs; one that is there is brought up to date: objects that were
 * removed since go from it, too. USAGE for a profile that others keep, and a folder that holds something else.
 */
export async function backUp(
  topology: Topology,
  to: string,
  around: Around & { version: string },
): Promise<{ manifest: BackupManifest; objects: CopiedObjects }> {
  const { log, objects, index, work } = placesOf(topology);
  if (!existsSync(log))
    throw new VimiError('USAGE', 'There is nothing to back up yet', { where: log, remedy: 'Run the pipelines first.' });
  for (const folder of [objects, work, ...(index ? [index] : [])])
    if (await isWithin(to, folder))
      throw new VimiError('USAGE', 'A backup cannot lie in a folder that vimi works in', {
        expected: `a folder outside of ${folder}`,
        found: to,
      });
  await mkdir(to, { recursive: true, mode: 0o700 });
  const held = (await readdir(to)).filter((name) => !name.startsWith(lockName));
  if (held.length > 0 && !held.some((name) => name === manifestName || name === unfinishedName))
    throw new VimiError('USAGE', 'The folder holds something else than a backup', {
      where: to,
      remedy: 'Name an empty folder, or that of an earlier backup.',
    });
  const lock = lockFile(join(to, lockName));
  if (!lock)
    throw new VimiError('USAGE', 'Another command writes this backup now', {
      where: to,
      remedy: 'Wait until it has finished.',
    });
  try {
    return await writeTo(to, { log, objects }, around);
  } finally {
    lock.release();
  }
}

async function writeTo(
  to: string,
  { log, objects: from }: { log: string; objects: string },
  { version, onObject, signal, ...around }: Around & { version: string },
): Promise<{ manifest: BackupManifest; objects: CopiedObjects }> {
  // From here on it is not whole, until it is.
  await writeFile(join(to, unfinishedName), '');
  await rm(join(to, manifestName), { force: true });
  const [source, target] = [await openFileStore(from), await openFileStore(join(to, 'objects'))];
  const early = await copyObjects(source, target, { onObject, signal });
  await removeOthers(target, source, signal);
  const made = new Date().toISOString();
  await copyLog(log, join(to, 'log.sqlite'));
  await chmod(join(to, 'log.sqlite'), 0o600);
  const late = await copyObjects(source, target, {
    onObject: (done) => onObject?.(early.count + done),
    signal,
  });
  for (const [name, path] of privateFiles(around)) {
    await rm(join(to, name), { force: true });
    if (existsSync(path)) await copyPrivate(path, join(to, name));
  }
  const objects = await sizeOf(target, signal);
  const whole: BackupManifest = {
    ...{ layout: 1, made, vimi: version, log: await fileSha256(join(to, 'log.sqlite')), objects },
  };
  await writeDurably(join(to, manifestName), `${JSON.stringify(whole, null, 2)}\n`);
  await rm(join(to, unfinishedName));
  return { manifest: whole, objects: { ...objects, copied: early.copied + late.copied } };
}

/** Puts a backup where the profile has nothing yet. USAGE where it has something; FILE_UNUSABLE for a backup that is not whole. */
export async function restore(
  topology: Topology,
  from: string,
  { onObject, signal, ...around }: Around,
): Promise<{ manifest: BackupManifest; objects: CopiedObjects }> {
  const { log, objects: to, index } = placesOf(topology);
  const whole = await manifestOf(from);
  // SQLite would put what stands in a `-wal` of another log into this one.
  const logs = [log, `${log}-wal`, `${log}-shm`];
  const there = [...logs, to, ...(index ? [index] : [])].filter((path) => existsSync(path));
  if (there.length > 0)
    throw new VimiError('USAGE', 'A backup is restored to where there is nothing', {
      where: there.join(', '),
      remedy: 'Stop what runs, move these away, and restore again.',
    });
  const { size, sha256 } = await fileSha256(join(from, 'log.sqlite'));
  if (size !== whole.log.size || sha256 !== whole.log.sha256)
    throw notWhole(from, 'the log that it was made with', 'another one');
  const objects = await copyObjects(await openFileStore(join(from, 'objects')), await openFileStore(to), {
    onObject,
    signal,
  });
  if (objects.count !== whole.objects.count || objects.bytes !== whole.objects.bytes)
    throw notWhole(
      from,
      `${whole.objects.count} objects of ${whole.objects.bytes} bytes`,
      `${objects.count} of ${objects.bytes}`,
    );
  for (const [name, path] of privateFiles(around)) {
    if (!existsSync(join(from, name)) || existsSync(path)) continue;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await copyPrivate(join(from, name), path);
  }
  // The log comes last: without it there is nothing to run on.
  await mkdir(dirname(log), { recursive: true, mode: 0o700 });
  await copyLog(join(from, 'log.sqlite'), log);
  await chmod(log, 0o600);
  return { manifest: whole, objects };
}

const manifestName = 'backup.json';
const unfinishedName = 'unfinished';
/** What SQLite puts beside it begins with it. */
const lockName = '.lock';

function privateFiles({ keys, webhooks }: Pick<Around, 'keys' | 'webhooks'>): [name: string, path: string][] {
  return [
    ['keys.json', keys],
    ['webhooks.json', webhooks],
  ];
}

function placesOf({ profile }: Topology): { log: string; objects: string; work: string; index?: string } {
  const { transport, objects, search, work, name } = profile;
  if (transport.type !== 'embedded' || objects.type !== 'files')
    throw new VimiError('USAGE', `The profile ${name} keeps its events or objects on servers`, {
      expected: 'a profile with transport embedded and objects files',
      found: `transport ${transport.type}, objects ${objects.type}`,
      remedy: 'Back these up with the tools of Kafka and S3 (docs/guides/operate.md).',
    });
  return {
    ...{ log: logFile(transport), objects: objects.path, work },
    ...(search.type === 'embedded' && { index: search.path }),
  };
}

/** Whether a path, which need not be there, is a folder or lies in it. */
async function isWithin(path: string, folder: string): Promise<boolean> {
  const [inner, outer] = [await realPath(path), await realPath(folder)];
  return inner === outer || inner.startsWith(outer + sep);
}

async function realPath(path: string): Promise<string> {
  const whole = resolve(path);
  if (existsSync(whole) || dirname(whole) === whole) return realpath(whole);
  return join(await realPath(dirname(whole)), basename(whole));
}

/** Copies what the target does not have with the same bytes. What goes meanwhile is left out. */
async function copyObjects(
  source: ObjectStore,
  target: ObjectStore,
  { onObject, signal }: Pick<Around, 'onObject' | 'signal'>,
): Promise<CopiedObjects> {
  const sum: CopiedObjects = { count: 0, bytes: 0, copied: 0 };
  for await (const key of source.list('')) {
    signal.throwIfAborted();
    const { stored, isNew } = await copyObject(key, source, target);
    if (!stored) continue;
    if (isNew) sum.copied++;
    sum.count++;
    sum.bytes += stored.size;
    onObject?.(sum.count);
  }
  return sum;
}

/** As it is now in the target; null: it went. */
async function copyObject(
  key: string,
  source: ObjectStore,
  target: ObjectStore,
): Promise<{ stored: ObjectRef | null; isNew: boolean }> {
  const known = await target.stat(key);
  for (let there = await source.stat(key); there; ) {
    const { sha256, media_type: mediaType } = there;
    if (known?.sha256 === sha256 && known.media_type === mediaType) return { stored: known, isNew: false };
    try {
      const { path, release } = await source.localFile(key);
      const put = target.put(key, { file: path }, { mediaType, sha256 });
      return { stored: await put.finally(release), isNew: true };
    } catch (thrown) {
      // Others may be there by now, or none: only what stayed as it was failed.
      const now = await source.stat(key);
      if (now?.sha256 === sha256) throw thrown;
      there = now;
    }
  }
  return { stored: null, isNew: false };
}

async function sizeOf(store: ObjectStore, signal: AbortSignal): Promise<BackupManifest['objects']> {
  const sum = { count: 0, bytes: 0 };
  for await (const key of store.list('')) {
    signal.throwIfAborted();
    const there = await store.stat(key);
    if (!there) continue;
    sum.count++;
    sum.bytes += there.size;
  }
  return sum;
}

async function removeOthers(target: ObjectStore, source: ObjectStore, signal: AbortSignal): Promise<void> {
  for await (const key of target.list('')) {
    signal.throwIfAborted();
    if (!(await source.stat(key))) await target.remove(key);
  }
}

const readable = {
  most: 64 * 1024,
  unreadable: ['FILE_UNUSABLE', 'There is no whole backup here'],
  tooLarge: ['FILE_UNUSABLE', 'There is no whole backup here'],
  expected: `a folder that vimi backup wrote to its end, with ${manifestName}`,
  parse: (value: unknown) => manifest.parse(value),
} as const;

function manifestOf(folder: string): Promise<BackupManifest> {
  return readJsonFile(join(folder, manifestName), readable);
}

function notWhole(where: string, expected: string, found: string): VimiError {
  return new VimiError('FILE_UNUSABLE', 'The backup is not what it was when it was made', { expected, found, where });
}

async function copyPrivate(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  await chmod(to, 0o600);
}

async function writeDurably(path: string, text: string): Promise<void> {
  const handle = await open(`${path}.part`, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${path}.part`, path);
}
