import { randomUUID } from 'node:crypto';
import {
  type AclEntry,
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  Kafka,
  logLevel,
  ResourcePatternTypes,
} from 'kafkajs';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import type { Transport } from '../../src/streams/transports/transport.js';
import { patient } from '../support/patience.js';
import { kafkaTransport } from './kafka-broker.js';
import {
  endWorkers,
  events,
  expectExactlyOnce,
  freshTopic,
  partitionsOf,
  startWorker,
  type Worker,
} from './kafka-workers.js';
import { type OwnBrokers, startBrokers } from './own-brokers.js';

// A broker of its own, which goes away, and forbids things.
let own: OwnBrokers;
const transports: Transport[] = [];

beforeAll(async () => {
  own = await startBrokers(1, {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': 'true',
  });
});
afterEach(async () => {
  await endWorkers();
  for (const transport of transports.splice(0)) await transport.close();
});
afterAll(() => own?.remove(), 60_000);

/** A worker with a topic of three partitions, and nothing to do. */
async function idleWorker() {
  const transport = kafkaTransport({ brokers: own.addresses });
  transports.push(transport);
  const topic = await freshTopic(transport, 3, `ready-${randomUUID().slice(0, 8)}`);
  const worker = startWorker(topic, { brokers: own.addresses });
  await vi.waitFor(() => expect(partitionsOf(worker).length).toBe(3), patient);
  return { transport, topic, worker };
}

async function readiness({ lines }: Worker): Promise<string> {
  const url = String(lines.find(({ metrics }) => metrics)?.metrics).replace(/metrics$/, 'ready');
  const answer = await fetch(url);
  return `${answer.status} ${await answer.text()}`;
}

it('[kind 4] a worker with nothing in flight is not ready while the broker is away', async () => {
  const { transport, topic, worker } = await idleWorker();
  await vi.waitFor(async () => expect(await readiness(worker)).toBe('200 READY\n'), patient);
  own.kill();
  await vi.waitFor(
    async () =>
      expect(await readiness(worker)).toMatch(/^503 UNHEALTHY\nwaiting for a broker: TRANSPORT_UNAVAILABLE: .* -> /),
    patient,
  );
  await own.up();
  await vi.waitFor(async () => expect(await readiness(worker)).toBe('200 READY\n'), patient);
  await vi.waitFor(() => transport.publish(events(topic, 0, 30)), patient);
  await expectExactlyOnce(transport, topic, 30, patient.timeout);
});

/** What nobody may do any longer, until the returned function is called. */
async function forbid(resourceType: AclResourceTypes, resourceName: string, operation: AclOperationTypes) {
  const kafka = new Kafka({ brokers: own.addresses, clientId: 'warden', logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const of = { resourceType, resourceName, host: '*', principal: 'User:*' };
  const literal = ResourcePatternTypes.LITERAL;
  const rest = { operation: AclOperationTypes.ALL, permissionType: AclPermissionTypes.ALLOW };
  // Where something is said of a topic, what is not said is forbidden.
  const acl: AclEntry[] = [rest, { operation, permissionType: AclPermissionTypes.DENY }].map((one) => ({
    ...{ ...of, ...one, resourcePatternType: literal },
  }));
  await admin.createAcls({ acl });
  return async () => {
    await admin.deleteAcls({ filters: acl });
    await admin.disconnect();
  };
}

const { TOPIC, GROUP } = AclResourceTypes;
it.each([
  ['read the topic', TOPIC, '', AclOperationTypes.READ],
  ['be a member of the group', GROUP, '-group', AclOperationTypes.READ],
  ['write the outputs', TOPIC, '-out', AclOperationTypes.WRITE],
])('[kind 4] a worker that may not %s any longer waits until it may, and loses nothing', async (_, type, end, what) => {
  const { transport, topic, worker } = await idleWorker();
  await transport.publish(events(topic, 0, 20));
  await expectExactlyOnce(transport, topic, 20, patient.timeout);
  const allow = await forbid(type, `${topic}${end}`, what);
  await transport.publish(events(topic, 20, 40));
  await vi.waitFor(
    async () => expect(await readiness(worker)).toMatch(/^503 UNHEALTHY\n.*TRANSPORT_DENIED: /),
    patient,
  );
  expect(worker.child.exitCode).toBeNull();
  await allow();
  await expectExactlyOnce(transport, topic, 40, patient.timeout);
  await vi.waitFor(async () => expect(await readiness(worker)).toBe('200 READY\n'), patient);
});
