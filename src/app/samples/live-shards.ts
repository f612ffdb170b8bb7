import type { SamplesSealed } from '../../events/schemas.js';
import { recordsAfter } from '../new-records.js';
import type { Workspace } from '../workspace.js';

export interface Shards {
  /** That tells of them. */
  topic: string;
  /** In its order, each once; those that were rewritten to nothing left out. */
  live: SamplesSealed[];
  /**
   * Others with the same clips, grounded in a later corpus, the newest last; also those of which nothing is left, whose
   * samples the live ones still hold.
   */
  regrounded: SamplesSealed[];
  /** Those that were merged into others, or rewritten. */
  replaced: SamplesSealed[];
}

/** The shards of every topic that carries samples.sealed. TOPIC_UNKNOWN when there is none. */
export async function allShards(workspace: Workspace): Promise<Shards[]> {
  return Promise.all(workspace.topicsWith('samples.sealed').map((topic) => shardsOf(workspace, topic)));
}

/** The live shards; with `regrounded`, in place of each that has them the newest of those, and none where that is empty. */
export async function liveShards(
  workspace: Workspace,
  { regrounded = false }: { regrounded?: boolean } = {},
): Promise<SamplesSealed[]> {
  return (await allShards(workspace)).flatMap((shards) => {
    if (!regrounded) return shards.live;
    const newest = newestRegrounded(shards);
    return shards.live.map((one) => newest(one) ?? one).filter(({ samples }) => samples > 0);
  });
}

/** Finds the newest regrounded version of a live shard, also under the name that it had before it was rewritten without what was removed. */
export function newestRegrounded({
  regrounded,
  replaced,
}: Pick<Shards, 'regrounded' | 'replaced'>): (live: SamplesSealed) => SamplesSealed | undefined {
  const newest = new Map(regrounded.map((one) => [one.regrounded_from, one]));
  const byName = new Map(replaced.map((one) => [one.shard, one]));
  return (one) => {
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
}

export async function shardsOf(workspace: Workspace, topic: string): Promise<Shards> {
  const sealed = await recordsAfter<SamplesSealed>(await workspace.transport(), topic, {}, 'samples.sealed');
  const byObject = new Map(sealed.map(({ data }) => [data.object.key, data]));
  // Versions of one shard have names, and so partitions, of their own: only their times say which came later.
  const times = new Map(sealed.map(({ data, time }) => [data.object.key, Date.parse(time)]));
  const timeOf = ({ object }: SamplesSealed) => times.get(object.key)!;
  const gone = new Set(sealed.flatMap(({ data }) => data.replaces ?? []));
  const all = [...byObject.values()];
  const there = all.filter(({ shard }) => !gone.has(shard));
  return {
    topic,
    live: there.filter((one) => one.regrounded_from === undefined && one.samples > 0),
    regrounded: there.filter((one) => one.regrounded_from !== undefined).sort((a, b) => timeOf(a) - timeOf(b)),
    replaced: all.filter(({ shard }) => gone.has(shard)),
  };
}
