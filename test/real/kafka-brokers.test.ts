import { randomUUID } from 'node:crypto';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { KafkaClient } from '../../src/streams/transports/kafka/client/client.js';
import type { Transport } from '../../src/streams/transports/transport.js';
import { createTopic, kafkaTransport, topicsSeen } from './kafka-broker.js';
import {
  endWorkers,
  events,
  expectExactlyOnce,
  freshTopic,
  metricsOf,
  partitionsOf,
  startWorker,
  type Worker,
  wait,
} from './kafka-workers.js';
import { type OwnBrokers, startBrokers } from './own-brokers.js';

const internal = ['__consumer_offsets', '__transaction_state'];
let own: OwnBrokers;
let admin: Admin;
let client: KafkaClient;
const transports: Transport[] = [];

beforeAll(async () => {
  // A broker that is gone is known to be gone soon.
  own = await startBrokers(3, {
    'broker.session.timeout.ms': 4_000,
    'broker.heartbeat.interval.ms': 500,
    'offset.metadata.max.bytes': 200,
  });
  const brokers = own.addresses;
  const retry = { initialRetryTime: 100, retries: 30 };
  admin = new Kafka({ brokers, logLevel: logLevel.NOTHING, retry }).admin();
  const config = { clientId: 'onlooker', brokers, connectionTimeout: 10_000, requestTimeout: 30_000 };
  client = new KafkaClient(config, () => undefined);
  await admin.connect();
});
afterEach(async () => {
  await endWorkers();
  for (const transport of transports.splice(0)) await transport.close();
});
afterAll(async () => {
  await admin?.disconnect();
  await client?.close();
  await own?.remove();
});

function open(): Transport {
  const transport = kafkaTransport({ brokers: own.addresses });
  transports.push(transport);
  return transport;
}

/** A topic whose group and whose first partition's transactions are coordinated by one and the same broker. */
async function topicOfOneCoordinator(): Promise<string> {
  for (;;) {
    const topic = `in-${randomUUID().slice(0, 8)}`;
    const coordinator = await coordinatorOf(topic);
    const id = `${topic}-group-${topic}-0`;
    const other = await client.attempt(id, () => client.coordinator('transaction', id));
    if (other.nodeId === coordinator) return topic;
  }
}

async function coordinatorOf(topic: string): Promise<number> {
  client.forget();
  const group = `${topic}-group`;
  return (await client.attempt(group, () => client.coordinator('group', group))).nodeId!;
}

async function replicas(topics: string[]) {
  return (await topicsSeen(admin, topics)).flatMap(({ partitions }) => partitions);
}

const begun = ({ lines }: Worker) => lines.filter(({ began }) => began).length;

it('commits plain committed offsets where brokers keep less metadata than it takes', async () => {
  const transport = open();
  const topic = await freshTopic(transport, 1);
  // Every other event stays open for a while: what is settled beyond the committed offset takes some 300 bytes.
  const wide = { maxInFlight: 2_048, concurrency: 2_048, slow: 2, slowMs: 10_000 };
  await transport.publish(events(topic, 0, 1_800));
  const worker = startWorker(topic, { brokers: own.addresses, ...wide, sessionMs: 30_000 });
  await expectExactlyOnce(transport, topic, 1_800);
  expect((await metricsOf(worker))('vimi_metadata_full_total{pipeline="test"}')).toBeGreaterThan(0);
  worker.kill('SIGTERM');
  expect(await worker.ended).toBe(0);
  expect(
    worker.lines.some(
      ({ warn }) =>
        warn === 'The brokers accept less metadata than a commit needs; committing plain offsets from now on',
    ),
  ).toBe(true);
});

it('goes on without the leader of a partition, then without its coordinator, and loses and doubles nothing', async () => {
  const transport = open();
  const topic = await freshTopic(transport, 3, await topicOfOneCoordinator());
  for (const { replicas: all } of await replicas([topic, `${topic}-out`, ...internal])) expect(all.length).toBe(3);
  const worker = startWorker(topic, { brokers: own.addresses, slow: 20, slowMs: 1_000, sessionMs: 120_000 });
  await vi.waitFor(() => expect(partitionsOf(worker).length).toBe(3), wait);
  await transport.publish(events(topic, 0, 300));
  await vi.waitFor(() => expect(begun(worker)).toBeGreaterThan(40), wait);

  const { leader } = (await replicas([topic])).find(({ partitionId }) => partitionId === 0)!;
  // A stranger's topic with a single copy goes with the broker; that is nobody else's trouble.
  const lonely = { topic: 'lonely', replicaAssignment: [{ partition: 0, replicas: [leader] }] };
  await createTopic(admin, lonely);
  own.kill(leader);
  await transport.publish(events(topic, 300, 400));
  await vi.waitFor(() => expect(begun(worker)).toBeGreaterThanOrEqual(400), wait);
  await expectExactlyOnce(open(), topic, 400);

  await own.up();
  await vi.waitFor(async () => {
    for (const { isr } of await replicas([topic, `${topic}-out`, `${topic}-rejects`, ...internal]))
      expect(isr.length).toBe(3);
  }, wait);
  await transport.publish(events(topic, 400, 600));
  await vi.waitFor(() => expect(begun(worker)).toBeGreaterThan(430), wait);
  own.kill(await coordinatorOf(topic));
  await transport.publish(events(topic, 600, 700));
  await expectExactlyOnce(open(), topic, 700);
  // Nobody had to join again.
  expect(partitionsOf(worker).length).toBe(3);
  worker.kill('SIGTERM');
  expect(await worker.ended).toBe(0);
});
