import type { SamplesSealed } from '../../events/schemas.js';
import type { RemovalTable } from '../../stores/removals/removals.js';
import type { ShardChanges } from '../samples/change-shards.js';
import { shardSamples } from '../samples/shard-samples.js';
import { madeFrom, removeShard, storeShard, withShardFile } from '../samples/stored-shard.js';
import type { Workspace } from '../workspace.js';
import { keptOf } from './kept-of.js';

/**
 * Writes a shard anew without what was removed: samples of it are left out, documents of it leave the contexts of others.
 * First the new object is stored, then its event published, which names the shard that it replaces; then the old object is
 * removed. What is interrupted in between is done by the next call.
 */
export async function rewriteShard(
  workspace: Workspace,
  changes: ShardChanges,
  old: SamplesSealed,
  removed: Pick<RemovalTable, 'of'>,
): Promise<SamplesSealed> {
  const objects = await workspace.objects();
  const left = { samples: old.removed?.samples ?? 0, contexts: old.removed?.contexts ?? 0 };
  return withShardFile(workspace, async (file) => {
    for await (const sample of shardSamples(old.object.key, objects)) {
      const { kept, trace } = await keptOf(sample, removed);
      if (!kept) left.samples++;
      else {
        if (trace) left.contexts++;
        await file.add(kept);
      }
    }
    const shard = nextName(old.shard);
    const object = await storeShard(objects, { shard, file, beside: old.object.key });
    const { regrounded_from } = old;
    const data: SamplesSealed = {
      ...madeFrom(old, { shard, object, samples: file.samples }),
      ...{ replaces: [old.shard], removed: left },
      ...(regrounded_from !== undefined && { regrounded_from }),
    };
    await changes.publish(data, '/vimi/corpus');
    await removeShard(objects, old.object.key);
    return data;
  });
}

/** `NAME-r1`, then `NAME-r2`: its own name would say that it was replaced. */
function nextName(shard: string): string {
  const [, name = shard, times = '0'] = /^(.*)-r(\d{1,6})$/.exec(shard) ?? [];
  return `${name}-r${Number(times) + 1}`;
}
