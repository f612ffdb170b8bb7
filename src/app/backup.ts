import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { readBounded } from '../core/bounded-file.js';
import { VimiError } from '../core/errors.js';
import { openFileStore } from '../stores/objects/files.js';
import type { ObjectStore } from '../stores/objects/object-store.js';
import type { Topology } from '../streams/topology/topology.js';
import { copyLog } from '../streams/transports/embedded/copy-log.js';
import { logFile } from './transport.js';

/*
 * A backup of the embedded profile is a folder:
 *
 *   log.sqlite     the log at one moment
 *   objects/       all objects that were there after that moment: what the log names was stored before
 *   keys.json      API keys, as hashes, where there are any
 *   backup.json    written last; without it the backup is not whole
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
  /** Where API keys are. */
  keys: string;
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
  { version, keys, ...around }: Around & { version: string },
): Promise<{ manifest: BackupManifest; objects: CopiedObjects }> {
  const { log, objects: from } = placesOf(topology);
  if (!existsSync(log))
    throw new VimiError('USAGE', 'There is nothing to back up yet', { where: log, remedy: 'Run the pipelines first.' });
  await mkdir(to, { recursive: true, mode: 0o700 });
  const held = await readdir(to);
  if (held.length > 0 && !held.some((name) => name === manifestName || name === unfinishedName))
    throw new VimiError('USAGE', 'The folder holds something else than a backup', {
      where: to,
      remedy: 'Name an empty folder, or that of an earlier backup.',
    });
  // From here on it is not whole, until it is.
  await writeFile(join(to, unfinishedName), '');
  await rm(join(to, manifestName), { force: true });
  const made = new Date().toISOString();
  await copyLog(log, join(to, 'log.sqlite'));
  await chmod(join(to, 'log.sqlite'), 0o600);
  const [source, target] = [await openFileStore(from), await openFileStore(join(to, 'objects'))];
  const objects = await copyObjects(source, target, around);
  await removeOthers(target, source, around.signal);
  if (existsSync(keys)) await copyFile(keys, join(to, 'keys.json'));
  else await rm(join(to, 'keys.json'), { force: true });
  const { count, bytes } = objects;
  const whole: BackupManifest = {
    ...{ layout: 1, made, vimi: version },
    ...{ log: await fingerprint(join(to, 'log.sqlite')), objects: { count, bytes } },
  };
  await writeDurably(join(to, manifestName), `${JSON.stringify(whole, null, 2)}\n`);
  await rm(join(to, unfinishedName));
  return { manifest: whole, objects };
}

/** Puts a backup where the profile has nothing yet. USAGE where it has something; FILE_UNUSABLE for a backup that is not whole. */
export async function restore(
  topology: Topology,
  from: string,
  { keys, ...around }: Around,
): Promise<{ manifest: BackupManifest; objects: CopiedObjects }> {
  const { log, objects: to, index } = placesOf(topology);
  const whole = await manifestOf(from);
  const there = [log, to, ...(index ? [index] : [])].filter((path) => existsSync(path));
  if (there.length > 0)
    throw new VimiError('USAGE', 'A backup is restored to where there is nothing', {
      where: there.join(', '),
      remedy: 'Stop what runs, move these away, and restore again.',
    });
  const { size, sha256 } = await fingerprint(join(from, 'log.sqlite'));
  if (size !== whole.log.size || sha256 !== whole.log.sha256)
    throw notWhole(from, 'the log that it was made with', 'another one');
  const objects = await copyObjects(await openFileStore(join(from, 'objects')), await openFileStore(to), around);
  if (objects.count !== whole.objects.count || objects.bytes !== whole.objects.bytes)
    throw notWhole(
      from,
      `${whole.objects.count} objects of ${whole.objects.bytes} bytes`,
      `${objects.count} of ${objects.bytes}`,
    );
  if (existsSync(join(from, 'keys.json')) && !existsSync(keys)) {
    await mkdir(dirname(keys), { recursive: true });
    await copyFile(join(from, 'keys.json'), keys);
    await chmod(keys, 0o600);
  }
  // The log comes last: without it there is nothing to run on.
  await mkdir(dirname(log), { recursive: true });
  await copyLog(join(from, 'log.sqlite'), log);
  await chmod(log, 0o600);
  return { manifest: whole, objects };
}

const manifestName = 'backup.json';
const unfinishedName = 'unfinished';

function placesOf({ profile }: Topology): { log: string; objects: string; index?: string } {
  const { transport, objects, search, name } = profile;
  if (transport.type !== 'embedded' || objects.type !== 'files')
    throw new VimiError('USAGE', `The profile ${name} keeps its events or objects on servers`, {
      expected: 'a profile with transport embedded and objects files',
      found: `transport ${transport.type}, objects ${objects.type}`,
      remedy: 'Back these up with the tools of Kafka and S3 (docs/guides/operate.md).',
    });
  return {
    ...{ log: logFile(transport), objects: objects.path },
    ...(search.type === 'embedded' && { index: search.path }),
  };
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
    const there = await source.stat(key);
    if (!there) continue;
    const known = await target.stat(key);
    if (known?.sha256 !== there.sha256 || known.media_type !== there.media_type) {
      const { path, release } = await source.localFile(key);
      try {
        await target.put(key, { file: path }, { mediaType: there.media_type, sha256: there.sha256 });
      } finally {
        await release();
      }
      sum.copied++;
    }
    sum.count++;
    sum.bytes += there.size;
    onObject?.(sum.count);
  }
  return sum;
}

async function removeOthers(target: ObjectStore, source: ObjectStore, signal: AbortSignal): Promise<void> {
  for await (const key of target.list('')) {
    signal.throwIfAborted();
    if (!(await source.stat(key))) await target.remove(key);
  }
}

const bounds = {
  most: 64 * 1024,
  unreadable: ['FILE_UNUSABLE', 'There is no whole backup here'],
  tooLarge: ['FILE_UNUSABLE', 'There is no whole backup here'],
  expected: `a folder that vimi backup wrote to its end, with ${manifestName}`,
} as const;

async function manifestOf(folder: string): Promise<BackupManifest> {
  const path = join(folder, manifestName);
  const text = (await readBounded(path, bounds)).toString();
  try {
    return manifest.parse(JSON.parse(text));
  } catch (cause) {
    throw new VimiError(...bounds.unreadable, {
      expected: bounds.expected,
      found: 'something else',
      where: path,
      cause,
    });
  }
}

function notWhole(where: string, expected: string, found: string): VimiError {
  return new VimiError('FILE_UNUSABLE', 'The backup is not what it was when it was made', { expected, found, where });
}

async function fingerprint(path: string): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).length;
  }
  return { size, sha256: hash.digest('hex') };
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
