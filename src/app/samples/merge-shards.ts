import { createHash } from 'node:crypto';
import { VimiError } from '../../core/errors.js';
import type { SamplesSealed } from '../../events/schemas.js';
import type { ShardFile } from '../../media/shard-file.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';
import type { Removals } from '../../stores/removals/removals.js';
import { keptOf } from '../removal/kept-of.js';
import { rewriteShard } from '../removal/rewrite-shard.js';
import { sampleTrace } from '../removal/sample-trace.js';
import type { Workspace } from '../workspace.js';
import type { ShardChanges } from './change-shards.js';
import { newestRegrounded, type Shards } from './live-shards.js';
import { samplesIn, shardSamples } from './shard-samples.js';
import { removeShard, storeShard, withShardFile } from './stored-shard.js';

/**
 * Of each kind and shape, neighbours that fit into one shard of so many bytes; a group of one is none. Those that have a
 * regrounded version are left as they are: a merged shard has none.
 */
export function groupsToMerge(shards: Shards, bytes: number): SamplesSealed[][] {
  const newest = newestRegrounded(shards);
  const live = shards.live.filter((one) => one.kind && !newest(one));
  const groups: SamplesSealed[][] = [];
  const bucketOf = ({ kind, shape = '' }: SamplesSealed) => `${kind} ${shape}`;
  for (const bucket of [...new Set(live.map(bucketOf))].sort()) {
    let group: SamplesSealed[] = [];
    let size = 0;
    for (const one of live) {
      if (bucketOf(one) !== bucket || one.object.size > bytes / 2) continue;
      if (size + one.object.size > bytes) {
        groups.push(group);
        group = [];
        size = 0;
      }
      group.push(one);
      size += one.object.size;
    }
    groups.push(group);
  }
  return groups.filter((group) => group.length > 1);
}

/**
 * Puts the samples of a group into one shard, without what was removed from the corpus. First the new object is stored, then
 * its event published, which names the shards that it replaces; then their objects are removed. What is interrupted in
 * between is done by the next merge, and no sample is lost or counted twice by readers that mind `replaces`.
 */
export async function mergeGroup(
  workspace: Workspace,
  changes: ShardChanges,
  group: readonly SamplesSealed[],
): Promise<SamplesSealed> {
  const objects = await workspace.objects();
  const removals = await workspace.removals();
  await removals.caughtUp();
  return withShardFile(workspace, async (file) => {
    const removed = await fill(file, group, objects, removals);
    const names = group.map(({ shard }) => shard);
    // Follows from what is merged, so that a merge done again after a crash says the same.
    const shard = `merged-${createHash('sha256').update(JSON.stringify(names)).digest('hex').slice(0, 16)}`;
    const { kind, shape, object: beside } = group[0]!;
    const object = await storeShard(objects, { shard, file, beside: beside.key });
    const data: SamplesSealed = {
      ...{ shard, kind, ...(shape && { shape }), object, samples: file.samples, replaces: names },
      ...(removed.samples + removed.contexts > 0 && { removed }),
    };
    await changes.publish(data, '/vimi/shards');
    for (const one of group) await removeShard(objects, one.object.key);
    // A removal looks for shards after it was published, and this for removals after the shard was: one of the two finds it.
    await removals.caughtUp();
    for await (const sample of samplesIn(file.path, object.key))
      if (await sampleTrace(sample, removals)) return rewriteShard(workspace, changes, data, removals);
    return data;
  });
}

/** Gives what was left out of them because it was removed, now or before. */
async function fill(
  file: ShardFile,
  group: readonly SamplesSealed[],
  objects: ObjectStore,
  removals: Removals,
): Promise<{ samples: number; contexts: number }> {
  const left = { samples: 0, contexts: 0 };
  for (const one of group) {
    let found = 0;
    for await (const sample of shardSamples(one.object.key, objects)) {
      found++;
      const { kept, trace } = await keptOf(sample, removals);
      if (kept) await file.add(kept);
      if (!kept) left.samples++;
      else if (trace) left.contexts++;
    }
    if (found !== one.samples)
      throw new VimiError('OBJECT_DAMAGED', 'A shard does not hold as many samples as its event says', {
        ...{ expected: String(one.samples), found: String(found), where: one.object.key },
      });
    left.samples += one.removed?.samples ?? 0;
    left.contexts += one.removed?.contexts ?? 0;
  }
  return left;
}
