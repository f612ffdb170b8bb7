import { setTimeout as sleep } from 'node:timers/promises';
import { VimiError } from '../../../../core/errors.js';
import { within } from '../../../../core/within.js';
import { closedError, type KafkaClient } from '../client/client.js';
import { givenMemberId, joinGroup } from '../client/driver.js';
import { Outage } from '../client/outage.js';
import { asTransportError, troubleOf } from '../client/trouble.js';
import type { Broker, Join, Joined } from '../client/wire.js';
import {
  type Assignment,
  assign,
  type Claims,
  decodeAssignment,
  decodeClaims,
  encodeAssignment,
  encodeClaims,
} from './assignment.js';
import type { DeadMember, MemberNotes } from './member-notes.js';

/** Members of a group must agree on how they share. */
const protocol = 'vimi-1';
const rebalanceTimeoutMs = 60_000;
/** The broker is told of a leave, and may be away itself: nobody waits for longer. */
const leaveMs = 5_000;
/** How often the leader looks for partitions that were added. */
const lookMs = 10_000;

export interface MembershipOf {
  client: KafkaClient;
  group: string;
  topics: string[];
  sessionMs: number;
  /** Left out: members of this machine that died are waited for until their sessions run out. */
  notes?: MemberNotes | undefined;
  claims(): Pick<Claims, 'owned' | 'leaving'>;
  onAssignment(assignment: Assignment): void;
  /** Tried again. */
  onTrouble(error: VimiError): void;
  /** It cannot be a member. */
  onError(error: VimiError): void;
}

/**
 * One member of a consumer group: joins, tells what it owns, learns its share, and shows that it lives from the same
 * event loop that does the work: a process that hangs or is stopped falls out of the group.
 */
export class Membership {
  readonly #of: MembershipOf;
  /** What is noted. */
  #noted = '';
  readonly #leaving = new AbortController();
  readonly #outage: Outage;
  #memberId = '';
  /** The broker is asked for a member id; it answers at once. */
  #naming: Promise<unknown> | undefined;
  #generation = -1;
  #wake: AbortController | undefined;
  /** Partitions of each topic as the leader last shared them out; null: not the leader. */
  #shared: Map<string, number> | null = null;

  constructor(of: MembershipOf) {
    this.#of = of;
    this.#outage = new Outage(of.client.metrics);
  }

  start(): void {
    void this.#run().finally(() => this.#outage.over());
  }

  /** Tells the group anew what is owned here. */
  rejoin(): void {
    this.#wake?.abort();
  }

  /** As the coordinator sees it now; throws when it cannot be asked. */
  async isMember(): Promise<boolean> {
    if (this.#memberId === '' || this.#leaving.signal.aborted) return false;
    try {
      await this.#beat();
      return true;
    } catch (thrown) {
      const trouble = troubleOf(thrown);
      if (trouble === 'REBALANCE_IN_PROGRESS') return true;
      if (isOut(trouble)) return false;
      throw thrown;
    }
  }

  /** `client`: another than the one that may be held by a join that waits for other members. */
  async leave(client: KafkaClient): Promise<void> {
    this.#leaving.abort();
    this.#wake?.abort();
    // Should it fail, the session runs out by itself.
    await within(
      leaveMs,
      this.#tellLeave(client).catch(() => undefined),
    );
    this.#memberId = '';
    await this.#of.notes?.remove().catch(() => undefined);
  }

  async #tellLeave(client: KafkaClient): Promise<void> {
    // Others wait for a member that was given its id and neither joins nor leaves.
    await this.#naming?.catch(() => undefined);
    const { group } = this.#of;
    const memberId = this.#memberId;
    if (memberId === '') return;
    const coordinator = await client.coordinator('group', group);
    await coordinator.leaveGroup({ groupId: group, memberId });
  }

  async #run(): Promise<void> {
    const { client, group } = this.#of;
    const { signal } = this.#leaving;
    let isFirst = true;
    while (!signal.aborted && !client.closed.aborted) {
      try {
        this.#wake = new AbortController();
        if (isFirst) await this.#leaveForTheDead();
        isFirst = false;
        const assignment = await this.#join();
        this.#outage.over();
        if (signal.aborted) return;
        client.metrics.rebalances.inc({ group });
        this.#of.onAssignment(assignment);
        await this.#stay(this.#wake.signal);
      } catch (thrown) {
        if (signal.aborted) return;
        const trouble = troubleOf(thrown);
        if (trouble === 'REBALANCE_IN_PROGRESS') continue;
        if (isOut(trouble)) {
          // The generation stays: what was owned in it may be claimed, unless somebody else was given it since.
          this.#memberId = '';
          continue;
        }
        client.forget();
        const error =
          trouble === 'INCONSISTENT_GROUP_PROTOCOL'
            ? new VimiError('GROUP_BUSY', 'The group is in use by another kind of client', { where: group })
            : asTransportError(thrown, group);
        // Who was let in once is let in again when the keys are mended; who never was learns of it at once.
        if (!error.retryable || (error.code === 'TRANSPORT_DENIED' && this.#generation < 0)) {
          this.#of.onError(error);
          return;
        }
        this.#of.onTrouble(error);
        this.#outage.failed(error);
        await client.pause(this.#outage.failures - 1, signal);
      }
    }
  }

  /**
   * A group waits for each member to join again, also for one that was killed, until its session runs out. Members of this machine are
   * known to be dead: the group need not wait for them.
   */
  async #leaveForTheDead(): Promise<void> {
    const { client, group, notes } = this.#of;
    if (!notes) return;
    for await (const dead of notes.dead(group)) await this.#leaveFor(dead, await client.coordinator('group', group));
  }

