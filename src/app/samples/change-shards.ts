import { setTimeout as sleep } from 'node:timers/promises';
import { asVimiError } from '../../core/errors.js';
import { encodeEvent } from '../../events/cloudevents.js';
import type { SamplesSealed } from '../../events/schemas.js';
import type { AssignedPartition, Consumer } from '../../streams/transports/transport.js';
import { endsOf } from '../new-records.js';
import type { Workspace } from '../workspace.js';

/** The right to replace the shards of one topic by others. */
export interface ShardChanges {
  topic: string;
  /** TRANSPORT_FENCED, and nothing is published: another process has the right now. */
  publish(sealed: SamplesSealed, source: string): Promise<void>;
}

/** How often it is looked whether another process has finished. */
const lookMs = 500;
/** What is under way may still be published in this time when the right moves to another process. */
const drainMs = 5_000;
/** The partition whose owner has the right. */
const deciding = 0;

/**
 * One process at a time replaces the shards of a topic: two that merged or rewrote the same shard would each tell of its
 * samples, and one that had read a shard would miss what another took out of it. The right is a consumer group of the topic,
 * so that it ends with its process, and one that hung meanwhile publishes nothing. What shards there are must be read inside
 * of `work`. Another process is waited for.
 */
export async function changeShards<T>(
  workspace: Workspace,
  topic: string,
  work: (changes: ShardChanges) => Promise<T>,
): Promise<T> {
  const transport = await workspace.transport();
  let [owned, failed]: [(partition: AssignedPartition) => void, (error: Error) => void] = [() => {}, () => {}];
  const right = new Promise<AssignedPartition>((resolve, reject) => {
    [owned, failed] = [resolve, reject];
  });
  right.catch(() => {});
  let done: Promise<unknown> = Promise.resolve();
  const consumer = await whenFree(workspace, topic, () =>
    transport.consume({
      ...{ group: `vimi-changes-of.${topic}`, topics: [topic], drainMs },
      onAssigned: (one) => {
        if (one.partition === deciding) owned(one);
      },
      onRevoked: async ({ partition }) => {
        if (partition === deciding) await done.catch(() => {});
      },
      onError: (error) => failed(error),
    }),
  );
  try {
    const partition = await right;
    done = work({
      topic,
      async publish(sealed, source) {
        const { shard } = sealed;
        const event = encodeEvent({ schema: 'samples.sealed', id: shard, source, topic, key: shard, data: sealed });
        const { [deciding]: offset = 0 } = await endsOf(transport, topic);
        await partition.commit([event], { offset, metadata: '' });
      },
    });
    return (await done) as T;
  } finally {
    await consumer.close();
  }
}

async function whenFree(workspace: Workspace, topic: string, consume: () => Promise<Consumer>): Promise<Consumer> {
  for (let isTold = false; ; ) {
    try {
      return await consume();
    } catch (thrown) {
      const { code, found } = asVimiError(thrown);
      if (code !== 'GROUP_BUSY') throw thrown;
      if (!isTold)
        workspace.log.warn({ topic, found }, 'Another command changes shards, waiting until it has finished');
      isTold = true;
      await sleep(lookMs);
    }
  }
}
