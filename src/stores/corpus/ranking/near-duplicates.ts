import type { CorpusDocument } from '../../../events/schemas.js';
import type { NearDuplicate, SearchQuery } from '../corpus.js';
import { cosine, isVector } from './checked-vector.js';
import { compare } from './fusion.js';

/** Near-duplicates reported, nearest first. */
const mostNearDuplicates = 64;

/** What a document must be like to be a near-duplicate: a query's `exclude`, with its defaults. */
export function likenessOf({ exclude = {} }: SearchQuery) {
  const { contentHash, perceptual, distance = 6, imageEmbedding, likeness = 0.85 } = exclude;
  return { contentHash, perceptual, distance, imageEmbedding, likeness };
}

/** null: its hash is near, and its image is not like the query's own. `bits`: by which the hashes differ. */
export function nearDuplicate(
  { id, embeddings, hashes, provenance }: CorpusDocument,
  bits: number,
  { contentHash, imageEmbedding, likeness: least }: ReturnType<typeof likenessOf>,
  { name, dimensions }: { name: string; dimensions: { image: number } },
): NearDuplicate | null {
  const comparable = imageEmbedding && embeddings.model === name && isVector(embeddings.image, dimensions.image);
  const likeness = comparable ? cosine(imageEmbedding, embeddings.image) : null;
  const exact = hashes.content === contentHash;
  if (!exact && likeness !== null && likeness < least) return null;
  const { source, uri, event, event_source: eventSource } = provenance;
  return {
    ...{ document: id, distance: exact ? 0 : bits, exact, likeness },
    ...{ film: hashes.film, source, uri, event, eventSource },
  };
}

/** Those that are reported, nearest first. */
export function nearest(found: Iterable<NearDuplicate>): NearDuplicate[] {
  return [...found]
    .sort((a, b) => Number(b.exact) - Number(a.exact) || a.distance - b.distance || compare(a.document, b.document))
    .slice(0, mostNearDuplicates);
}
