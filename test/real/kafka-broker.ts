import { type Admin, type ITopicConfig, type ITopicMetadata, Kafka, logLevel } from 'kafkajs';
import { inject, vi } from 'vitest';
import { KafkaClient } from '../../src/streams/transports/kafka/client/client.js';
import { type KafkaOptions, openKafka } from '../../src/streams/transports/kafka/open-kafka.js';
import type { Transport } from '../../src/streams/transports/transport.js';
import { patient } from '../support/patience.js';

export const brokers = inject('servers').KAFKA_BROKERS!.split(',');

export function kafkaTransport(options: Partial<KafkaOptions> = {}): Transport {
  return openKafka({ brokers, clientId: 'vimi-test', sessionMs: 6_000, ...options });
}

/** Nothing of ours is between it and the broker. */
export function foreignClient(): Kafka {
  return new Kafka({ brokers, clientId: 'foreign', logLevel: logLevel.NOTHING, connectionTimeout: 10_000 });
}

/** What a broker that has heard of all of them says; just after a topic was made, not every one has. */
export async function topicsSeen(admin: Admin, topics: string[]): Promise<ITopicMetadata[]> {
  const ask = async () => (await admin.fetchTopicMetadata({ topics })).topics;
  return vi.waitFor(ask, patient);
}

/** With settings that no topology has. kafkajs's own wait for leaders fails where the topic is not known at once. */
export async function createTopic(admin: Admin, topic: ITopicConfig): Promise<void> {
  await admin.createTopics({ topics: [topic], waitForLeaders: false });
  await topicsSeen(admin, [topic.topic]);
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
