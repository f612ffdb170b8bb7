import { type KeyTables, openKeyTables } from '../../app/key-tables.js';
import { isUploadKey } from '../../app/uploads.js';
import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import type { StoredRecord } from '../../events/record.js';
import { placeOf } from '../../events/replay.js';
import { objectsOf, readStaged, stagedAt } from '../../operators/corpus/staged-sample.js';
import { videoKeyOf } from '../../operators/requests/stills-beside.js';
import { storedSnapshots } from '../../stores/corpus/snapshots/stored-snapshot.js';
import type { KeyTable } from '../../stores/key-table.js';
import { besideKey } from '../../stores/objects/object-key.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';
import type { Topology } from '../../streams/topology/topology.js';
import type { Transport } from '../../streams/transports/transport.js';

export interface SweepOptions {
  remove: boolean;
  /** Milliseconds; what is younger is left alone. */
  olderThan: number;
  json: boolean;
}

/** What steps store by themselves; the rest is named by the sinks. */
const byContent = /^(images|clips)\/[0-9a-f]{64}\.(webp|mp4)$/;
/** Of a job that is drawn; a crash may leave one. */
const previews = /^previews\/[A-Za-z0-9._-]+\.webp$/;

/**
 * Finds objects that no event names: what a crash left behind, what events named that their topics do not keep any
 * longer, and clips, which their shards hold. Samples that wait for their shard, and what they name, are no orphans; of snapshots of the index, those are that nobody finished. Only keys of the forms that this topology writes are looked at, since a
 * bucket may hold other things. Keys are listed first and events read after, and age is looked at again just before an
 * object is removed: whatever stores it anew makes it young.
 */
export async function sweep(workspace: Workspace, options: SweepOptions, out: NodeJS.WritableStream): Promise<void> {
  const tables = await openKeyTables(workspace);
  try {
    const [orphans, staged] = [tables.make(), tables.make()];
    const objects = await workspace.objects();
    const isOurs = candidate(workspace.topology);
    for await (const key of objects.list(''))
      if (isOurs(key)) orphans.set(key);
      else if (stagedAt(key)) staged.set(key);
    const abandoned = await abandonedSnapshots(workspace);
    const seen = orphans.size + abandoned.length;
    for await (const key of namedByEvents(workspace, tables)) if (isOurs(key)) orphans.delete(key);
    for (const [key] of staged.entries()) for (const named of await namedBySample(key, objects)) orphans.delete(named);
    for (const key of abandoned) orphans.set(key);
    await sweepOut(objects, orphans, seen, options, out);
  } finally {
    await tables.close();
  }
}

/** All texts of events, each of which may be a key, and the keys of what goes with them. */
async function* namedByEvents(workspace: Workspace, tables: KeyTables): AsyncGenerator<string> {
  const transport = await workspace.transport();
  for (const { name, cleanup } of workspace.topology.topics.values()) {
    // Until the log is compacted, it still tells of what was removed or replaced.
    const newest = cleanup === 'compact' ? await newestOf(transport, name, tables.make()) : null;
    for await (const record of transport.read(name)) {
      if (newest && record.key && newest.get(record.key.toString()) !== placeOf(record)) continue;
      for (const text of textsOf(record)) {
        yield text;
        yield besideKey(text, '.idx');
      }
    }
  }
}

async function sweepOut(
  objects: ObjectStore,
  orphans: KeyTable,
  seen: number,
  { remove, olderThan, json }: SweepOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const before = Date.now() - olderThan;
  let [found, young] = [0, 0];
  for (const [key] of orphans.entries()) {
    const changed = await objects.changedAt(key);
    if (changed === null) continue;
    if (changed > before) {
      young++;
      continue;
    }
    found++;
    if (remove) await objects.remove(key);
    out.write(
      json ? `${JSON.stringify({ key, changed: new Date(changed).toISOString(), removed: remove })}\n` : `${key}\n`,
    );
  }
  if (!json)
    out.write(
      `${seen} objects, ${found} that no event names${remove ? ': removed' : ''}${young > 0 ? `, ${young} too young to decide` : ''}\n`,
    );
}

/** What writers of snapshots of the index began, and manifests that cannot be read, with their files. */
async function abandonedSnapshots(workspace: Workspace): Promise<string[]> {
  const objects = await workspace.objects();
  const found: string[] = [];
  for (const topic of workspace.anyTopicsWith('corpus.document')) {
    const { snapshots, unfinished } = await storedSnapshots(objects, topic);
    found.push(...unfinished, ...snapshots.flatMap(({ manifest, keys }) => (manifest ? [] : keys)));
  }
  return found;
}

/** By key, the place of its last record. */
async function newestOf(transport: Transport, topic: string, newest: KeyTable): Promise<KeyTable> {
  for await (const record of transport.read(topic)) if (record.key) newest.set(record.key.toString(), placeOf(record));
  return newest;
}

function candidate({ pipelines }: Topology): (key: string) => boolean {
  const patterns = pipelines.flatMap(({ to }) =>
    to.flatMap((sink) => ('objects' in sink ? [formOf(sink.objects)] : [])),
  );
  // An index goes with its shard, and what shows a video with the video.
  const named = (key: string) => (key.endsWith('.idx') ? besideKey(key, '.tar') : videoKeyOf(key));
  return (key) => [byContent, previews, ...patterns].some((pattern) => pattern.test(named(key))) || isUploadKey(key);
}

/** Nothing where it has been sealed meanwhile: then its shard holds the bytes. */
async function namedBySample(key: string, objects: ObjectStore): Promise<string[]> {
  try {
    return objectsOf(readStaged(await objects.get(key), key)).map((object) => object.key);
  } catch (thrown) {
    if (thrown instanceof VimiError && thrown.code === 'OBJECT_NOT_FOUND') return [];
    throw thrown;
  }
}

/** `videos/{job}.mp4`: any key that it may be filled to. */
function formOf(pattern: string): RegExp {
  const parts = pattern.split(/\{\w+\}/).map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[A-Za-z0-9._-]+')}$`);
}

/**
 * Every text of an event, since an object is named as `key` of a reference or as `object:KEY`; of a rejected one those of
 * its original as well, because it may be replayed.
 */
function* textsOf({ value }: StoredRecord): Iterable<string> {
  if (value === null) return;
  let event: unknown;
  try {
    event = JSON.parse(value.toString());
  } catch {
    return;
  }
  yield* texts(event);
  const original = (event as { origin?: { value?: unknown } } | null)?.origin?.value;
  if (typeof original !== 'string') return;
  try {
    yield* texts(JSON.parse(Buffer.from(original, 'base64').toString()));
  } catch {
    // It was rejected for it.
  }
}

function* texts(value: unknown): Iterable<string> {
  if (typeof value === 'string') yield value.replace(/^object:/, '');
  else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) yield* texts(inner);
}
