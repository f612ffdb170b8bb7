import { randomUUID } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KafkaClient } from '../../src/streams/transports/kafka/client/client.js';
import { givenMemberId, joinGroup } from '../../src/streams/transports/kafka/client/driver.js';
import { troubleOf } from '../../src/streams/transports/kafka/client/trouble.js';
import type { Broker, Joined } from '../../src/streams/transports/kafka/client/wire.js';
import { encodeAssignment, encodeClaims } from '../../src/streams/transports/kafka/group/assignment.js';
import { GroupConsumer } from '../../src/streams/transports/kafka/group/group.js';
import type { Transport } from '../../src/streams/transports/transport.js';
import { testFolder } from '../media/make-media.js';
import { patient } from '../support/patience.js';
import { brokers, kafkaTransport } from './kafka-broker.js';

const patience = { ...patient, interval: 20 };
// Whoever waits for an answer that never comes waits for longer than the test runs.
const config = { brokers, clientId: 'leaver', connectionTimeout: 10_000, requestTimeout: 600_000 };

/** Tells when the group was asked for a share. */
class WatchedClient extends KafkaClient {
  askedForShare = false;

  override async coordinator(of: 'group' | 'transaction', id: string): Promise<Broker> {
    const broker = await super.coordinator(of, id);
    const syncGroup: Broker['syncGroup'] = (sync) => {
      const answer = broker.syncGroup(sync);
      this.askedForShare = true;
      return answer;
    };
    return new Proxy(broker, {
      get: (target, name) => (name === 'syncGroup' ? syncGroup : Reflect.get(target, name)),
    });
  }
}

let transport: Transport;
let topic: string;
let group: string;
let other: KafkaClient;
let watched: WatchedClient;
let work: KafkaClient;
let leader: string;

beforeEach(async () => {
  transport = kafkaTransport();
  topic = `leave-${randomUUID().slice(0, 8)}`;
  group = `${topic}-group`;
  await transport.ensureTopics([{ name: topic, partitions: 2, cleanup: 'delete' }]);
  [other, work] = [new KafkaClient(config, () => undefined), new KafkaClient(config, () => undefined)];
  watched = new WatchedClient(config, () => undefined);
  leader = await memberId();
  const joined = await joinAsLeader();
  await shareOut(joined);
});
afterEach(async () => {
  await Promise.all([transport.close(), other.close(0), work.close(0), watched.close(0)]);
});

const joining = () => ({
  groupId: group,
  sessionTimeout: 60_000,
  rebalanceTimeout: 300_000,
  groupProtocols: [
    { name: 'vimi-1', metadata: encodeClaims({ topics: [topic], owned: [], leaving: [], generation: -1 }) },
  ],
});

async function memberId(): Promise<string> {
  const coordinator = await other.coordinator('group', group);
  const refused = await joinGroup(coordinator, { ...joining(), memberId: '' }).catch((error: unknown) => error);
  return givenMemberId(refused)!;
}

/** The first member leads, and decides for how long the others wait. */
async function joinAsLeader(): Promise<Joined> {
  return joinGroup(await other.coordinator('group', group), { ...joining(), memberId: leader });
}

async function shareOut({ generationId }: Joined): Promise<void> {
  const memberAssignment = encodeAssignment({ partitions: [], moving: false });
  const coordinator = await other.coordinator('group', group);
  const groupAssignment = [{ memberId: leader, memberAssignment }];
  await coordinator.syncGroup({ groupId: group, generationId, memberId: leader, groupAssignment });
}

/** Another has asked to join. */
async function untilRebalance(): Promise<void> {
  const coordinator = await other.coordinator('group', group);
  await vi.waitFor(async () => {
    const beat = coordinator.heartbeat({ groupId: group, groupGenerationId: 1, memberId: leader });
    expect(troubleOf(await beat.catch((error: unknown) => error))).toBe('REBALANCE_IN_PROGRESS');
  }, patience);
}

function joiner(notes?: string) {
  const assigned: number[] = [];
  const options = {
    group,
    topics: [topic],
    drainMs: 1_000,
    onAssigned: ({ partition }: { partition: number }) => void assigned.push(partition),
    onRevoked: async () => undefined,
    onError: () => undefined,
  };
  const of = { options, membership: watched, work, sessionMs: 30_000, notes, onTrouble: () => undefined };
  const consumer = new GroupConsumer(of);
  return { consumer, assigned, started: consumer.start().catch((error: unknown) => error) };
}

describe('a process that stops', () => {
  it('while it waits for its share, waits no longer, and keeps nobody waiting', async () => {
    const { consumer, started } = joiner();
    await untilRebalance();
    const joined = await joinAsLeader();
    expect(joined.members.length).toBe(2);
    await vi.waitFor(() => expect(watched.askedForShare).toBe(true), patience);
    await consumer.close();
    expect(await started).toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
    // The leader learns that somebody is gone when it shares out, and the next round is without.
    expect(troubleOf(await shareOut(joined).catch((error: unknown) => error))).toBe('REBALANCE_IN_PROGRESS');
    expect((await joinAsLeader()).members.map(({ memberId }) => memberId)).toEqual([leader]);
  });

  it('before the others have joined, is no member of what they join', async () => {
    const { consumer, started } = joiner();
    await untilRebalance();
    await consumer.close();
    expect(await started).toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
    expect((await joinAsLeader()).members.map(({ memberId }) => memberId)).toEqual([leader]);
  });
});

it('a process does not wait for the session of one that was killed on its machine', async () => {
  const folder = await testFolder();
  // As a killed process leaves it: the member is in the group still, for the minute of its session.
  writeFileSync(join(folder, 'member-a.json'), JSON.stringify({ group, memberId: leader }));
  const { consumer, assigned, started } = joiner(folder);
  expect(await started).toBeUndefined();
  expect(assigned.toSorted()).toEqual([0, 1]);
  const beat = (await other.coordinator('group', group)).heartbeat({
    ...{ groupId: group, groupGenerationId: 1, memberId: leader },
  });
  expect(troubleOf(await beat.catch((error: unknown) => error))).toBe('UNKNOWN_MEMBER_ID');
  // Its own note is there for the next one, until it leaves.
  expect(readdirSync(folder).filter((name) => name.endsWith('.json'))).not.toEqual(['member-a.json']);
  await consumer.close();
  expect(readdirSync(folder)).toEqual([]);
});
