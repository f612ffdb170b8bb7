import { z } from 'zod';
import type { VimiEvent } from '../../events/event.js';
import { eventKey } from '../../events/ids.js';
import { replayOf } from '../../events/replay.js';
import { defineOperator } from '../../flow/define-operator.js';
import type { Clip } from '../../flow/flow.js';
import { drop } from '../../flow/map-each.js';
import { maybeOneFilm } from '../../models/encoders/built-in/film-hash.js';
import type { Corpus, NearDuplicate } from '../../stores/corpus/corpus.js';
import { documentId } from './index-clips.js';
import { RecentMedia } from './recent-media.js';

/*
 * In      clip, context (whose near-duplicates retrieve found)
 * Out     the same
 * Drops   duplicate: an event before it brought the same image, or one that looks the same; of clips, if they do so
 *         throughout
 * Fails   INDEX_DAMAGED when the index is not filled again in time
 * Memory  the hashes of what is under way in this process, of the last 1,000 that are done, and of those of the last minute
 *
 * Of media that are alike, the one that was published first stays: an event is decided on when all before it have their outcome, by
 * what the index has heard of since its retrieval, and what this process let through. Two processes that meet equal media within the
 * moment that the index needs to hear of the first let one each pass: docs/internals/architecture.md, "The corpus".
 * An event never stands in its own way: redone after a crash it passes again, and equal clips of one video all pass. Only
 * of a replayed one, whose other parts may have been delivered before, what brought the same image then is dropped.
 */
export const deduplicate = defineOperator(
  {
    name: 'deduplicate',
    summary: 'Drops media that the corpus already has.',
    contract: {
      in: 'clip and context.',
      out: 'The same.',
      drops:
        'duplicate: another event brought the same image (the bytes of the keyframe), or one that looks the same. That means a perceptual hash at most perceptual_bits away and an embedding with at least the cosine similarity likeness. A clip is judged by its keyframe; it is a duplicate of another clip only if four frames spread over both look alike too. Flat images (plain black) resemble nothing: only equal bytes count. Of media in one process, the one that was published first is kept, whatever the partition and whatever takes how long: an event waits here until all that were published before it have their outcome. If several processes meet duplicates at the same moment, each may let one pass. Of a replayed event, the parts that brought the same image before are dropped.',
      fails: 'INDEX_DAMAGED after retries.',
      memory:
        'Hashes of the media in flight, of the last 1,000 that are done, and of all that were done in the last minute.',
    },
    config: z.strictObject({
      perceptual_bits: z
        .number()
        .int()
        .min(-1)
        .max(32)
        .default(4)
        .describe(
          'Most bits (of 64) in which the hashes of one image may differ; -1: appearance does not count. At most retrieve’s near_duplicate_bits.',
        ),
      likeness: z
        .number()
        .min(-1)
        .max(1)
        .default(0.93)
        .describe(
          'Minimum cosine similarity of the image embeddings; required in addition to the hash. Scaled or compressed copies keep 0.94; different things with one hash reach 0.9.',
        ),
      exact: z.boolean().default(true).describe('Equal bytes are a duplicate.'),
    }),
    example: '- deduplicate: { perceptual_bits: 4 }',
    needs: ['clip', 'context'],
    optional: ['query', 'file', 'replaces'],
    adds: [],
  },
  {
    concurrency: 8,
    after: 'settled',
    open({ corpus, clock }) {
      const recent = new RecentMedia(1000, clock.elapsed);
      corpus.onRemoved((id) => recent.forget((document) => document === id));
      return recent;
    },
    async process(
      { clip, context, query, file, replaces = [] },
      { config: { perceptual_bits, likeness, exact }, corpus, state: recent, event, origin, part, signal },
    ) {
      // The same medium under another caption: what it made before is no other.
      recent.forget((document) => replaces.includes(document));
      // Parts of it may have been delivered before others were rejected.
      const isReplay = replayOf(origin) !== null;
      const isSame = (other: NearDuplicate) =>
        !replaces.includes(other.document) &&
        (!isOf(other, event) || (isReplay && other.exact)) &&
        maybeOneFilm(clip.film, other.film, perceptual_bits) &&
        ((exact && other.exact) ||
          (other.distance <= perceptual_bits && (other.likeness === null || other.likeness >= likeness)));
      const known =
        context.nearDuplicates.find(isSame) ??
        // It may have waited since its retrieval, and the index may have heard of more.
        (await nearDuplicates(clip, { distance: perceptual_bits, likeness }, corpus)).find(isSame);
      const claim = {
        event: eventKey(event),
        part,
        uri: file?.uri ?? event.id,
        document: documentId(query?.text ?? '', clip),
        contentHash: clip.keyframe.sha256,
        perceptual: clip.perceptual,
        film: clip.film,
        embedding: clip.imageEmbedding,
        signal,
      };
      const of = known ?? recent.like(claim, { exact, bits: perceptual_bits, likeness });
      if (of) return drop('duplicate', of.uri);
      recent.claim(claim);
      return {};
    },
    onOutcome({ event, parts }, { state: recent }) {
      const delivered = new Set(parts.filter(({ outcome }) => outcome.kind === 'delivered').map(({ part }) => part));
      recent.settle(eventKey(event), (part) => delivered.has(part));
      return [];
    },
  },
);

async function nearDuplicates(
  { keyframe, perceptual, imageEmbedding }: Clip,
  limits: { distance: number; likeness: number },
  corpus: Corpus,
): Promise<NearDuplicate[]> {
  const exclude = { contentHash: keyframe.sha256, perceptual, imageEmbedding, ...limits };
  return (await corpus.search({ text: '', mode: 'lexical', k: 0, exclude })).nearDuplicates;
}

/** Whether the document came from this very event. Of older ones the id alone is known. */
function isOf({ event: id, eventSource }: NearDuplicate, event: VimiEvent): boolean {
  return id === event.id && (eventSource === undefined || eventSource === event.source);
}
