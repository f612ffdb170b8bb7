import type { CorpusDocument } from '../../events/schemas.js';
import { type Follower, type FollowTopicOptions, followTopic } from '../follow-topic.js';
import type { Corpus, CorpusRecord } from './corpus.js';

export interface FollowCorpusOptions<R extends { partition: number; offset: number }>
  extends Pick<FollowTopicOptions<R>, 'read' | 'log' | 'retryMs'> {
  /** null: not a corpus record; it is passed over with a warning. */
  decode(record: R): { id: string; document: CorpusDocument | null } | null;
  corpus: Pick<Corpus, 'positions' | 'apply' | 'onAgain'>;
}

export type CorpusFollower = Follower;

/** Keeps a corpus index up to date with its topic until it is closed: see followTopic. */
export function followCorpus<R extends { partition: number; offset: number }>(
  options: FollowCorpusOptions<R>,
): CorpusFollower {
  const { corpus, decode, log } = options;

  function corpusRecord(record: R): CorpusRecord {
    const { partition, offset } = record;
    const decoded = decode(record);
    if (decoded) return { partition, offset, ...decoded };
    log.warn({ partition, offset }, 'Not a corpus document: skipped');
    // A removal of nothing: it moves the position and no more.
    return { partition, offset, id: '', document: null };
  }

  return followTopic({
    ...options,
    what: 'The corpus index',
    positions: () => corpus.positions(),
    onAgain: (listener) => corpus.onAgain?.(listener),
    apply: (records) => corpus.apply(records.map(corpusRecord)),
  });
}
