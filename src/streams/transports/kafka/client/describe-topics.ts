import { VimiError } from '../../../../core/errors.js';
import type { TopicSpec } from '../../transport.js';
import type { KafkaClient } from './client.js';

/** Resource type 2 is a topic. Only what is used is typed here. */
interface Describing {
  describeConfigs(query: {
    resources: { type: 2; name: string; configNames: string[] }[];
  }): Promise<{ resources: { resourceName: string; configEntries: { configName: string; configValue: string }[] }[] }>;
}

/** Those of the named topics that are there, with the settings that the broker gives them. */
export async function describeTopics(client: KafkaClient, names: readonly string[]): Promise<TopicSpec[]> {
  const found: TopicSpec[] = [];
  for (const name of names) {
    const partitions = await client.attempt(name, () => partitionsOf(client, name));
    if (partitions > 0) found.push({ name, partitions, ...(await client.attempt(name, () => keeping(client, name))) });
  }
  return found;
}

async function partitionsOf(client: KafkaClient, name: string): Promise<number> {
  try {
    return (await client.leadersOf(name, true)).length;
  } catch (thrown) {
    if (thrown instanceof VimiError && thrown.code === 'TOPIC_UNKNOWN') return 0;
    throw thrown;
  }
}

async function keeping(client: KafkaClient, name: string): Promise<Pick<TopicSpec, 'cleanup' | 'retentionMs'>> {
  const setting = await settingsOf(client, name, ['cleanup.policy', 'retention.ms']);
  // With `compact,delete` records go after their time as well: that is a topic that forgets.
  if (setting('cleanup.policy') === 'compact') return { cleanup: 'compact' };
  const retentionMs = Number(setting('retention.ms') ?? -1);
  return { cleanup: 'delete', ...(retentionMs >= 0 && { retentionMs }) };
}

/** Milliseconds. 0: the broker does not say. */
export function tombstonesKept(client: KafkaClient, name: string): Promise<number> {
  return client.attempt(name, async () => {
    const setting = await settingsOf(client, name, ['delete.retention.ms']);
    return Number(setting('delete.retention.ms') ?? 0);
  });
}

async function settingsOf(client: KafkaClient, name: string, configNames: string[]) {
  const broker = (await client.anyBroker()) as unknown as Describing;
  const { resources } = await broker.describeConfigs({ resources: [{ type: 2, name, configNames }] });
  const entries = resources[0]?.configEntries ?? [];
  return (wanted: string) => entries.find(({ configName }) => configName === wanted)?.configValue;
}
