import { setMaxListeners } from 'node:events';
import type { ConnectionOptions } from 'node:tls';
import { either } from '../../../core/either.js';
import { VimiError } from '../../../core/errors.js';
import type { Log } from '../../../core/log.js';
import type { StoredRecord } from '../../../events/record.js';
import type { Consumer, ReadOptions, Transport } from '../transport.js';
import type { TransportMetrics } from '../transport-metrics.js';
import { closedError, KafkaClient } from './client/client.js';
import { describeTopics, tombstonesKept } from './client/describe-topics.js';
import type { ClusterConfig } from './client/driver.js';
import { ensureTopics } from './client/topics.js';
import { GroupConsumer } from './group/group.js';
import { endsOf, positionsOf } from './group/offsets.js';
import { type Cursor, Fetcher } from './reading/fetcher.js';
import { Publisher } from './writing/publisher.js';

export interface KafkaOptions {
  /** host:port of some of the brokers; the others are found through them. */
  brokers: string[];
  /** Shows in the brokers' logs and quotas. */
  clientId: string;
  /** true: with the system's certificate authorities. */
  tls?: boolean | Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'servername'>;
  sasl?: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string };
  /** A process that shows no sign of life for so long loses its partitions. Default 30,000. */
  sessionMs?: number;
  /** A folder for notes on members of groups: the next process on it tells the brokers that this one is dead. Left out: none. */
  notes?: string;
  /** A cluster that was never met is waited for so long. Default 15,000. */
  firstContactMs?: number;
  log?: Log;
  metrics?: TransportMetrics;
}

/** An answer may take this long; a join, longer. */
const requestTimeoutMs = 30_000;
/** Longer than a busy machine needs, shorter than people wait. */
const connectionTimeoutMs = 10_000;
/** An outage is told of this often, whoever meets it. */
const troubleEveryMs = 5_000;
/** How often a reader that follows looks for partitions that were added. */
const lookMs = 10_000;

/**
 * The transport over Apache Kafka (2.4 or later). It connects when it is first used. Trouble with the brokers is tried
 * again here: for `firstContactMs` before the first contact, then for 10 minutes, a commit and a publish for less; then it is
 * TRANSPORT_UNAVAILABLE. TRANSPORT_DENIED: the credentials do not do.
 */
