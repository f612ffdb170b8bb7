import type { CorpusRemoved } from '../../events/schemas.js';
import { type FollowTopicOptions, followTopic } from '../follow-topic.js';
import { type Removals, RemovalTable } from './removals.js';

export interface FollowRemovalsOptions<R extends { partition: number; offset: number }>
  extends Pick<FollowTopicOptions<R>, 'read' | 'log' | 'retryMs'> {
  /** null: not a removal; it is passed over. */
  decode(record: R): { key: string; removal: CorpusRemoved | null } | null;
  /** Where the topic ends now. */
  ends(): Promise<{ partition: number; high: number }[]>;
  /** Told of each removal as it becomes known. */
  onRemoval?(removal: CorpusRemoved): void;
}

/** All removals in memory, kept up to date with their topic until it is closed. */
export function followRemovals<R extends { partition: number; offset: number }>({
  decode,
  ends,
  onRemoval,
  ...options
}: FollowRemovalsOptions<R>): Removals & { close(): Promise<void> } {
  const table = new RemovalTable();
  const next: Record<number, number> = {};
  const follower = followTopic({
    ...options,
    what: 'The list of removals',
    positions: async () => ({ ...next }),
    async apply(records) {
      for (const record of records) {
        const { partition, offset } = record;
        if (offset < (next[partition] ?? 0)) continue;
        next[partition] = offset + 1;
        const decoded = decode(record);
        if (!decoded) {
          options.log.warn({ partition, offset }, 'Not a removal: skipped');
          continue;
        }
        table.set(decoded.key, decoded.removal);
        if (decoded.removal) onRemoval?.(decoded.removal);
      }
    },
  });
  return {
    of: (thing) => table.of(thing),
    get: (target) => table.get(target),
    all: () => table.all(),
    caughtUp: async () => follower.caughtUp(await ends()),
    close: () => follower.close(),
  };
}
