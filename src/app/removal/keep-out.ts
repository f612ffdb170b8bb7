import { asVimiError } from '../../core/errors.js';
import type { Log } from '../../core/log.js';
import type { CorpusDocument, CorpusRemoved } from '../../events/schemas.js';
import type { Corpus } from '../../stores/corpus/corpus.js';
import type { Transport } from '../../streams/transports/transport.js';
import type { FollowedRemovals } from './open-removals.js';
import { filterOf } from './removal-filters.js';
import { documentRemoval, type RemovalTopics, removedDocument } from './removal-records.js';

/*
 * Documents of what was removed may still come: an event was under way when the removal was published, or the index was
 * restored from a state before it, whose tombstones the log no longer keeps. Every process that follows the topic of
 * documents sees to it: it never lets such a document into its index, and publishes the tombstone that was missing.
 */

export interface KeepOutOptions {
  corpus: Corpus;
  removals: FollowedRemovals;
  topics: RemovalTopics;
  transport: Transport;
  log: Log;
}

/** Removes what the index has and should not, now and with each removal that becomes known. */
export async function keepOut({ corpus, removals, topics, transport, log }: KeepOutOptions): Promise<void> {
  const publish = async (removal: CorpusRemoved) => {
    for (const { document } of await corpus.find(filterOf(removal))) {
      const found = await corpus.get(document);
      if (found) await transport.publish(removalOf(found, removal, topics));
    }
  };
  for (const removal of removals.all()) if (!removal.under) await publish(removal);
  removals.onRemoval((removal) => {
    if (removal.under) return;
    publish(removal).catch((thrown) =>
      log.warn(
        { error: asVimiError(thrown).message },
        'Documents of a removal were not removed here: the next run does',
      ),
    );
  });
}

export function removalOf(document: CorpusDocument, removal: CorpusRemoved, topics: RemovalTopics) {
  const { reason, under = removal } = removal;
  return documentRemoval(topics, removedDocument(document, under, reason));
}
