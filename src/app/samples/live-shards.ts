import type { SamplesSealed } from '../../events/schemas.js';
import { recordsAfter } from '../new-records.js';
import type { Workspace } from '../workspace.js';

export interface Shards {
  /** That tells of them. */
  topic: string;
  /** In its order, each once; those that were rewritten to nothing left out. */
  live: SamplesSealed[];
  /** Others with the same clips, grounded in a later corpus. */
  regrounded: SamplesSealed[];
  /** Those that were merged into others, or rewritten. */
  replaced: SamplesSealed[];
}

/** The shards of every topic that carries samples.sealed. TOPIC_UNKNOWN when there is none. */
export async function allShards(workspace: Workspace): Promise<Shards[]> {
  return Promise.all(workspace.topicsWith('samples.sealed').map((topic) => shardsOf(workspace, topic)));
}

/** The live shards; with `regrounded`, in place of each that has them the newest of those. */
export async function liveShards(
  workspace: Workspace,
  { regrounded = false }: { regrounded?: boolean } = {},
): Promise<SamplesSealed[]> {
  return (await allShards(workspace)).flatMap(({ live, regrounded: again, replaced }) => {
    const newest = new Map(again.map((one) => [one.regrounded_from, one]));
    const byName = new Map(replaced.map((one) => [one.shard, one]));
    /** Under the name that it had before it was rewritten without what was removed. */
    const latest = (one: SamplesSealed): SamplesSealed | undefined => {
      const seen = new Set<string>();
      for (let at: SamplesSealed | undefined = one; at && !seen.has(at.shard); ) {
        const found = newest.get(at.shard);
        if (found) return found;
        seen.add(at.shard);
        const [before = '', ...others]: string[] = at.replaces ?? [];
        at = others.length > 0 ? undefined : byName.get(before);
      }
      return undefined;
    };
    return regrounded ? live.map((one) => latest(one) ?? one) : live;
  });
}

async function shardsOf(workspace: Workspace, topic: string): Promise<Shards> {
  const sealed = await recordsAfter<SamplesSealed>(await workspace.transport(), topic, {}, 'samples.sealed');
  const byObject = new Map(sealed.map(({ data }) => [data.object.key, data]));
  const gone = new Set(sealed.flatMap(({ data }) => data.replaces ?? []));
  const all = [...byObject.values()];
  const there = all.filter(({ shard, samples }) => !gone.has(shard) && samples > 0);
  return {
    topic,
    live: there.filter((one) => one.regrounded_from === undefined),
    regrounded: there.filter((one) => one.regrounded_from !== undefined),
    replaced: all.filter(({ shard }) => gone.has(shard)),
  };
}
