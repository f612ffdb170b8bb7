import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VimiError } from '../../errors.js';
import { encodeEvent } from '../../events/cloudevents.js';
import { pictureOf } from '../../events/sample.js';
import type { SamplesSealed } from '../../events/schemas.js';
import { ShardFile } from '../../media/shard-file.js';
import { type TarMember, unpackTar } from '../../media/tar.js';
import type { ObjectStore } from '../../stores/object-store.js';
import type { Workspace } from '../workspace.js';
import { liveShards } from './live-shards.js';

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
  const { live, replaced } = await liveShards(workspace);
  // Left by a merge that was interrupted.
  if (!dryRun) for (const { object } of replaced) await objects.remove(object.key);
  const groups = groupsOf(live, bytes);
  let merged = 0;
  for (const group of groups) {
    const names = group.map(({ shard }) => shard);
    const into = dryRun ? null : await merge(workspace, objects, group);
    merged += group.length;
    out.write(
      json
        ? `${JSON.stringify({ merged: names, ...(into && { shard: into.shard, object: into.object, samples: into.samples }) })}\n`
        : `${into?.shard ?? 'one shard'} of ${group.length}: ${names.join(', ')}\n`,
    );
  }
  if (!json)
    out.write(
      `${merged} of ${live.length} shards ${dryRun ? 'would be' : 'were'} merged into ${groups.length}, ${live.length - merged + groups.length} in all\n`,
    );
}

/** Of each kind, neighbours that fit into one; a group of one is none. */
function groupsOf(shards: readonly SamplesSealed[], bytes: number): SamplesSealed[][] {
  const groups: SamplesSealed[][] = [];
  for (const kind of ['clips', 'stills'] as const) {
    let group: SamplesSealed[] = [];
    let size = 0;
    for (const one of shards) {
      if (one.kind !== kind || one.object.size > bytes / 2) continue;
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

async function merge(workspace: Workspace, objects: ObjectStore, group: SamplesSealed[]): Promise<SamplesSealed> {
  const names = group.map(({ shard }) => shard);
  // Follows from what is merged, so that a merge done again after a crash says the same.
  const shard = `merged-${createHash('sha256').update(JSON.stringify(names)).digest('hex').slice(0, 16)}`;
  const path = join(tmpdir(), `vimi-${randomUUID()}.tar`);
  const file = await ShardFile.open(path);
  try {
    for (const one of group) await copySamples(one, objects, file);
    const samples = group.reduce((sum, one) => sum + one.samples, 0);
    if (file.samples !== samples)
      throw new VimiError('OBJECT_DAMAGED', 'Shards do not hold as many samples as was told of them', {
        ...{ expected: String(samples), found: String(file.samples), where: names.join(', ') },
      });
    const sha256 = await file.finish();
    const { kind } = group[0]!;
    const object = await objects.put(
      `${folderOf(group[0]!.object.key)}${shard}-${sha256.slice(0, 16)}.tar`,
      { file: path },
      { mediaType: 'application/x-tar', sha256, byContent: true },
    );
    const data: SamplesSealed = { shard, kind, object, samples, replaces: names };
    const topic = workspace.topicOf('samples.sealed');
    await (await workspace.transport()).publish([
      encodeEvent({ schema: 'samples.sealed', id: shard, source: '/vimi/shards', topic, key: shard, data }),
    ]);
    for (const one of group) await objects.remove(one.object.key);
    return data;
  } finally {
    await file.discard();
  }
}

async function copySamples({ object }: SamplesSealed, objects: ObjectStore, into: ShardFile): Promise<void> {
  const local = await objects.localFile(object.key);
  const source = createReadStream(local.path);
  try {
    const pictures = new Map<string, TarMember>();
    let key = '';
    let members: TarMember[] = [];
    const add = async () => {
      if (members.length > 0) await into.add({ pictures: picturesOf(members, pictures), members });
    };
    for await (const member of unpackTar(source)) {
      const picture = pictureOf(member.name);
      if (picture !== null) {
        pictures.set(picture, member);
        continue;
      }
      const name = member.name.split('.', 1)[0]!;
      if (name !== key) {
        await add();
        members = [];
      }
      key = name;
      members.push(member);
    }
    await add();
  } finally {
    source.destroy();
    await local.release();
  }
}

/** Those that a sample's .json names, wherever in it. */
function picturesOf(members: readonly TarMember[], pictures: ReadonlyMap<string, TarMember>): TarMember[] {
  const json = members.find(({ name }) => name.endsWith('.json'));
  const named = new Set(
    Buffer.from(json?.bytes ?? '')
      .toString()
      .match(/[0-9a-f]{64}/g),
  );
  return [...named].flatMap((digest) => pictures.get(digest) ?? []);
}

function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1);
}
