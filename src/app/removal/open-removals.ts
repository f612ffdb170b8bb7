import type { Log } from '../../core/log.js';
import { decodeEvent } from '../../events/cloudevents.js';
import type { StoredRecord } from '../../events/record.js';
import type { CorpusRemoved } from '../../events/schemas.js';
import { followRemovals } from '../../stores/removals/follow-removals.js';
import type { Removals } from '../../stores/removals/removals.js';
import type { Transport } from '../../streams/transports/transport.js';

export interface OpenRemovalsOptions {
  topic: string;
  transport: Transport;
  log: Log;
  onClose(close: () => Promise<void>): void;
}

/** The removals of a topic, all that it has now, and followed from here on. */
export async function openRemovals({ topic, transport, log, onClose }: OpenRemovalsOptions): Promise<FollowedRemovals> {
  const listeners: ((removal: CorpusRemoved) => void)[] = [];
  const removals = followRemovals<StoredRecord>({
    read: (from, options) => transport.read(topic, { from, ...options }),
    ends: () => transport.ends(topic),
    decode: removalOf,
    onRemoval: (removal) => {
      for (const listener of listeners) listener(removal);
    },
    log,
  });
  onClose(() => removals.close());
  await removals.caughtUp();
  return { ...removals, onRemoval: (listener) => void listeners.push(listener) };
}

export interface FollowedRemovals extends Removals {
  /** Told of each removal that becomes known from now on. */
  onRemoval(listener: (removal: CorpusRemoved) => void): void;
}

function removalOf(record: StoredRecord): { key: string; removal: CorpusRemoved | null } | null {
  if (!record.key) return null;
  const key = record.key.toString();
  if (record.value === null) return { key, removal: null };
  try {
    return { key, removal: decodeEvent(record, ['corpus.removed']).data as CorpusRemoved };
  } catch {
    return null;
  }
}
