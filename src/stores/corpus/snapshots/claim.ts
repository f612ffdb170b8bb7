import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { asVimiError } from '../../../core/errors.js';
import type { ObjectStore } from '../../objects/object-store.js';
import { snapshotPrefix } from './stored-snapshot.js';

/** A process that has not renewed its claim in this time is taken for dead. */
const patienceMs = 3_600_000;

export interface SnapshotClaim {
  /** Nothing, where another process has taken the claim over. */
  release(): Promise<void>;
}

export interface ClaimOptions {
  topic: string;
  /** The snapshot after which the next one is to be made; null: the first. */
  after: string | null;
  who?: string;
  now: number;
  /** How often the claim is renewed, in milliseconds, until it is released. */
  renewMs?: number;
}

/**
 * Of the processes that want to make the snapshot after another one, one may: the others find its claim, which is renewed for as long
 * as it works. null: another one has it. Where a store knows no conditional writes, two may; both snapshots are good.
 */
export async function claimSnapshot(
  objects: ObjectStore,
  { topic, after, who = `${hostname()} ${process.pid} ${randomUUID()}`, now, renewMs = patienceMs / 6 }: ClaimOptions,
): Promise<SnapshotClaim | null> {
  const key = `${snapshotPrefix(topic)}claims/after-${after ?? 'none'}`;
  const text = Buffer.from(`${who}\n`);
  const take = () => objects.put(key, text, { mediaType: 'text/plain', byContent: true });
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
  const isOurs = async () => (await objects.get(key, { maxBytes: 10_000 }).catch(() => null))?.equals(text) ?? false;
  let renewing: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    renewing = renewing
      .then(async () => (await isOurs()) && objects.put(key, text, { mediaType: 'text/plain' }))
      // The store is away: it is tried again, and the claim lasts for longer than one try.
      .catch(() => {});
  }, renewMs);
  timer.unref();
  return {
    async release() {
      clearInterval(timer);
      await renewing;
      if (await isOurs()) await objects.remove(key);
    },
  };
}
