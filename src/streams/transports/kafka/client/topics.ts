import { VimiError } from '../../../../core/errors.js';
import { checkTopic } from '../../check-topic.js';
import { type TopicSpec, tombstoneMs } from '../../transport.js';
import type { KafkaClient } from './client.js';
import { troubleOf } from './trouble.js';
import type { Broker } from './wire.js';

const waitMs = 30_000;

/**
 * Creates the topics that are missing and adds the partitions that are, each with the broker's own replication factor.
 * What is there already keeps its settings; nothing is ever deleted or shrunk.
 */
export async function ensureTopics(client: KafkaClient, topics: readonly TopicSpec[]): Promise<void> {
  for (const topic of topics) checkTopic(topic);
  for (const topic of topics) await client.attempt(topic.name, () => ensureTopic(client, topic), { patience: waitMs });
}

async function ensureTopic(
  client: KafkaClient,
  { name, partitions, cleanup, retentionMs, largestRecord }: TopicSpec,
): Promise<void> {
  const present = await partitionCount(client, name);
  if (present >= partitions) return;
  const controller = await client.controller();
  const settings: Record<string, string> =
    cleanup === 'compact'
      ? { 'cleanup.policy': 'compact', 'delete.retention.ms': String(tombstoneMs) }
      : { 'cleanup.policy': 'delete', 'retention.ms': String(retentionMs ?? -1) };
  if (largestRecord !== undefined) settings['max.message.bytes'] = String(largestRecord);
  await (present === 0
    ? createTopic(controller, name, partitions, settings)
    : controller.createPartitions({ topicPartitions: [{ topic: name, count: partitions }] })
  ).catch((thrown: unknown) => {
    // Somebody else was faster.
    if (troubleOf(thrown) !== 'TOPIC_ALREADY_EXISTS' && troubleOf(thrown) !== 'INVALID_PARTITIONS') throw thrown;
  });
  // Every broker learns of it, and its partitions get their leaders, only after the answer.
  for (let tries = 0; (await partitionCount(client, name)) < partitions; tries++) {
    if (tries > 8) throw new VimiError('TRANSPORT_UNAVAILABLE', 'A created topic does not appear', { where: name });
    await client.pause(tries);
  }
}

function createTopic(broker: Broker, topic: string, numPartitions: number, settings: Record<string, string>) {
  const configEntries = Object.entries(settings).map(([setting, value]) => ({ name: setting, value }));
  return broker.createTopics({ topics: [{ topic, numPartitions, replicationFactor: -1, configEntries }] });
}

/** 0: there is no such topic, or it has no leaders yet. */
async function partitionCount(client: KafkaClient, topic: string): Promise<number> {
  try {
    return (await client.leadersOf(topic, true)).length;
  } catch (thrown) {
    if (thrown instanceof VimiError && thrown.code === 'TOPIC_UNKNOWN') return 0;
    if (troubleOf(thrown) === 'LEADER_NOT_AVAILABLE') return 0;
    throw thrown;
  }
}
