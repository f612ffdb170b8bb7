import type { Log } from '../core/log.js';
import type { Embedder } from '../models/ports.js';
import { clearIndex, hasIndex } from '../stores/corpus/index/at-rest.js';
import { currentAt } from '../stores/corpus/index/index-age.js';
import { restoreSnapshot } from '../stores/corpus/snapshots/restore.js';
import type { ObjectStore } from '../stores/objects/object-store.js';
import type { Transport } from '../streams/transports/transport.js';
import { usablePart } from './index-snapshots.js';

/**
 * Before an embedded index is opened: one that stood still for longer than its topic keeps tombstones is removed, since it would never
 * learn of what went meanwhile; and where there is none, a snapshot is put in its place, if one fits. INDEX_OF_OTHER_ENCODER.
 */
export async function prepareIndex(
  folder: string,
  {
    embedder: encoder,
    objects,
    topic,
    transport,
    log,
  }: { embedder: Embedder; objects: ObjectStore; topic: string; transport: Transport; log: Log },
): Promise<void> {
  const usableMs = usablePart * (await transport.tombstonesKept(topic));
  if (hasIndex(folder)) {
    const current = currentAt(folder);
    if (current === null || Date.now() - current <= usableMs) return;
    const since = new Date(current).toISOString();
    log.warn({ since }, 'The corpus index was not fed for longer than its topic keeps removals: it is filled again');
    clearIndex(folder);
  }
  const ends = await transport.ends(topic);
  await restoreSnapshot({ objects, folder, topic, encoder, ends, usableMs, now: Date.now, log });
}
