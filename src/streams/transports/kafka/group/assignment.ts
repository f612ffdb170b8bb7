import { AssignerProtocol } from 'kafkajs';
import type { TopicPartition } from '../../transport.js';

/*
 * Who of a group gets which partition. Kafka's brokers only carry this about; the group's leader decides.
 *
 * A partition moves in two steps, so that its owner can drain it while everybody else goes on: first it is given to
 * nobody (its owner drains it, and joins the group again), then to the new one. What a member owns it tells when it joins.
 */

/** What a member tells the leader when it joins. */
export interface Claims {
  topics: string[];
  /** What it owns. */
  owned: TopicPartition[];
  /** What it owns, but is draining: it gets none of it back now. */
  leaving: TopicPartition[];
  /** The generation of the group that it knows last. The newer of two claims counts. */
  generation: number;
}

export interface Assignment {
  partitions: TopicPartition[];
  /** Some partition of the group waits for its owner to drain it. */
  moving: boolean;
}

/** The partitions of each member. `partitions`: all of each topic. */
export function assign(
  members: ReadonlyMap<string, Claims>,
  partitions: ReadonlyMap<string, number>,
): { assigned: Map<string, TopicPartition[]>; moving: boolean } {
  const ids = [...members.keys()].sort();
  const assigned = new Map<string, TopicPartition[]>(ids.map((id) => [id, []]));
  const owners = ownersOf(members);
  const all = [...partitions]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([topic, count]) => Array.from({ length: count }, (_, partition) => ({ topic, partition })));
  const wants = (id: string, topic: string) => members.get(id)!.topics.includes(topic);
  const least = Math.floor(all.length / Math.max(1, ids.length));
  let withOneMore = all.length - least * ids.length;

  // Everybody keeps what is theirs, up to their share.
  const free: TopicPartition[] = [];
  const kept = new Map<string, number>(ids.map((id) => [id, 0]));
  for (const one of all) {
    const owner = owners.get(keyOf(one));
    if (!owner || !wants(owner.id, one.topic)) {
      free.push(one);
      continue;
    }
    const count = kept.get(owner.id)!;
    if (count >= least && (count > least || withOneMore === 0)) {
      free.push(one);
      continue;
    }
    if (count === least) withOneMore--;
    kept.set(owner.id, count + 1);
    if (!owner.leaving) assigned.get(owner.id)!.push(one);
  }

  // The rest goes to who has least; what somebody still holds waits for the next round.
  let moving = [...owners.values()].some(({ leaving }) => leaving);
  for (const one of free) {
    const [to] = ids.filter((id) => wants(id, one.topic)).sort((a, b) => kept.get(a)! - kept.get(b)!);
    if (to === undefined) continue;
    kept.set(to, kept.get(to)! + 1);
    const owner = owners.get(keyOf(one));
    if (owner === undefined || (owner.id === to && !owner.leaving)) assigned.get(to)!.push(one);
    else moving = true;
  }
  return { assigned, moving };
}

function ownersOf(members: ReadonlyMap<string, Claims>): Map<string, { id: string; leaving: boolean }> {
  const owners = new Map<string, { id: string; leaving: boolean; generation: number }>();
  for (const [id, { owned, leaving, generation }] of members)
    for (const one of [...owned, ...leaving]) {
      const other = owners.get(keyOf(one));
      if (other && other.generation >= generation) continue;
      owners.set(keyOf(one), { id, leaving: leaving.includes(one), generation });
    }
  return owners;
}

export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

const { MemberMetadata, MemberAssignment } = AssignerProtocol;
/** Of Kafka's consumer protocol, whose frame this fills. */
const version = 1;

export function encodeClaims({ topics, ...claims }: Claims): Buffer {
  return MemberMetadata.encode({ version, topics, userData: Buffer.from(JSON.stringify(claims)) });
}

/** A member whose claims cannot be read owns nothing. */
export function decodeClaims(bytes: Buffer): Claims {
  const metadata = MemberMetadata.decode(bytes);
  const topics = metadata?.topics ?? [];
  try {
    const { owned, leaving, generation } = JSON.parse(String(metadata?.userData)) as Omit<Claims, 'topics'>;
    return { topics, owned: owned.map(checked), leaving: leaving.map(checked), generation: Number(generation) };
  } catch {
    return { topics, owned: [], leaving: [], generation: -1 };
  }
}

function checked({ topic, partition }: TopicPartition): TopicPartition {
  return { topic: String(topic), partition: Number(partition) };
}

export function encodeAssignment({ partitions, moving }: Assignment): Buffer {
  // Without a prototype: a topic may be called like what every object has.
  const assignment: Record<string, number[]> = Object.create(null);
  for (const { topic, partition } of partitions) {
    assignment[topic] ??= [];
    assignment[topic].push(partition);
  }
  return MemberAssignment.encode({ version, assignment, userData: Buffer.from(moving ? 'moving' : '') });
}

export function decodeAssignment(bytes: Buffer): Assignment {
  const decoded = MemberAssignment.decode(bytes);
  const partitions = Object.entries(decoded?.assignment ?? {}).flatMap(([topic, numbers]) =>
    numbers.map((partition) => ({ topic, partition })),
  );
  return { partitions, moving: decoded?.userData?.toString() === 'moving' };
}
