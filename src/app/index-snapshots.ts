import { join } from 'node:path';
import { asVimiError, VimiError } from '../core/errors.js';
import type { Log } from '../core/log.js';
import type { CorpusFollower } from '../stores/corpus/corpus-follower.js';
import { callAtRest } from '../stores/corpus/index/call-at-rest.js';
import { memoryLayout } from '../stores/corpus/index/corpus-view.js';
import { databaseLayout } from '../stores/corpus/index/database.js';
import type { EmbeddedCorpus } from '../stores/corpus/index/open-corpus.js';
import { claimSnapshot } from '../stores/corpus/snapshots/claim.js';
import type { Manifest } from '../stores/corpus/snapshots/manifest.js';
import { pruneSnapshots } from '../stores/corpus/snapshots/prune.js';
import {
  bytesOf,
  removeSnapshot,
  renewSnapshot,
  type StoredSnapshot,
  storedSnapshots,
  storeSnapshot,
} from '../stores/corpus/snapshots/stored-snapshot.js';
import type { ObjectStore } from '../stores/objects/object-store.js';
import type { Removals } from '../stores/removals/removals.js';
import type { Transport } from '../streams/transports/transport.js';
import { removalFilters } from './removal/removal-filters.js';
import { makeWorkFolder } from './work-folder.js';

/** Of the time that a topic keeps tombstones: older, an index or a snapshot may hold what was removed since. */
export const usablePart = 0.75;
/** A snapshot is made again, or called current again, long before that. */
const renewedPart = 0.25;
/** Beside a large corpus a snapshot waits until so much of it is new. */
const grownPart = 0.1;
/** At a planned stop a smaller part of `every` is worth a snapshot. */
const stoppingPart = 0.1;
const lookEveryMs = 60_000;

export interface IndexSnapshotsOptions {
  corpus: EmbeddedCorpus;
  follower: CorpusFollower;
  objects: ObjectStore;
  transport: Transport;
  topic: string;
  encoder: { name: string; dimensions: { text: number; image: number } };
  removals: Removals;
  /** Folder for the copy that is stored. */
  work: string;
  log: Log;
  now?(): number;
}

type Usable = StoredSnapshot & { manifest: Manifest };

export interface MadeSnapshot {
  id: string;
  documents: number;
  bytes: number;
  /** false: a snapshot of this very state was there. */
  stored: boolean;
}

/** The snapshots of an embedded index in the object store: they are made from here, now and then. */
export class IndexSnapshots {
  readonly #options: IndexSnapshotsOptions;
  readonly #now: () => number;
  /** The newest that is known. */
  #newest: Usable | null = null;
  /** null: nobody is looking. */
  #looking: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: IndexSnapshotsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Those that a new index like this one could begin with, the newest first. */
  async list(): Promise<Usable[]> {
    const { objects, topic, encoder } = this.#options;
    const { snapshots } = await storedSnapshots(objects, topic);
    return snapshots.filter(
      (one): one is Usable =>
        one.manifest !== null &&
        one.manifest.topic === topic &&
        one.manifest.encoder.name === encoder.name &&
        one.manifest.layout.database === databaseLayout &&
        one.manifest.layout.memory === memoryLayout,
    );
  }

