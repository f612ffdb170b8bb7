import { changeShards } from '../../app/samples/change-shards.js';
import { allShards, shardsOf } from '../../app/samples/live-shards.js';
import { groupsToMerge, mergeGroup } from '../../app/samples/merge-shards.js';
import { removeShard } from '../../app/samples/stored-shard.js';
import type { Workspace } from '../../app/workspace.js';
import { counted } from '../../core/counted.js';
import type { SamplesSealed } from '../../events/schemas.js';

export interface MergeShardsOptions {
  /** Of a merged shard, at most; shards of more than half of it are left as they are. */
  bytes: number;
  dryRun?: boolean;
  json?: boolean;
}

/** Puts small shards of one kind together, in the order in which they were sealed, and says which. */
export async function mergeShards(
  workspace: Workspace,
  { bytes, dryRun = false, json = false }: MergeShardsOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const objects = await workspace.objects();
  const sum = { live: 0, merged: 0, groups: 0, samples: 0 };
  if (dryRun)
    for (const shards of await allShards(workspace)) {
      sum.live += shards.live.length;
      for (const group of groupsToMerge(shards, bytes)) tell(group, null);
    }
  else
    for (const topic of workspace.topicsWith('samples.sealed'))
      await changeShards(workspace, topic, async (changes) => {
        const shards = await shardsOf(workspace, topic);
        // Left by a change that was interrupted.
        for (const { object } of shards.replaced) await removeShard(objects, object.key);
        sum.live += shards.live.length;
        for (const group of groupsToMerge(shards, bytes)) tell(group, await mergeGroup(workspace, changes, group));
      });
  const { live, merged, groups, samples } = sum;
  if (json) return;
  out.write(
    `${merged} of ${live} shards ${dryRun ? 'would be' : 'were'} merged into ${groups}, ${live - merged + groups} in all\n`,
  );
  if (samples > 0) out.write(`${counted(samples, 'sample')} left out: removed from the corpus\n`);

  function tell(group: readonly SamplesSealed[], into: SamplesSealed | null): void {
    const names = group.map(({ shard }) => shard);
    sum.merged += group.length;
    sum.groups++;
    const before = group.reduce((all, one) => all + one.samples, 0);
    if (into) sum.samples += before - into.samples;
    out.write(
      json
        ? `${JSON.stringify({ merged: names, ...(into && { shard: into.shard, object: into.object, samples: into.samples }) })}\n`
        : `${into?.shard ?? 'one shard'} of ${group.length}: ${names.join(', ')}\n`,
    );
  }
}
