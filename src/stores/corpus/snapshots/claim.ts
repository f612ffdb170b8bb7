import { hostname } from 'node:os';
import { asVimiError } from '../../../core/errors.js';
import type { ObjectStore } from '../../objects/object-store.js';
import { snapshotPrefix } from './stored-snapshot.js';

/** A process that has not made its snapshot in this time is taken for dead. */
const patienceMs = 3_600_000;

/**
 * Of the processes that want to make the snapshot after another one (null: the first), one may: the others find its claim. null: another one has
 * it. Where a store knows no conditional writes, two may; both snapshots are good.
 */
export async function claimSnapshot(
  objects: ObjectStore,
  {
    topic,
    after,
    who = `${hostname()} ${process.pid}`,
    now,
  }: { topic: string; after: string | null; who?: string; now: number },
): Promise<{ release(): Promise<void> } | null> {
  const key = `${snapshotPrefix(topic)}claims/after-${after ?? 'none'}`;
  const take = () => objects.put(key, Buffer.from(`${who}\n`), { mediaType: 'text/plain', byContent: true });
  try {
    await take();
  } catch (thrown) {
    // Other bytes are there.
    if (asVimiError(thrown).code !== 'OBJECT_DAMAGED') throw thrown;
    const changed = await objects.changedAt(key);
    if (changed !== null && now - changed < patienceMs) return null;
    await objects.remove(key);
    await take();
  }
  return { release: () => objects.remove(key) };
}
