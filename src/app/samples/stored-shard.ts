import { join } from 'node:path';
import type { ObjectRef } from '../../events/prompt.js';
import type { SamplesSealed } from '../../events/schemas.js';
import { ShardFile } from '../../media/shard-file.js';
import { besideKey } from '../../stores/objects/object-key.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';
import { makeWorkFolder } from '../work-folder.js';
import type { Workspace } from '../workspace.js';

/** A shard that is put together in the folder for temporary files, and is gone when `work` has ended. */
export async function withShardFile<T>(workspace: Workspace, work: (file: ShardFile) => Promise<T>): Promise<T> {
  const folder = await makeWorkFolder(workspace.topology.profile.work, 'shard');
  try {
    const file = await ShardFile.open(join(folder.path, 'shard.tar'));
    try {
      return await work(file);
    } finally {
      await file.discard();
    }
  } finally {
    await folder.remove();
  }
}

/** Stores a shard that a command made, with its index, in the folder of the one that it replaces. */
export async function storeShard(
  objects: ObjectStore,
  { shard, file, beside }: { shard: string; file: ShardFile; beside: string },
): Promise<ObjectRef> {
  const sha256 = await file.finish();
  const key = `${beside.slice(0, beside.lastIndexOf('/') + 1)}${shard}-${sha256.slice(0, 16)}.tar`;
  await objects.put(besideKey(key, '.idx'), Buffer.from(file.index()), { mediaType: 'text/plain', byContent: true });
  return objects.put(key, { file: file.path }, { mediaType: 'application/x-tar', sha256, byContent: true });
}

/** What the event of a shard that was made from another says of itself, and still of that one. */
export function madeFrom(
  { kind, shape, range, left_out, lost }: SamplesSealed,
  made: Pick<SamplesSealed, 'shard' | 'object' | 'samples'>,
): SamplesSealed {
  return {
    ...made,
    ...(kind && { kind }),
    ...(shape && { shape }),
    ...(range && { range }),
    ...(left_out && { left_out }),
    ...(lost !== undefined && { lost }),
  };
}

/** With its index. */
export async function removeShard(objects: ObjectStore, key: string): Promise<void> {
  await objects.remove(key);
  await objects.remove(besideKey(key, '.idx'));
}