  async #leaveFor({ memberId, forget, keep }: DeadMember, coordinator: Broker): Promise<void> {
    try {
      await coordinator.leaveGroup({ groupId: this.#of.group, memberId });
    } catch (thrown) {
      if (!isOut(troubleOf(thrown))) {
        keep();
        throw thrown;
      }
    }
    await forget();
  }

  async #note(): Promise<void> {
    const { group, notes } = this.#of;
    if (!notes || this.#noted === this.#memberId) return;
    this.#noted = this.#memberId;
    // Without a note the next process waits for this one's session, as it would on another machine.
    await notes.write({ group, memberId: this.#memberId }).catch(() => undefined);
  }

  async #join(): Promise<Assignment> {
    const { client, group, topics, sessionMs } = this.#of;
    const coordinator = await client.coordinator('group', group);
    const claims = { topics, generation: this.#generation, ...this.#of.claims() };
    const joined = await this.#joinAs(coordinator, {
      groupId: group,
      memberId: this.#memberId,
      sessionTimeout: sessionMs,
      rebalanceTimeout: Math.max(rebalanceTimeoutMs, sessionMs),
      groupProtocols: [{ name: protocol, metadata: encodeClaims(claims) }],
    });
    const groupAssignment = joined.leaderId === joined.memberId ? await this.#share(joined.members) : [];
    if (joined.leaderId !== joined.memberId) this.#shared = null;
    const { memberAssignment } = await coordinator.syncGroup({
      groupId: group,
      generationId: joined.generationId,
      memberId: joined.memberId,
      groupAssignment,
    });
    this.#generation = joined.generationId;
    return decodeAssignment(memberAssignment);
  }

  async #joinAs(coordinator: Broker, join: Join): Promise<Joined> {
    if (join.memberId === '') {
      this.#naming = joinGroup(coordinator, join).catch((thrown: unknown) => {
        const memberId = givenMemberId(thrown);
        if (memberId === undefined) throw thrown;
        this.#memberId = memberId;
      });
      await this.#naming;
    }
    // Who has left does not come back.
    if (this.#leaving.signal.aborted) throw closedError(join.groupId);
    await this.#note();
    return joinGroup(coordinator, { ...join, memberId: this.#memberId });
  }

  async #share(joined: readonly { memberId: string; memberMetadata: Buffer }[]) {
    const members = new Map(joined.map(({ memberId, memberMetadata }) => [memberId, decodeClaims(memberMetadata)]));
    this.#shared = await this.#partitions([...new Set([...members.values()].flatMap(({ topics }) => topics))]);
    const { assigned, moving } = assign(members, this.#shared);
    return [...assigned].map(([memberId, partitions]) => ({
      memberId,
      memberAssignment: encodeAssignment({ partitions, moving }),
    }));
  }

  /** A topic that is not there, or not any more, has none. */
  async #partitions(topics: readonly string[]): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const topic of topics) {
      try {
        counts.set(topic, (await this.#of.client.leadersOf(topic, true)).length);
      } catch (thrown) {
        if (!(thrown instanceof VimiError) || thrown.code !== 'TOPIC_UNKNOWN') throw thrown;
        counts.set(topic, 0);
      }
    }
    return counts;
  }

  /** Until the group must be joined again: returns when asked to here, throws when the group says so. */
  async #stay(wake: AbortSignal): Promise<void> {
    const every = Math.min(3_000, this.#of.sessionMs / 6);
    const either = AbortSignal.any([wake, this.#leaving.signal, this.#of.client.closed]);
    let looked = performance.now();
    for (;;) {
      const { failures } = this.#outage;
      if (failures === 0) await sleep(every, undefined, { signal: either }).catch(() => undefined);
      else await this.#of.client.pause(failures, either);
      if (either.aborted) return;
      try {
        await this.#beat();
        if (this.#shared !== null && performance.now() - looked >= lookMs) {
          looked = performance.now();
          const now = await this.#partitions([...this.#shared.keys()]);
          if ([...now].some(([topic, count]) => count !== this.#shared?.get(topic))) return;
        }
        this.#outage.over();
      } catch (thrown) {
        const trouble = troubleOf(thrown);
        if (trouble === 'REBALANCE_IN_PROGRESS' || isOut(trouble)) throw thrown;
        // Out of reach is not out of the group: to join again would make everybody else join, too.
        this.#of.client.forget();
        const error = asTransportError(thrown, this.#of.group);
        this.#outage.failed(error);
        if (failures > 0) this.#of.onTrouble(error);
      }
    }
  }

  async #beat(): Promise<void> {
    const { client, group } = this.#of;
    const coordinator = await client.coordinator('group', group);
    await coordinator.heartbeat({ groupId: group, groupGenerationId: this.#generation, memberId: this.#memberId });
  }
}

function isOut(trouble: string): boolean {
  return trouble === 'UNKNOWN_MEMBER_ID' || trouble === 'ILLEGAL_GENERATION' || trouble === 'FENCED_INSTANCE_ID';
}
