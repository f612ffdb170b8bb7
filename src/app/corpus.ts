import { asVimiError, VimiError } from '../core/errors.js';
import type { Log } from '../core/log.js';
import { decodeEvent } from '../events/cloudevents.js';
import type { StoredRecord } from '../events/record.js';
import type { CorpusDocument } from '../events/schemas.js';
import type { Embedder } from '../models/ports.js';
import type { Corpus } from '../stores/corpus/corpus.js';
import { type CorpusFollower, followCorpus } from '../stores/corpus/corpus-follower.js';
import type { ObjectStore } from '../stores/objects/object-store.js';
import { removableOf } from '../stores/removals/removals.js';
import type { SearchSpec } from '../streams/topology/profiles.js';
import type { Transport } from '../streams/transports/transport.js';
import { withOwnVectors } from './own-vectors.js';
import { prepareIndex } from './prepare-index.js';
import { keepOut, removalOf } from './removal/keep-out.js';
import type { FollowedRemovals } from './removal/open-removals.js';
import { openSearch, placeOfSearch } from './search.js';

export interface FollowedCorpus {
  corpus: Corpus;
  follower: CorpusFollower;
}

/** undefined: the topology has no topic for removals. */
type Removed = { removals: FollowedRemovals; topic: string };

interface Around {
  embedder: Embedder;
  objects: ObjectStore;
  topic: string;
  removed: Removed | undefined;
  transport: Transport;
  log: Log;
}

/**
 * The search index of a profile, which follows the topic of documents from here on (a new one from the snapshot that it begins with), and keeps out what was removed.
 * INDEX_FOREIGN when it was made from another topic, INDEX_OF_OTHER_ENCODER. `onClose` is told how to close each part as soon as it is open.
 */
export async function openFollowedCorpus({
  search,
  onClose,
  ...around
}: Around & { search: SearchSpec; onClose(close: () => Promise<void>): void }): Promise<FollowedCorpus> {
  const { embedder, topic, removed, transport, log } = around;
  if (search.type === 'embedded') await prepareIndex(search.path, around);
  const corpus = await openSearch(search, { encoder: embedder, looksOnly: false, log });
  onClose(() => corpus.close());
  await checkOrigin(corpus, transport, topic, placeOfSearch(search));
  const follower = follow(corpus, around);
  onClose(() => follower.close());
  const topics = removed && { removals: removed.topic, corpus: topic };
  if (removed && topics) await keepOut({ corpus, removals: removed.removals, topics, transport, log });
  return { corpus, follower };
}

/**
 * Fills a second index beside the one that is searched, from all that the topic holds but what was removed, and puts it in its
 * place. USAGE where the engine has no such thing. Gives what it holds.
 */
export async function rebuildCorpus(corpus: Corpus, around: Around): Promise<{ name: string; documents: number }> {
  if (!corpus.rebuild)
    throw new VimiError('USAGE', 'This search engine has no second index beside the one that is searched', {
      remedy: 'An embedded index is rebuilt by the next run or command, once its folder was removed.',
    });
  const beside = await corpus.rebuild();
  const follower = follow(beside, around);
  try {
    await follower.caughtUp();
    const { documents } = await beside.state();
    await beside.swap();
    return { name: beside.name, documents };
  } catch (thrown) {
    await beside.abandon().catch(() => {});
    throw thrown;
  } finally {
    await follower.close();
  }
}

function follow(
  corpus: Pick<Corpus, 'positions' | 'apply' | 'onAgain'>,
  { embedder, objects, topic, removed, transport, log }: Around,
): CorpusFollower {
  const topics = removed && { removals: removed.topic, corpus: topic };
  return followCorpus({
    corpus: withOwnVectors(corpus, { embedder, objects, log }),
    read: (from, options) => transport.read(topic, { from, ...options }),
    decode(record: StoredRecord) {
      const decoded = corpusRecord(record);
      const removal = decoded?.document && removed?.removals.of(removableOf(decoded.document));
      if (!removal || !topics) return decoded;
      transport
        .publish(removalOf(decoded.document!, removal, topics))
        .catch((thrown) =>
          log.warn({ error: asVimiError(thrown).message }, 'A removed document was not removed again'),
        );
      return { id: decoded.id, document: null };
    },
    log,
  });
}

/** A record of the topic of documents: a document, or its removal. null: nothing that the index could hold. */
export function corpusRecord(record: StoredRecord): { id: string; document: CorpusDocument | null } | null {
  if (record.value === null) return record.key && { id: record.key.toString(), document: null };
  try {
    const document = decodeEvent(record, ['corpus.document']).data as CorpusDocument;
    return { id: document.id, document };
  } catch {
    return null;
  }
}

/** An index that is ahead of its topic was made from another one: what it would find may not be there. */
async function checkOrigin(corpus: Corpus, transport: Transport, topic: string, where: string): Promise<void> {
  const positions = await corpus.positions();
  const ends = new Map((await transport.ends(topic)).map(({ partition, high }) => [partition, high]));
  for (const [partition, position] of Object.entries(positions)) {
    const end = ends.get(Number(partition)) ?? 0;
    if (position > end)
      throw new VimiError('INDEX_FOREIGN', 'The index was made from another corpus topic than this one', {
        expected: `position ${end} of ${topic}/${partition} at most`,
        found: String(position),
        where,
      });
  }
}
