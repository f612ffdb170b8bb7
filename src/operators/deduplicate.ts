import { z } from 'zod';
import { replayOf } from '../events/replay.js';
import { maybeOneFilm } from '../models/embedding/film-hash.js';
import { documentId } from './index-clips.js';
import { drop, mapEach } from './map-each.js';
import { defineOperator } from './operator.js';
import { RecentMedia } from './recent-media.js';

/*
 * In      clip, context (whose near-duplicates retrieve found)
 * Out     the same
 * Drops   duplicate: an event before it brought the same picture, or one that looks the same; of clips, if they do so
 *         throughout
 * Fails   nothing
 * Memory  the hashes of what is under way in this process, and of the last 1,000 that are done
 *
 * Two equal media at once: the second to arrive here is dropped. When the first is then rejected by a later step, both
 * are out; publishing it again brings it in. Two processes that meet equal media within the moment that the index
 * needs to hear of the first let one each pass: docs/architecture.md, "The corpus".
 * An event never stands in its own way: redone after a crash it passes again, and equal clips of one video all pass. Only
 * of a replayed one, whose other parts may have been delivered before, what brought the same picture then is dropped.
 */
export const deduplicate = defineOperator(
  {
    name: 'deduplicate',
    summary: 'Leaves out media that the corpus already has.',
    contract: {
      in: 'clip and context.',
      out: 'The same.',
      drops:
        'duplicate: another event brought the same picture (the keyframe’s bytes) or one that looks the same: its perceptual hash at most perceptual_bits away, its embedding at least likeness like. A clip is judged by its keyframe, and is a duplicate of another clip only if four frames spread over both look alike too. Flat pictures (plain black) look like nothing: only equal bytes count. Of two at once in one process the later is dropped, even if the earlier is rejected afterwards; of those that several processes meet at the same moment, each may let one pass. Of an event that was replayed, what brought the same picture before is dropped.',
      fails: 'Nothing.',
      memory: 'Hashes of what is under way, and of the last 1,000 that are done.',
    },
    config: z.strictObject({
      perceptual_bits: z
        .number()
        .int()
        .min(-1)
        .max(32)
        .default(4)
        .describe(
          'Of 64: hashes at most so far apart are one picture; -1: looks do not count. At most retrieve’s near_duplicate_bits.',
        ),
      likeness: z
        .number()
        .min(-1)
        .max(1)
        .default(0.93)
        .describe(
          'And whose image embeddings are at least so alike (cosine). Copies that were scaled or compressed keep 0.94; different things with one hash reach 0.9.',
        ),
      exact: z.boolean().default(true).describe('Equal bytes are a duplicate.'),
    }),
    example: '- deduplicate: { perceptual_bits: 4 }',
    needs: ['clip', 'context'],
    adds: [],
  },
  ({ perceptual_bits, likeness, exact }, { clock, corpus }) => {
    const recent = new RecentMedia(1000);
    corpus.onRemoved((id) => recent.forget((document) => document === id));
    return {
      step: mapEach<'clip' | 'context'>(
        ({ clip, context, query, file, replaces = [] }, { event, origin, part, signal }) => {
          // The same medium under another caption: what it made before is no other.
          recent.forget((document) => replaces.includes(document));
          // Parts of it may have been delivered before others were rejected.
          const isReplay = replayOf(origin) !== null;
          const known = context.nearDuplicates.find(
            (other) =>
              !replaces.includes(other.document) &&
              (other.event !== event.id || (isReplay && other.exact)) &&
              maybeOneFilm(clip.film, other.film, perceptual_bits) &&
              ((exact && other.exact) ||
                (other.distance <= perceptual_bits && (other.likeness === null || other.likeness >= likeness))),
          );
          const claim = {
            event: event.id,
            part,
            uri: file?.uri ?? event.id,
            document: documentId(query?.text ?? '', clip.keyframe.sha256),
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
        { step: 'deduplicate', concurrency: 1, clock },
      ),
      onFate({ event, parts }) {
        const delivered = new Set(parts.filter(({ fate }) => fate.kind === 'delivered').map(({ part }) => part));
        recent.settle(event.id, (part) => delivered.has(part));
        return [];
      },
    };
  },
);