  /** Stores the index as it is when it has all that the topic has now, and removes snapshots that nobody needs any more. */
  async make(): Promise<MadeSnapshot> {
    const { corpus, follower, objects, transport, topic, encoder, work } = this.#options;
    // Before the ends: what is published from now on comes behind them.
    const current = new Date(this.#now()).toISOString();
    await follower.caughtUp(await transport.ends(topic));
    const [newest = null] = await this.list();
    if (newest && (await this.#isOf(newest))) {
      await renewSnapshot(objects, newest, current);
      this.#newest = { ...newest, manifest: { ...newest.manifest, current } };
      await this.#prune();
      return { id: newest.id, documents: newest.manifest.documents, bytes: bytesOf(newest.manifest), stored: false };
    }
    const folder = await makeWorkFolder(work, 'snapshot');
    try {
      const path = join(folder.path, 'copy');
      const copy = await corpus.copyTo(path);
      const stored = await storeSnapshot(objects, path, copy, { topic, encoder, current });
      if (await this.#holdsRemoved(path)) {
        await removeSnapshot(objects, stored);
        throw new VimiError('CANCELLED', 'A removal came while the snapshot was stored, so it was removed', {
          remedy: 'Run the command again.',
        });
      }
      this.#newest = stored;
      await this.#prune();
      return { id: stored.id, documents: stored.manifest.documents, bytes: bytesOf(stored.manifest), stored: true };
    } finally {
      await folder.remove();
    }
  }

  /** Looks from time to time whether one is due: after `every` documents, or a tenth of the corpus if that is more. */
  start(every: number): void {
    this.#timer = setInterval(() => {
      // One that takes longer than a minute is not followed by those that fell into its time.
      this.#looking ??= this.#makeIfDue(every).finally(() => {
        this.#looking = null;
      });
    }, lookEveryMs);
    this.#timer.unref();
  }

  /** Makes a last one, if what is new is worth it. */
  async stop(every: number): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
    await this.#makeIfDue(every * stoppingPart);
  }

  /** Trouble is logged: the index is there without it. */
  async #makeIfDue(every: number): Promise<void> {
    const { objects, topic, log } = this.#options;
    try {
      if (!(await this.#isDue(every))) return;
      // Another process may have made one since.
      [this.#newest = null] = await this.list();
      if (!(await this.#isDue(every))) return;
      const claim = await claimSnapshot(objects, { topic, after: this.#newest?.id ?? null, now: this.#now() });
      if (!claim) return;
      try {
        const { id, documents, bytes, stored } = await this.make();
        if (stored) log.info({ snapshot: id, documents, bytes }, 'A snapshot of the corpus index was stored');
      } finally {
        await claim.release();
      }
    } catch (thrown) {
      const { code, message } = asVimiError(thrown);
      log.warn({ code, error: message }, 'No snapshot of the corpus index was stored, trying again later');
    }
  }

  async #isDue(every: number): Promise<boolean> {
    const { corpus } = this.#options;
    const [positions, { documents }] = [await corpus.positions(), await corpus.state()];
    const grown = total(positions) - total(this.#newest?.manifest.positions ?? {});
    if (grown >= Math.max(1, every, documents * grownPart)) return true;
    if (!this.#newest) return false;
    const age = this.#now() - Date.parse(this.#newest.manifest.current);
    return age > renewedPart * (await this.#options.transport.tombstonesKept(this.#options.topic));
  }

  /** Whether a snapshot holds what the index holds. */
  async #isOf({ manifest }: Usable): Promise<boolean> {
    const { corpus } = this.#options;
    const [positions, { digest }] = [await corpus.positions(), await corpus.state()];
    return JSON.stringify([positions, digest]) === JSON.stringify([manifest.positions, manifest.digest]);
  }

  /**
   * A removal that was published while the snapshot was stored did not see it: the removal looks for snapshots after it was
   * published, and this looks for removals after the snapshot was stored, so that one of the two finds it.
   */
  async #holdsRemoved(copy: string): Promise<boolean> {
    const { removals } = this.#options;
    await removals.caughtUp();
    const found = await callAtRest('findInCopy', copy, removals.all().flatMap(removalFilters));
    return found.length > 0;
  }

  async #prune(): Promise<void> {
    const { objects, transport, topic } = this.#options;
    const usableMs = usablePart * (await transport.tombstonesKept(topic));
    await pruneSnapshots(objects, { topic, usableMs, now: this.#now() });
  }
}

function total(positions: Record<number, number>): number {
  return Object.values(positions).reduce((sum, one) => sum + one, 0);
}
