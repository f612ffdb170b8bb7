import { Kafka, logLevel } from 'kafkajs';
import { inject } from 'vitest';
import type { Transport } from '../../src/streams/transport.js';
import { KafkaClient } from '../../src/streams/transports/kafka/client.js';
import { type KafkaOptions, openKafka } from '../../src/streams/transports/kafka.js';

export const brokers = inject('servers').KAFKA_BROKERS!.split(',');

export function kafkaTransport(options: Partial<KafkaOptions> = {}): Transport {
  return openKafka({ brokers, clientId: 'vimi-test', sessionMs: 6_000, ...options });
}

/** Nothing of ours is between it and the broker. */
export function foreignClient(): Kafka {
  return new Kafka({ brokers, clientId: 'foreign', logLevel: logLevel.NOTHING, connectionTimeout: 10_000 });
}

/** Throws all members out of a group, without their knowledge. */
export async function expelMembers(group: string): Promise<void> {
  const admin = foreignClient().admin();
  await admin.connect();
  const { groups } = await admin.describeGroups([group]);
  await admin.disconnect();
  const client = new KafkaClient(
    { brokers, clientId: 'expeller', connectionTimeout: 10_000, requestTimeout: 10_000 },
    () => undefined,
  );
  const coordinator = await client.coordinator('group', group);
  for (const { memberId } of groups[0]?.members ?? []) await coordinator.leaveGroup({ groupId: group, memberId });
  await client.close();
}
