import { createRequire } from 'node:module';
import type { KafkaConfig } from 'kafkajs';

/*
 * kafkajs from the inside. Its consumer joins the group again before anybody could drain, starts to read before the
 * previous owner is fenced, cannot read without a group, and steps over batches that compaction emptied; its producer
 * hides which request failed. So this transport speaks the protocol by itself and takes from kafkajs what it does well:
 * connections, authentication, request encoding. The version is pinned for that.
 *
 * Only what is used is typed here.
 */

export interface WireRequest {
  request: { apiKey: number; apiVersion: number; apiName: string; encode(): Promise<unknown> };
  response: { decode(payload: Buffer): Promise<unknown>; parse(decoded: unknown): Promise<unknown> };
  requestTimeout?: number | null;
  logResponseError?: boolean;
}

export interface TopicPartitions<P> {
  topic: string;
  partitions: P[];
}

export interface TransactionIdentity {
  transactionalId: string;
  producerId: string;
  producerEpoch: number;
}

export interface Connection {
  requestQueue: { pending: unknown[]; scheduleCheckPendingRequests(): void };
  isConnected(): boolean;
  connect(): Promise<unknown>;
  disconnect(): Promise<unknown>;
}

export interface ConnectionPool {
  pool: Connection[];
  send(request: WireRequest): Promise<unknown>;
  destroy(): Promise<unknown>;
}

