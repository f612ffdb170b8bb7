import type { StoredRecord } from '../../events/record.js';
import { placeOf } from '../../events/replay.js';
import type { ObjectStore } from '../../stores/object-store.js';
import type { Topology } from '../../streams/topology/topology.js';
import type { Transport } from '../../streams/transport.js';
import type { Workspace } from '../workspace.js';

export interface SweepOptions {
  remove: boolean;
  /** Milliseconds; what is younger is left alone. */
  olderThan: number;
  json: boolean;
}

/** What steps store by themselves; the rest is named by the sinks. Samples that wait for their shard are no orphans. */
const byContent = /^(images|clips)\/[0-9a-f]{64}\.(webp|mp4)$/;

/**
 * Finds objects that no event names: what a crash left behind, what events named that their topics do not keep any
 * longer, and clips, which their shards hold. Only keys of the forms that this topology writes are looked at, since a
 * bucket may hold other things. Keys are listed first and events read after, and age is looked at again just before an
 * object is removed: whatever stores it anew makes it young.
 */
export async function sweep(
  workspace: Workspace,
  { remove, olderThan, json }: SweepOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const objects = await workspace.objects();
  const orphans = new Set<string>();
  let seen = 0;
  for await (const key of candidates(objects, workspace.topology)) {
    orphans.add(key);
    seen++;
  }
  const transport = await workspace.transport();
  for (const { name, cleanup } of workspace.topology.topics.values()) {
    // Until the log is compacted, it still tells of what was removed or replaced.
    const newest = cleanup === 'compact' ? await newestOf(transport, name) : null;
    for await (const record of transport.read(name)) {
      if (newest && record.key && newest.get(record.key.toString()) !== placeOf(record)) continue;
      for (const text of textsOf(record)) orphans.delete(text);
    }
  }

  const before = Date.now() - olderThan;
  let [found, young] = [0, 0];
  for (const key of orphans) {
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
      `${seen} objects, ${found} that no event names${remove ? ': removed' : ''}${young > 0 ? `, ${young} too young to tell` : ''}\n`,
    );
}

/** By key, the place of its last record. */
async function newestOf(transport: Transport, topic: string): Promise<Map<string, string>> {
  const newest = new Map<string, string>();
  for await (const record of transport.read(topic)) if (record.key) newest.set(record.key.toString(), placeOf(record));
  return newest;
}

async function* candidates(objects: ObjectStore, { pipelines }: Topology): AsyncIterable<string> {
  const patterns = pipelines.flatMap(({ to }) =>
    to.flatMap((sink) => ('objects' in sink ? [formOf(sink.objects)] : [])),
  );
  for await (const key of objects.list(''))
    if ([byContent, ...patterns].some((pattern) => pattern.test(key))) yield key;
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
