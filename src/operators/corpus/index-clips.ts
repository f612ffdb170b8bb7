import { createHash } from 'node:crypto';
import { z } from 'zod';
import { encodeEvent } from '../../events/cloudevents.js';
import type { ClipRef } from '../../events/prompt.js';
import type { ClipSettled, CorpusDocument } from '../../events/schemas.js';
import { defineOperator } from '../../flow/define-operator.js';
import type { Clip, Has } from '../../flow/flow.js';
import { drop } from '../../flow/map-each.js';
import { removableOf } from '../../stores/removals/removals.js';
import { saidOf } from '../media/said.js';

/*
 * In      clip, query, embeddings
 * Out     the same; a corpus.document record, in the commit of the event
 * Drops   removed: it, or what it came from, was removed from the corpus
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
      out: 'The same, and a corpus.document record whose id follows from caption and image bytes; no record if the corpus has the same document already. Clips get one too: not retrievable unless documents is keyframes or clips is on, but known to deduplicate.',
      drops: 'removed: the document, its image, or what it came from was removed from the corpus.',
      fails: 'INDEX_DAMAGED after retries.',
      memory: 'None.',
    },
    config: z.strictObject({
      documents: z
        .enum(['stills', 'keyframes'])
        .default('stills')
        .describe('Which media can be retrieved: stills, as in the paper, or also the keyframes of clips.'),
      clips: z
        .boolean()
        .default(false)
        .describe('Clips can be retrieved as motion examples (retrieve: motions); the object store then keeps them.'),
      topic: z.string().min(1).default('corpus').describe('Topic of the documents.').meta({ topic: 'corpus.document' }),
      concurrency: z.number().int().min(1).max(64).default(8).describe('Documents looked up at once.'),
    }),
    example: '- index: { documents: stills }',
    needs: ['clip', 'query', 'embeddings'],
    optional: ['captions', 'file', 'media', 'replaces'],
    adds: [],
  },
  {
    concurrency: (config) => config.concurrency,
    async process(data, { config: { documents, clips, topic }, corpus, removals, event, output }) {
      const retrievable = documents === 'keyframes' || data.clip.kind === 'still';
      const document = documentOf(data, { retrievable, motion: clips }, event);
      if (removals.of(removableOf(document))) return drop('removed');
      const known = await corpus.get(document.id);
      // It may come again when more can be retrieved than before.
      const isCorrected = data.replaces?.includes(document.id);
      const isMore = known && ((retrievable && !known.retrievable) || (document.clip && !known.clip));
      if (known && !isMore && !isCorrected) return {};
      const { source, traceparent } = event;
      const { id } = document;
      output(encodeEvent({ schema: 'corpus.document', id, source, data: document, topic, key: id, traceparent }));
      return {};
    },
  },
);

/** Of a caption, an image and, where it is one, a clip: films of one caption may pass through the same frame. */
export function documentId(caption: string, { kind, keyframe, object }: Pick<Clip, 'kind' | 'keyframe' | 'object'>) {
  return documentIdBy(caption, { kind, keyframe: keyframe.sha256, object: object.sha256 });
}

/** The same, by the digests of its image and its clip. */
export function documentIdBy(
  caption: string,
  { kind, keyframe, object }: Pick<ClipSettled['clip'], 'kind' | 'keyframe' | 'object'>,
): string {
  const hashes = kind === 'clip' ? [keyframe, object] : [keyframe];
  return createHash('sha256')
    .update(JSON.stringify([caption, ...hashes]))
    .digest('hex');
}

/** The document of a medium. `retrievable`: as an image; `motion`: if it is a clip, as a motion example. */
export function documentOf(
  data: Has<'clip' | 'query' | 'embeddings'>,
  { retrievable, motion }: { retrievable: boolean; motion: boolean },
  event: { source: string; id: string },
): CorpusDocument {
  const { clip, query, captions, embeddings, file, media } = data;
  const caption = query.text;
  const said = media && file && saidOf(media, file);
  const uri = file?.uri ?? media?.uri ?? clip.object.key;
  return {
    id: documentId(caption, clip),
    kind: clip.kind,
    caption,
    ...(captions && { captions }),
    image: clip.keyframe,
    retrievable,
    ...(motion && clip.kind === 'clip' && { clip: clipRefOf(clip) }),
    ...(clip.scores && { scores: clip.scores }),
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
      ...{ event: event.id, event_source: event.source },
      ...(file && { sha256: file.sha256 }),
      ...(said !== undefined && said !== caption && { said }),
      ...(clip.kind === 'clip' && { start: clip.start, duration: clip.duration, clip: clip.object.sha256 }),
    },
  };
}

function clipRefOf({ object, frames, fps, duration }: Clip): ClipRef {
  return { ...object, frames, fps, seconds: duration };
}

/** Six decimals: the index keeps no more, and the record is a third as long. */
function shorten(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
