import type { ObjectStore } from '../../objects/object-store.js';
import { removeSnapshot, type StoredSnapshot, snapshotPrefix, storedSnapshots } from './stored-snapshot.js';

/** A writer is done with a snapshot, or dead, after so long. */
const writingMs = 24 * 3_600_000;
const kept = 2;

/**
 * Removes the snapshots that newer ones replace (two stay of each encoder and layout), those that are too old to be used, and what dead writers
 * left.
 */
export async function pruneSnapshots(
  objects: ObjectStore,
  { topic, usableMs, now }: { topic: string; usableMs: number; now: number },
): Promise<StoredSnapshot[]> {
  const { snapshots, unfinished } = await storedSnapshots(objects, topic);
  const counts = new Map<string, number>();
  const removed: StoredSnapshot[] = [];
  for (const snapshot of snapshots) {
    const { manifest } = snapshot;
    const kind = JSON.stringify([manifest?.encoder, manifest?.layout]);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const isOld = manifest !== null && now - Date.parse(manifest.current) > usableMs;
    if (!isOld && counts.get(kind)! <= kept) continue;
    await removeSnapshot(objects, snapshot);
    removed.push(snapshot);
  }
  const left = [...unfinished];
  for await (const key of objects.list(`${snapshotPrefix(topic)}claims/`)) left.push(key);
  for (const key of left) {
    const changed = await objects.changedAt(key);
    if (changed !== null && now - changed > writingMs) await objects.remove(key);
  }
  return removed;
}
