import { VimiError } from '../../core/errors.js';
import type { TopicSpec } from './transport.js';

/** What Kafka takes as a name, so that a topology moves between transports. */
const topicName = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;

/** TOPOLOGY_INVALID: no transport can have such a topic. */
export function checkTopic({ name, partitions }: TopicSpec): void {
  if (!topicName.test(name))
    throw new VimiError('TOPOLOGY_INVALID', 'This is not a valid topic name', {
      expected: '1 to 249 of the characters A-Z a-z 0-9 . _ -, other than . and ..',
      found: name,
    });
  if (!Number.isInteger(partitions) || partitions < 1)
    throw new VimiError('TOPOLOGY_INVALID', 'A topic needs partitions', {
      expected: 'a whole number from 1 on',
      found: String(partitions),
      where: name,
    });
}
