import { createHash } from 'node:crypto';
import { z } from 'zod';
import { encodeEvent } from '../events/cloudevents.js';
import type { CorpusDocument } from '../events/schemas.js';
import { captionOf } from './caption.js';
import type { Has } from './flow.js';
import { mapEach } from './map-each.js';
import { defineOperator } from './operator.js';

/*
 * In      clip, query, embeddings
 * Out     the same; a corpus.document record, in the commit of the event
 * Drops   nothing
 * Fails   INDEX_DAMAGED when the index is not filled again in time
 * Memory  none
 *
 * The index itself is fed from the topic alone: what a crash takes back was never seen by anybody.
 */
export const indexClips = defineOperator(
  {
    name: 'index',
    summary: 'Adds each medium to the corpus.',
    contract: {
      in: 'clip, query and embeddings.',
      out: 'The same, and a corpus.document record under an id that follows from caption and image bytes; none when the corpus has that document as it is. Clips get one too: not retrievable (unless documents says keyframes), but known to deduplicate.',
      drops: 'Nothing.',
      fails: 'INDEX_DAMAGED after retries.',
      memory: 'None.',
    },
    config: z.strictObject({
      documents: z
        .enum(['stills', 'keyframes'])
        .default('stills')
        .describe('What can be retrieved: stills, as in the paper, or the keyframes of clips too.'),
      topic: z.string().min(1).default('corpus').describe('Topic of the documents.').meta({ topic: 'corpus.document' }),
      concurrency: z.number().int().min(1).max(64).default(8).describe('Documents looked up at once.'),
    }),
    example: '- index: { documents: stills }',
    needs: ['clip', 'query', 'embeddings'],
    adds: [],
  },
  ({ documents, topic, concurrency }, { clock, corpus }) => ({
    step: mapEach<'clip' | 'query' | 'embeddings'>(
      async (data, envelope) => {
        const retrievable = documents === 'keyframes' || data.clip.kind === 'still';
        const document = documentOf(data, retrievable, envelope.event.id);
        const known = await corpus.get(document.id);
        // A clip's keyframe may come again as a still: then it can be retrieved from now on.
        const isCorrected = data.replaces?.includes(document.id);
        if (known && (known.retrievable || !retrievable) && !isCorrected) return {};
        const { source, traceparent } = envelope.event;
        const { id } = document;
        envelope.output(
          encodeEvent({ schema: 'corpus.document', id, source, data: document, topic, key: id, traceparent }),
        );
        return {};
      },
      { step: 'index', concurrency, clock },
    ),
  }),
);

/** Of a caption and the SHA-256 of a picture. */
export function documentId(caption: string, picture: string): string {
  return createHash('sha256')
    .update(JSON.stringify([caption, picture]))
    .digest('hex');
}

/** The document of a medium; its id is the hash of its caption and image. */
export function documentOf(
  data: Has<'clip' | 'query' | 'embeddings'>,
  retrievable: boolean,
  event: string,
): CorpusDocument {
  const { clip, query, embeddings, file, media } = data;
  const caption = query.text;
  const said = media && file && (captionOf(media, file) ?? '');
  const uri = file?.uri ?? media?.uri ?? clip.object.key;
  return {
    id: documentId(caption, clip.keyframe.sha256),
    caption,
    image: clip.keyframe,
    retrievable,
    embeddings: {
      model: embeddings.model,
      caption: embeddings.text.map(shorten),
      image: clip.imageEmbedding.map(shorten),
    },
    hashes: { content: clip.keyframe.sha256, perceptual: clip.perceptual, ...(clip.film && { film: clip.film }) },
    provenance: {
      uri,
      source: file?.source ?? media?.source ?? uri,
      licence: file?.licence ?? media?.licence ?? 'unknown',
      event,
      ...(file && { sha256: file.sha256 }),
      ...(said !== undefined && said !== caption && { said }),
      ...(clip.kind === 'clip' && { start: clip.start, duration: clip.duration }),
    },
  };
}

/** Six decimals: the index keeps no more, and the record is a third as long. */
function shorten(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
