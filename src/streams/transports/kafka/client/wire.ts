/*
 * What kafkajs has inside, as far as it is used here. Its version is pinned for that.
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
  /** Missing before the first try to connect. */
  socket?: { destroy(): unknown };
  isConnected(): boolean;
  connect(): Promise<unknown>;
  /** Waits for the answers to all that was sent. */
  disconnect(): Promise<unknown>;
  rejectRequests(error: Error): void;
}

export interface ConnectionPool {
  pool: Connection[];
  send(request: WireRequest): Promise<unknown>;
  destroy(): Promise<unknown>;
}

export interface Metadata {
  controllerId: number;
  topicMetadata: {
    topic: string;
    topicErrorCode: number;
    /** `leader` is -1 where there is none. */
    partitionMetadata: { partitionId: number; leader: number }[];
  }[];
}

/** One broker: each method is one request; a failure is an error with the protocol's name for it as `type`. */
export interface Broker {
  nodeId: number | null;
  connectionPool: ConnectionPool;
  /** By the key of the request; missing before it is connected. */
  versions?: Record<number, { maxVersion: number }>;
  isConnected(): boolean;
  disconnect(): Promise<void>;
  /** What is wrong with a topic is said in its part of the answer, and is no failure. */
  metadata(topics: string[]): Promise<Metadata>;
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
  syncGroup(sync: {
    groupId: string;
    generationId: number;
    memberId: string;
    groupAssignment: { memberId: string; memberAssignment: Buffer }[];
  }): Promise<{ memberAssignment: Buffer }>;
  heartbeat(beat: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>;
  leaveGroup(leave: { groupId: string; memberId: string }): Promise<unknown>;
}

export interface Join {
  groupId: string;
  /** Empty: the broker gives one, with MemberIdRequired, to join with. */
  memberId: string;
  sessionTimeout: number;
  rebalanceTimeout: number;
  groupProtocols: { name: string; metadata: Buffer }[];
}

export interface Joined {
  generationId: number;
  leaderId: string;
  memberId: string;
  members: { memberId: string; memberMetadata: Buffer }[];
}