/** One broker: each method is one request; a failure is an error with the protocol's name for it as `type`. */
export interface Broker {
  nodeId: number | null;
  connectionPool: ConnectionPool;
  isConnected(): boolean;
  disconnect(): Promise<void>;
  metadata(topics: string[]): Promise<{
    controllerId: number;
    topicMetadata: { topic: string; partitionMetadata: { partitionId: number; leader: number }[] }[];
  }>;
  findGroupCoordinator(of: {
    groupId: string;
    coordinatorType: 0 | 1;
  }): Promise<{ coordinator: { nodeId: number; host: string; port: number } }>;
  listOffsets(query: {
    replicaId: number;
    isolationLevel: 0 | 1;
    topics: TopicPartitions<{ partition: number; timestamp: number }>[];
  }): Promise<{ responses: TopicPartitions<{ partition: number; offset: string }>[] }>;
  createTopics(create: {
    topics: {
      topic: string;
      numPartitions: number;
      /** -1: the broker's own. */
      replicationFactor: number;
      configEntries: { name: string; value: string }[];
    }[];
  }): Promise<unknown>;
  createPartitions(create: { topicPartitions: { topic: string; count: number }[] }): Promise<unknown>;
  initProducerId(of: {
    transactionalId?: string;
    transactionTimeout: number;
  }): Promise<{ producerId: string; producerEpoch: number }>;
  addPartitionsToTxn(add: TransactionIdentity & { topics: TopicPartitions<number>[] }): Promise<unknown>;
  addOffsetsToTxn(add: TransactionIdentity & { groupId: string }): Promise<unknown>;
  txnOffsetCommit(
    commit: TransactionIdentity & {
      groupId: string;
      topics: TopicPartitions<{ partition: number; offset: number; metadata: string }>[];
    },
  ): Promise<unknown>;
  endTxn(end: TransactionIdentity & { transactionResult: boolean }): Promise<unknown>;
  joinGroup(join: {
    groupId: string;
    memberId: string;
    sessionTimeout: number;
    rebalanceTimeout: number;
    groupProtocols: { name: string; metadata: Buffer }[];
  }): Promise<{
    generationId: number;
    leaderId: string;
    memberId: string;
    members: { memberId: string; memberMetadata: Buffer }[];
  }>;
  syncGroup(sync: {
    groupId: string;
    generationId: number;
    memberId: string;
    groupAssignment: { memberId: string; memberAssignment: Buffer }[];
  }): Promise<{ memberAssignment: Buffer }>;
  heartbeat(beat: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>;
  leaveGroup(leave: { groupId: string; memberId: string }): Promise<unknown>;
}

export interface Cluster {
  brokerPool: { findConnectedBroker(): Promise<Broker> };
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  findBroker(of: { nodeId: number }): Promise<Broker>;
  getNodeIds(): string[];
  removeBroker(at: { host: string; port: number }): void;
  connectionPoolBuilder: { build(at?: object): Promise<ConnectionPool> };
}

type Logged = { level: number; namespace: string; log: { message: string; error?: unknown } };
export type DriverLog = (entry: Logged) => void;

export type ClusterConfig = Pick<KafkaConfig, 'clientId' | 'brokers' | 'ssl' | 'sasl'> & {
  connectionTimeout: number;
  requestTimeout: number;
};

const require = createRequire(import.meta.url);
const ClusterOf = require('kafkajs/src/cluster') as new (config: Record<string, unknown>) => Cluster;
const createLogger = require('kafkajs/src/loggers').createLogger as (options: {
  level: number;
  logCreator: () => DriverLog;
}) => unknown;
const defaultSocketFactory = require('kafkajs/src/network/socketFactory') as () => unknown;
const errors = require('kafkajs/src/protocol/error') as { createErrorFromCode(code: number): Error };
const EncoderOf = require('kafkajs/src/protocol/encoder') as new () => Encoder;
const fetchV11 = require('kafkajs/src/protocol/requests/fetch/v11/request') as (
  options: Record<string, unknown>,
) => WireRequest['request'];

export interface Encoder {
  writeBuffer(value: Buffer): Encoder;
}

/** kafkajs's own retrying stays short: who calls knows better for how long. */
const retry = { initialRetryTime: 50, maxRetryTime: 500, retries: 2, factor: 0.2, multiplier: 2 };

export function createCluster(config: ClusterConfig, log: DriverLog): Cluster {
  const cluster = new ClusterOf({
    ...config,
    logger: createLogger({ level: 4, logCreator: () => log }),
    socketFactory: defaultSocketFactory(),
    authenticationTimeout: config.connectionTimeout,
    reauthenticationThreshold: 10_000,
    enforceRequestTimeout: true,
    metadataMaxAge: 60_000,
    maxInFlightRequests: null,
    allowAutoTopicCreation: false,
    isolationLevel: 1,
    retry,
  });
  const { connectionPoolBuilder } = cluster;
  const build = connectionPoolBuilder.build;
  connectionPoolBuilder.build = async (at) => {
    const pool = await build(at);
    for (const connection of pool.pool) checkOnlyWhatIsPending(connection);
    return pool;
  };
  return cluster;
}

/**
 * Makes a broker's connections fit for many callers, which find them broken at the same time. The driver would open one
 * socket for each caller, and lose sight of all but the last; and each caller's clearing up would end what another is just
 * opening. Gives a way to end them for good.
 */
export function shareConnections(pool: ConnectionPool): () => Promise<void> {
  const opening = new Map<object, Promise<unknown>>();
  for (const connection of pool.pool) {
    const connect = connection.connect.bind(connection);
    connection.connect = () => {
      const underWay = opening.get(connection) ?? connect().finally(() => opening.delete(connection));
      opening.set(connection, underWay);
      return underWay;
    };
  }
  pool.destroy = () => {
    const open = pool.pool.filter((connection) => !opening.has(connection) && connection.isConnected());
    return Promise.all(open.map((connection) => connection.disconnect()));
  };
  return async () => {
    await Promise.allSettled(opening.values());
    await pool.destroy();
  };
}

/**
 * From its first answer on the driver looks for pending requests every millisecond, at a moment that lies in 1970: an idle
 * connection keeps the processor awake, and Node 24 warns of a negative timeout. Nothing pends, so there is nothing to
 * look for; what is pushed later asks again.
 */
function checkOnlyWhatIsPending({ requestQueue }: Connection): void {
  const schedule = requestQueue.scheduleCheckPendingRequests.bind(requestQueue);
  requestQueue.scheduleCheckPendingRequests = () => {
    if (requestQueue.pending.length > 0) schedule();
  };
}

export function errorFromCode(code: number): Error {
  return errors.createErrorFromCode(code);
}

export function createEncoder(): Encoder {
  return new EncoderOf();
}

export interface FetchQuery {
  maxWaitTime: number;
  minBytes: number;
  maxBytes: number;
  topics: TopicPartitions<{ partition: number; fetchOffset: number; maxBytes: number }>[];
}

/** Of committed records only. */
export function fetchRequest(query: FetchQuery): WireRequest['request'] {
  return fetchV11({ ...query, replicaId: -1, isolationLevel: 1 });
}
