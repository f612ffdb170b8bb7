import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { VimiError } from '../../core/errors.js';
import { digestsNamed, sharedOf } from '../../events/sample.js';
import type { ShardMember } from '../../media/shard-file.js';
import { type TarMember, tarMembers } from '../../media/tar-members.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';

/** A sample as it lies in a shard. What it holds is read when it is asked for, while the shard is read. */
export interface ShardSample {
  /** What its members are called before their first dot. */
  key: string;
  members: PlacedMember[];
  /** The text of its .json; empty where it has none. */
  json: string;
  /** The images and clips that its .json names, wherever in it. */
  shared: PlacedMember[];
}

/** A member, and where its bytes begin in the tar. */
export interface PlacedMember extends ShardMember {
  at: number;
}

/** Of one member: a clip of an hour is smaller. */
const largestMember = 1024 * 1024 * 1024;

/**
 * The samples of a shard in the object store, in its order; nothing of it stays in memory but the places of what samples
 * share. OBJECT_NOT_FOUND, OBJECT_DAMAGED for what is no tar.
 */
export async function* shardSamples(key: string, objects: ObjectStore): AsyncGenerator<ShardSample> {
  const local = await objects.localFile(key);
  try {
    yield* samplesIn(local.path, key);
  } finally {
    await local.release();
  }
}

/** The same of a file; `key` is what errors call it. */
export async function* samplesIn(path: string, key: string): AsyncGenerator<ShardSample> {
  const file = await open(path);
  try {
    const placed = ({ name, at, size }: TarMember): PlacedMember => ({
      ...{ name, at, size },
      async read() {
        if (size > largestMember) throw tooLarge(key, name, size);
        const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, at);
        if (bytesRead < size) throw damaged(key, `${name} is cut short`);
        return buffer;
      },
    });
    const shared = new Map<string, PlacedMember>();
    let members: PlacedMember[] = [];
    const sample = async (): Promise<ShardSample> => {
      const json = Buffer.from((await members.find(({ name }) => name.endsWith('.json'))?.read()) ?? '').toString();
      return {
        ...{ key: keyOf(members[0]!), members, json },
        shared: digestsNamed(json).flatMap((digest) => shared.get(digest) ?? []),
      };
    };
    for await (const member of tarMembers(file, (await file.stat()).size, { where: key })) {
      if (member.obstacle) continue;
      const of = sharedOf(member.name);
      if (of !== null) {
        shared.set(of.sha256, placed(member));
        continue;
      }
      if (members[0] && keyOf(member) !== keyOf(members[0])) {
        yield await sample();
        members = [];
      }
      members.push(placed(member));
    }
    if (members.length > 0) yield await sample();
  } catch (cause) {
    if (cause instanceof VimiError && cause.code !== 'MEDIA_DAMAGED') throw cause;
    throw damaged(
      key,
      cause instanceof VimiError ? `${cause.found} (${cause.where})` : (cause as Error).message,
      cause,
    );
  } finally {
    await file.close();
  }
}

/** SHA-256 of its clip, or of its image if it is a still; empty where it has neither. */
export async function mediumHash({ members }: ShardSample): Promise<string> {
  const medium = members.find(({ name }) => /\.(mp4|webp)$/.test(name));
  return medium
    ? createHash('sha256')
        .update(await medium.read())
        .digest('hex')
    : '';
}

function keyOf({ name }: { name: string }): string {
  return name.split('.', 1)[0]!;
}

function damaged(where: string, found: string, cause?: unknown): VimiError {
  return new VimiError('OBJECT_DAMAGED', 'This object cannot be read as a shard', {
    ...{ expected: 'a WebDataset tar', found, where, cause },
  });
}

function tooLarge(where: string, name: string, size: number): VimiError {
  return new VimiError('OBJECT_DAMAGED', 'A member of this shard is too large', {
    ...{ expected: `at most ${largestMember} bytes`, found: `${name}, ${size} bytes`, where },
  });
}
