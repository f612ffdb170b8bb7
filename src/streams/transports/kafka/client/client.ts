import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitAfter } from '../../../../core/backoff.js';
import { either } from '../../../../core/either.js';
import { VimiError } from '../../../../core/errors.js';
import { createTransportMetrics, type TransportMetrics } from '../../transport-metrics.js';
import { topicIdOf } from '../protocol/topic-id.js';
import { Connections } from './connections.js';
import { type Cluster, type ClusterConfig, createCluster, type DriverLog, errorFromCode } from './driver.js';
import { Outage } from './outage.js';
import { asTransportError, mayPass, troubleOf, unknownTopic } from './trouble.js';
import type { Broker } from './wire.js';

/** Leaders and partition counts are asked for again after so many milliseconds. */
const freshMs = 10_000;
/** Whether a topic is still the one that it was is asked so often while it is read. */
const sameMs = 1_000;
/** How long the first contact may take before the broker is said to be unavailable, and how long a later outage. */
const patienceMs = { first: 15_000, later: 600_000 };
const backoffMs = { first: 20, last: 1_000 };
/** Answers that are still to come when a client is closed are waited for so long. */
const closingMs = 2_000;
const leaderNotAvailable = 5;

/**
 * One set of connections to a cluster, and who leads what in it. Everything may fail at any time; `attempt` is the way to
 * go on regardless.
 */
export class KafkaClient {
  readonly name: string;
  readonly metrics: TransportMetrics;
  readonly #cluster: Cluster;
  readonly #connections = new Connections();
  readonly #leaders = new Map<string, { leaders: number[]; at: number }>();
  readonly #coordinators = new Map<string, number>();
  readonly #topicIds = new Map<string, { id: string | null; at: number }>();
  readonly #closing = new AbortController();
  readonly #firstContactMs: number;
  #contacted = false;

  constructor(
    config: ClusterConfig,
    log: DriverLog,
    { metrics, firstContactMs }: { metrics?: TransportMetrics; firstContactMs?: number } = {},
  ) {
    this.name = (config.brokers as string[]).join(',');
    this.metrics = metrics ?? createTransportMetrics();
    this.#firstContactMs = firstContactMs ?? patienceMs.first;
    this.#cluster = createCluster(config, log, this.#connections);
    // As many listen to it as there are requests under way.
    setMaxListeners(0, this.#closing.signal);
  }

  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * Runs `work` until it succeeds, with growing pauses between. Gives up with what `work` threw when that says that it
   * will never succeed, when patience is at its end, or when `signal` or the client ends.
   */
  async attempt<T>(
    where: string,
    work: () => Promise<T>,
    { patience, signal }: { patience?: number; signal?: AbortSignal } = {},
  ): Promise<T> {
    const began = performance.now();
    const outage = new Outage(this.metrics);
    try {
      for (;;) {
        if (this.closed.aborted) throw closedError(this.name);
        try {
          const result = await work();
          this.#contacted = true;
          return result;
        } catch (thrown) {
          this.forget();
          const error = asTransportError(thrown, where);
          const most = Math.min(
            patience ?? Number.POSITIVE_INFINITY,
            this.#contacted ? patienceMs.later : this.#firstContactMs,
          );
          if (!mayPass(error) || performance.now() - began > most || signal?.aborted || this.closed.aborted)
            throw error;
          await this.pause(outage.failures, signal);
          outage.failed(error);
        }
      }
    } finally {
      outage.over();
    }
  }

  /** Before the next try. */
  async pause(failures: number, signal?: AbortSignal): Promise<void> {
    const ms = waitAfter(failures, backoffMs) * (0.75 + Math.random() / 2);
    const { signal: over, letGo } = either(signal, this.closed);
    await sleep(ms, undefined, { signal: over }).catch(() => undefined);
    letGo();
  }

  /** Leads and coordinators may have moved. */
  forget(): void {
    this.#leaders.clear();
    this.#coordinators.clear();
    this.#topicIds.clear();
  }

  /** The leader of each partition, by its number. Throws TOPIC_UNKNOWN. */
  async leadersOf(topic: string, fresh = false): Promise<number[]> {
    const known = this.#leaders.get(topic);
    if (known && !fresh && performance.now() - known.at < freshMs) return known.leaders;
    const leaders = (await this.#askLeaders(topic)) ?? (await this.#askLeaders(topic));
    if (!leaders) throw unknownTopic(topic);
    this.#leaders.set(topic, { leaders, at: performance.now() });
    return leaders;
  }

  /** What tells a topic from another that had its name before; null: the brokers do not say. */
  async topicId(topic: string): Promise<string | null> {
    const known = this.#topicIds.get(topic);
    if (known && performance.now() - known.at < sameMs) return known.id;
    const id = await topicIdOf(await this.anyBroker(), topic);
    this.#topicIds.set(topic, { id, at: performance.now() });
    return id;
  }

  /** null: this broker does not know the topic; another may know of it already. */
  async #askLeaders(topic: string): Promise<number[] | null> {
    const broker = await this.anyBroker();
    const [about] = (await broker.metadata([topic])).topicMetadata;
    const trouble = about?.topicErrorCode ? errorFromCode(about.topicErrorCode) : undefined;
    if (troubleOf(trouble) === 'INVALID_TOPIC_EXCEPTION') throw unknownTopic(topic);
    if (trouble && troubleOf(trouble) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw trouble;
    const leaders: number[] = [];
    for (const { partitionId, leader } of about?.partitionMetadata ?? []) leaders[partitionId] = leader;
    if (leaders.some((leader) => leader < 0)) throw errorFromCode(leaderNotAvailable);
    if (leaders.length > 0) return leaders;
    await this.pause(3);
    return null;
  }

  async leader(topic: string, partition: number): Promise<Broker> {
    const leaders = await this.leadersOf(topic);
    const nodeId = leaders[partition];
    if (nodeId === undefined) throw unknownTopic(`${topic}/${partition}`);
    return this.broker(nodeId);
  }

  /** Who keeps the positions of a group, or the transactions of a producer. */
  async coordinator(of: 'group' | 'transaction', id: string): Promise<Broker> {
    const key = `${of} ${id}`;
    const known = this.#coordinators.get(key);
    if (known !== undefined) return this.broker(known);
    const broker = await this.anyBroker();
    const { coordinator } = await broker.findGroupCoordinator({
      groupId: id,
      coordinatorType: of === 'group' ? 0 : 1,
    });
    this.#coordinators.set(key, coordinator.nodeId);
    return this.broker(coordinator.nodeId);
  }

  async broker(nodeId: number): Promise<Broker> {
    if (!this.#cluster.getNodeIds().includes(String(nodeId))) await this.#cluster.refreshMetadata();
    return this.#cluster.findBroker({ nodeId });
  }

  async anyBroker(): Promise<Broker> {
    if (this.closed.aborted) throw closedError(this.name);
    if (this.#cluster.getNodeIds().length === 0) {
      await this.#cluster.connect();
      await this.#cluster.refreshMetadata();
    }
    return this.#cluster.brokerPool.findConnectedBroker();
  }

  async controller(): Promise<Broker> {
    const { controllerId } = await (await this.anyBroker()).metadata([]);
    return this.broker(controllerId);
  }

  /** Whoever waits for an answer that does not come within `patience` milliseconds learns that this was closed. */
  async close(patience = closingMs): Promise<void> {
    if (this.closed.aborted) return;
    this.#closing.abort();
    await this.#connections.end(closedError(this.name), patience);
  }
}

export function closedError(where: string): VimiError {
  return new VimiError('TRANSPORT_UNAVAILABLE', 'The transport was closed by this process', { where });
}
