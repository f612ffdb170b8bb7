import { createRequire } from 'node:module';
import type { KafkaConfig } from 'kafkajs';
import type { Connections } from './connections.js';
import type {
  Broker,
  Connection,
  ConnectionPool,
  Join,
  Joined,
  Metadata,
  TopicPartitions,
  WireRequest,
} from './wire.js';

/*
 * kafkajs from the inside. Its consumer joins the group again before anybody could drain, starts to read before the
 * previous owner is fenced, cannot read without a group, and steps over batches that compaction emptied; its producer
 * hides which request failed. So this transport speaks the protocol by itself and takes from kafkajs what it does well:
 * connections, authentication, request encoding. The version is pinned for that.
 *
 * What is used of it is typed in wire.ts.
 */

export interface Cluster {
  connectionPoolBuilder: { build(destination?: object): Promise<ConnectionPool> };
  brokerPool: { findConnectedBroker(): Promise<Broker>; createBroker(options: object): Broker };
  connect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  findBroker(of: { nodeId: number }): Promise<Broker>;
  getNodeIds(): string[];
  removeBroker(at: { host: string; port: number }): void;
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
const metadataV6 = require('kafkajs/src/protocol/requests/metadata/v6/response') as {
  decode(payload: Buffer): Promise<Metadata>;
};
const joinGroupOf = (
  require('kafkajs/src/protocol/requests/joinGroup') as {
    protocol(of: { version: number }): (join: Join & { protocolType: string }) => WireRequest;
  }
).protocol({ version: 5 });
const fetchV11 = require('kafkajs/src/protocol/requests/fetch/v11/request') as (
  options: Record<string, unknown>,
) => WireRequest['request'];

export interface Encoder {
  writeBuffer(value: Buffer): Encoder;
  writeArray(values: readonly string[]): Encoder;
  writeBoolean(value: boolean): Encoder;
}

/** kafkajs's own retrying stays short: who calls knows better for how long. */
const retry = { initialRetryTime: 50, maxRetryTime: 500, retries: 2, factor: 0.2, multiplier: 2 };

export function createCluster(config: ClusterConfig, log: DriverLog, connections: Connections): Cluster {
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
  const { brokerPool, connectionPoolBuilder } = cluster;
  const build = connectionPoolBuilder.build.bind(connectionPoolBuilder);
  connectionPoolBuilder.build = async (destination) => {
    const pool = await build(destination);
    for (const connection of pool.pool) checkOnlyWhatIsPending(connection);
    connections.adopt(pool);
    return pool;
  };
  const createBroker = brokerPool.createBroker.bind(brokerPool);
  brokerPool.createBroker = (options) => {
    const broker = createBroker(options);
    broker.metadata = (topics) => metadataFrom(broker, topics);
    return broker;
  };
  return cluster;
}

/**
 * Metadata, version 6. The driver asks for all topics of the cluster when it needs none, and fails when any of them, of
 * whoever, has a partition without a leader.
 */
async function metadataFrom({ connectionPool }: Broker, topics: readonly string[]): Promise<Metadata> {
  const request = {
    apiKey: 3,
    apiVersion: 6,
    apiName: 'Metadata',
    encode: async () => createEncoder().writeArray(topics).writeBoolean(false),
  };
  const response = { decode: metadataV6.decode, parse: async (answer: unknown) => answer };
  return (await connectionPool.send({ request, response })) as Metadata;
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

/**
 * JoinGroup, version 5: answered when every member has joined. The driver keeps the id that a new member is given to
 * itself until then, so one that has to leave before could not.
 */
export async function joinGroup({ connectionPool }: Broker, join: Join): Promise<Joined> {
  const request = joinGroupOf({ ...join, protocolType: 'consumer' });
  return (await connectionPool.send({ ...request, logResponseError: false })) as Joined;
}

/** The id that a new member has to join with; undefined: that is not what was thrown. */
export function givenMemberId(thrown: unknown): string | undefined {
  const { name, memberId } = (thrown ?? {}) as { name?: string; memberId?: string };
  return name === 'KafkaJSMemberIdRequired' ? memberId : undefined;
}