export function openKafka(options: KafkaOptions): Transport {
  const { log, metrics, sessionMs = 30_000, notes, firstContactMs } = options;
  const config = configOf(options);
  const connect = () =>
    new KafkaClient(
      config,
      ({ level, namespace, log: { message, error } }) =>
        log?.debug({ level, namespace, error: error === undefined ? undefined : String(error) }, message),
      { metrics, firstContactMs },
    );
  const client = connect();
  const publisher = new Publisher(client);
  const consumers = new Set<Consumer>();
  const closing = new AbortController();
  // As many listen to it as there are reads and requests under way.
  setMaxListeners(0, closing.signal);
  const { name } = client;

  let lastTrouble = Number.NEGATIVE_INFINITY;
  const onTrouble = (error: VimiError) => {
    if (performance.now() - lastTrouble < troubleEveryMs) return;
    lastTrouble = performance.now();
    log?.warn({ code: error.code, error: error.message }, 'Kafka trouble, retrying');
  };

  const ensureOpen = () => {
    if (closing.signal.aborted) throw closedError(name);
  };

  async function* read(topic: string, { signal, ...options }: ReadOptions = {}): AsyncGenerator<StoredRecord> {
    ensureOpen();
    const { signal: stop, letGo } = either(signal, closing.signal);
    try {
      yield* readUntil(stop, topic, options);
    } finally {
      letGo();
    }
  }

  async function* readUntil(
    stop: AbortSignal,
    topic: string,
    { from = {}, follow = false }: Omit<ReadOptions, 'signal'>,
  ): AsyncGenerator<StoredRecord> {
    const endsNow = async () => {
      try {
        return await client.attempt(topic, () => endsOf(client, topic), { signal: stop });
      } catch (thrown) {
        // A request that was under way when the reader was stopped fails, and that is nobody's trouble.
        if (stop.aborted) return [];
        throw thrown;
      }
    };
    const ends = await endsNow();
    const reader = connect();
    let onProgress: () => void = () => undefined;
    const fetcher = new Fetcher(reader, onTrouble, () => onProgress());
    const cursors: Cursor[] = [];
    const add = ({ partition, low, high }: (typeof ends)[number]) => {
      const next = Math.max(from[partition] ?? 0, low);
      if (follow || next < high) cursors[partition] = fetcher.add({ topic, partition, next });
    };
    for (const end of ends) add(end);
    const onStop = () => onProgress();
    stop.addEventListener('abort', onStop);
    let looked = performance.now();
    try {
      for (;;) {
        const progress = new Promise<void>((resolve) => {
          onProgress = resolve;
        });
        if (stop.aborted) return;
        let found = false;
        let open = false;
        for (const { partition, high } of ends) {
          const cursor = cursors[partition];
          if (!cursor) continue;
          for (const record of cursor.takeNow(Number.POSITIVE_INFINITY)) {
            if (!follow && record.offset >= high) break;
            if (stop.aborted) return;
            found = true;
            yield record;
          }
          if (!follow && cursor.reached >= high) {
            fetcher.remove(cursor);
            delete cursors[partition];
          } else open = true;
        }
        if (!open) return;
        if (follow && performance.now() - looked > lookMs) {
          looked = performance.now();
          for (const end of (await endsNow()).slice(ends.length)) {
            ends.push(end);
            add(end);
          }
        }
        if (!found) await progress;
      }
    } finally {
      stop.removeEventListener('abort', onStop);
      fetcher.close();
      await reader.close();
    }
  }

  return {
    async ensureTopics(topics) {
      ensureOpen();
      await ensureTopics(client, topics);
    },
    async topics(names) {
      ensureOpen();
      return describeTopics(client, names);
    },
    async tombstonesKept(topic) {
      ensureOpen();
      return tombstonesKept(client, topic);
    },
    async publish(records) {
      ensureOpen();
      return publisher.publish(records);
    },
    read,
    async ends(topic) {
      ensureOpen();
      return client.attempt(topic, () => endsOf(client, topic));
    },
    async positions(group, topic) {
      ensureOpen();
      return client.attempt(group, async () => {
        const partitions = [...(await client.leadersOf(topic)).keys()];
        return positionsOf(client, group, topic, partitions);
      });
    },
    async consume(consumeOptions) {
      ensureOpen();
      const consumer = new GroupConsumer({
        options: consumeOptions,
        membership: connect(),
        work: connect(),
        sessionMs,
        notes,
        onTrouble,
        log,
      });
      const closable: Consumer = {
        async close() {
          await consumer.close();
          consumers.delete(closable);
        },
      };
      consumers.add(closable);
      try {
        await consumer.start();
      } catch (thrown) {
        await closable.close();
        throw thrown;
      }
      return closable;
    },
    async close() {
      if (closing.signal.aborted) return;
      closing.abort();
      await Promise.all([...consumers].map((consumer) => consumer.close()));
      await client.close();
    },
  };
}

function configOf({ brokers, clientId, tls, sasl, firstContactMs }: KafkaOptions): ClusterConfig {
  if (brokers.length === 0)
    throw new VimiError('TOPOLOGY_INVALID', 'The transport names no broker', { expected: 'host:port' });
  return {
    clientId,
    brokers: brokers.map((broker) => (/:\d+$/.test(broker) ? broker : `${broker}:9092`)),
    ...(tls && { ssl: tls }),
    ...(sasl && { sasl: sasl as ClusterConfig['sasl'] }),
    connectionTimeout: Math.min(connectionTimeoutMs, firstContactMs ?? connectionTimeoutMs),
    // Something that takes connections and never answers is named within the patience for a first contact, too.
    requestTimeout: Math.min(requestTimeoutMs, firstContactMs ?? requestTimeoutMs),
  };
}
