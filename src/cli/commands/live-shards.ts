import type { SamplesSealed } from '../../events/schemas.js';
import type { Workspace } from '../workspace.js';
import { recordsAfter } from './new-records.js';

/** The shards that the samples topic tells of, in its order, each once; `replaced`: those that were merged into others. */
export async function liveShards(workspace: Workspace): Promise<{ live: SamplesSealed[]; replaced: SamplesSealed[] }> {
  const topic = workspace.topicOf('samples.sealed');
  const sealed = await recordsAfter<SamplesSealed>(await workspace.transport(), topic, {}, 'samples.sealed');
  const byObject = new Map(sealed.map(({ data }) => [data.object.key, data]));
  const gone = new Set(sealed.flatMap(({ data }) => data.replaces ?? []));
  const all = [...byObject.values()];
  return { live: all.filter(({ shard }) => !gone.has(shard)), replaced: all.filter(({ shard }) => gone.has(shard)) };
}
