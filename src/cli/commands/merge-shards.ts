import { createHash, randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allShards } from '../../app/samples/live-shards.js';
import { shardSamples } from '../../app/samples/shard-samples.js';
import { removeShard, storeShard } from '../../app/samples/stored-shard.js';
import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import { encodeEvent } from '../../events/cloudevents.js';
import type { SamplesSealed } from '../../events/schemas.js';
import { ShardFile } from '../../media/shard-file.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';

export interface MergeShardsOptions {
  /** Of a merged shard, at most; shards of more than half of it are left as they are. */
  bytes: number;
  dryRun?: boolean;
  json?: boolean;
}

/**
 * Puts small shards of one kind together, in the order in which they were sealed. First the new object is stored, then its
 * event published, which names the shards that it replaces; then their objects are removed. What is interrupted in between
 * is done by the next merge, and no sample is lost or counted twice by readers that mind `replaces`.
 */
export async function mergeShards(
  workspace: Workspace,
  { bytes, dryRun = false, json = false }: MergeShardsOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const objects = await workspace.objects();
  const topics = await allShards(workspace);
  // Left by a merge that was interrupted.
  for (const { object } of dryRun ? [] : topics.flatMap(({ replaced }) => replaced))
    await removeShard(objects, object.key);
  const live = topics.reduce((sum, shards) => sum + shards.live.length, 0);
  const groups = topics.flatMap((shards) =>
    groupsOf(shards.live, bytes).map((group) => ({ topic: shards.topic, group })),
  );
  let merged = 0;
  for (const { topic, group } of groups) {
    const names = group.map(({ shard }) => shard);
    const into = dryRun ? null : await merge(workspace, topic, objects, group);
    merged += group.length;
    out.write(
      json
        ? `${JSON.stringify({ merged: names, ...(into && { shard: into.shard, object: into.object, samples: into.samples }) })}\n`
        : `${into?.shard ?? 'one shard'} of ${group.length}: ${names.join(', ')}\n`,
    );
  }
  if (!json)
    out.write(
      `${merged} of ${live} shards ${dryRun ? 'would be' : 'were'} merged into ${groups.length}, ${live - merged + groups.length} in all\n`,
    );
}

/** Of each kind and shape, neighbours that fit into one; a group of one is none. */
function groupsOf(shards: readonly SamplesSealed[], bytes: number): SamplesSealed[][] {
  const groups: SamplesSealed[][] = [];
  const bucketOf = ({ kind, shape = '' }: SamplesSealed) => `${kind} ${shape}`;
  for (const bucket of [...new Set(shards.filter(({ kind }) => kind).map(bucketOf))].sort()) {
    let group: SamplesSealed[] = [];
    let size = 0;
    for (const one of shards) {
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

async function merge(
  workspace: Workspace,
  topic: string,
  objects: ObjectStore,
  group: SamplesSealed[],
): Promise<SamplesSealed> {
  const names = group.map(({ shard }) => shard);
  // Follows from what is merged, so that a merge done again after a crash says the same.
  const shard = `merged-${createHash('sha256').update(JSON.stringify(names)).digest('hex').slice(0, 16)}`;
  const path = join(tmpdir(), `vimi-${randomUUID()}.tar`);
  const file = await ShardFile.open(path);
  try {
    for (const one of group) for await (const sample of shardSamples(one.object.key, objects)) await file.add(sample);
    const samples = group.reduce((sum, one) => sum + one.samples, 0);
    if (file.samples !== samples)
      throw new VimiError('OBJECT_DAMAGED', 'Shards do not hold as many samples as their events say', {
        ...{ expected: String(samples), found: String(file.samples), where: names.join(', ') },
      });
    const { kind, shape, object: beside } = group[0]!;
    const object = await storeShard(objects, { shard, file, beside: beside.key });
    const data: SamplesSealed = { shard, kind, ...(shape && { shape }), object, samples, replaces: names };
    await (await workspace.transport()).publish([
      encodeEvent({ schema: 'samples.sealed', id: shard, source: '/vimi/shards', topic, key: shard, data }),
    ]);
    for (const one of group) await removeShard(objects, one.object.key);
    return data;
  } finally {
    await file.discard();
  }
}
