import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { asVimiError, type VimiError } from '../../../core/errors.js';
import { isKeySegment } from '../../objects/object-key.js';
import type { ObjectStore } from '../../objects/object-store.js';
import type { IndexCopy } from '../index/at-rest.js';
import { type Manifest, manifestOf, mostManifestBytes, readManifest } from './manifest.js';

/*
 * Snapshots of the embedded index, as objects:
 *
 *   index/TOPIC/20261130T163000Z-1f0c3a9b/corpus.sqlite     and the files of what is kept in memory
 *   index/TOPIC/20261130T163000Z-1f0c3a9b/manifest.json     written last: without it there is no snapshot
 */

export interface StoredSnapshot {
  id: string;
  keys: string[];
  /** null: it cannot be used. */
  manifest: Manifest | null;
  error?: VimiError;
}

const manifestName = 'manifest.json';

export function snapshotPrefix(topic: string): string {
  return `index/${isKeySegment(topic) ? topic : Buffer.from(topic).toString('base64url').slice(0, 200)}/`;
}

const idForm = /^\d{8}T\d{6}Z-[0-9a-f]{8}$/;

/** Those of a topic, the newest first. What has no manifest (a writer is at it, or died) is none: `unfinished`. */
export async function storedSnapshots(
  objects: ObjectStore,
  topic: string,
): Promise<{ snapshots: StoredSnapshot[]; unfinished: string[] }> {
  const prefix = snapshotPrefix(topic);
  const keys = new Map<string, string[]>();
  for await (const key of objects.list(prefix)) {
    const [id = ''] = key.slice(prefix.length).split('/');
    if (idForm.test(id)) keys.set(id, [...(keys.get(id) ?? []), key]);
  }
  const snapshots: StoredSnapshot[] = [];
  const unfinished: string[] = [];
  for (const [id, of] of keys) {
    const key = `${prefix}${id}/${manifestName}`;
    if (!of.includes(key)) {
      unfinished.push(...of);
      continue;
    }
    try {
      const manifest = readManifest(await objects.get(key, { maxBytes: mostManifestBytes }));
      snapshots.push({ id, keys: of, manifest });
    } catch (thrown) {
      const error = asVimiError(thrown);
      // Removed meanwhile.
      if (error.code === 'OBJECT_NOT_FOUND') continue;
      if (!['INDEX_DAMAGED', 'OBJECT_DAMAGED', 'MEDIA_TOO_LARGE'].includes(error.code)) throw error;
      snapshots.push({ id, keys: of, manifest: null, error });
    }
  }
  const time = ({ manifest }: StoredSnapshot) => manifest?.current ?? '';
  snapshots.sort((a, b) => (time(a) === time(b) ? (a.id < b.id ? 1 : -1) : time(a) < time(b) ? 1 : -1));
  return { snapshots, unfinished };
}

/** Stores a copy that lies in a folder. */
export async function storeSnapshot(
  objects: ObjectStore,
  folder: string,
  copy: IndexCopy,
  of: Pick<Manifest, 'topic' | 'encoder' | 'current'>,
): Promise<StoredSnapshot & { manifest: Manifest }> {
  const id = `${of.current.slice(0, 19).replace(/[-:]/g, '')}Z-${randomUUID().slice(0, 8)}`;
  const prefix = `${snapshotPrefix(of.topic)}${id}/`;
  const keys: string[] = [];
  for (const { name, sha256 } of copy.files) {
    const options = { mediaType: 'application/octet-stream', sha256 };
    keys.push((await objects.put(prefix + name, { file: join(folder, name) }, options)).key);
  }
  const manifest = manifestOf(copy, of);
  keys.push(await putManifest(objects, prefix, manifest));
  return { id, keys, manifest };
}

/** Notes that the topic has had nothing since that a snapshot lacks. */
export async function renewSnapshot(
  objects: ObjectStore,
  { id, manifest }: StoredSnapshot & { manifest: Manifest },
  current: string,
): Promise<void> {
  await putManifest(objects, `${snapshotPrefix(manifest.topic)}${id}/`, { ...manifest, current });
}

async function putManifest(objects: ObjectStore, prefix: string, manifest: Manifest): Promise<string> {
  const body = Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`);
  return (await objects.put(prefix + manifestName, body, { mediaType: 'application/json' })).key;
}

/** The manifest first, so that nobody begins to read what is on its way out. */
export async function removeSnapshot(objects: ObjectStore, { keys }: Pick<StoredSnapshot, 'keys'>): Promise<void> {
  const isManifest = (key: string) => key.endsWith(`/${manifestName}`);
  for (const key of keys.toSorted((a, b) => Number(isManifest(b)) - Number(isManifest(a)))) await objects.remove(key);
}

export function bytesOf({ files }: Manifest): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
