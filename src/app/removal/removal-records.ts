import { encodeEvent } from '../../events/cloudevents.js';
import type { NewRecord } from '../../events/record.js';
import type { CorpusDocument, CorpusRemoved, RemovalTarget } from '../../events/schemas.js';
import { removalKey } from '../../stores/removals/removals.js';

/** The topics that a removal is published to. */
export interface RemovalTopics {
  removals: string;
  corpus: string;
}

/** What says that something stays out, or, with null, that it may come again. */
export function removalRecord(topic: string, target: RemovalTarget, removal: CorpusRemoved | null): NewRecord {
  const key = removalKey(target);
  if (!removal) return { topic, key: Buffer.from(key), value: null, headers: {} };
  return encodeEvent({
    schema: 'corpus.removed',
    id: `removed-${Buffer.from(key).toString('base64url').slice(0, 400)}`,
    source: '/vimi/corpus',
    topic,
    key,
    data: removal,
  });
}

/**
 * What is noted of a document before it goes, by itself or `under` a removal of more: by what it was made of its copies are
 * found, and refused when they come again.
 */
export function removedDocument(
  { id, image, provenance }: Pick<CorpusDocument, 'id' | 'image' | 'provenance'>,
  under: RemovalTarget,
  reason?: string,
): CorpusRemoved {
  const { clip, sha256: file } = provenance;
  const isAlone = under.kind === 'document';
  return {
    ...{ kind: 'document', value: id },
    ...(reason !== undefined && { reason }),
    ...(!isAlone && { under: { kind: under.kind, value: under.value } }),
    image: image.sha256,
    ...(clip !== undefined && { clip }),
    ...(!isAlone && file !== undefined && { file }),
  };
}

/** Notes a document, and removes it. */
export function documentRemoval(topics: RemovalTopics, removed: CorpusRemoved): NewRecord[] {
  return [removalRecord(topics.removals, removed, removed), documentTombstone(topics, removed.value)];
}

/** Takes a document out of the corpus. */
export function documentTombstone({ corpus }: Pick<RemovalTopics, 'corpus'>, id: string): NewRecord {
  return { topic: corpus, key: Buffer.from(id), value: null, headers: {} };
}
