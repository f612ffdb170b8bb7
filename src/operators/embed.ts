import { z } from 'zod';
import { decodePicture } from '../media/pictures.js';
import { mapEach } from './map-each.js';
import { defineOperator } from './operator.js';

/*
 * In      query; clip where there is one
 * Out     embeddings: of the text, and of the clip's keyframe or the query's first image
 * Drops   nothing
 * Fails   OBJECT_NOT_FOUND, OBJECT_DAMAGED, MEDIA_DAMAGED, MEDIA_TOO_LARGE (an image of the query)
 * Memory  `concurrency` decoded images
 */

const imageBytes = 32 * 1024 * 1024;

export const embed = defineOperator(
  {
    name: 'embed',
    summary: 'Turns the text and the first image of a prompt into vectors that can be compared.',
    contract: {
      in: 'query; a clip where there is one.',
      out: 'embeddings, of unit length: of the text, and of the clip’s keyframe (as split computed it) or else of the first image of the query.',
      drops: 'Nothing.',
      fails: 'OBJECT_NOT_FOUND, OBJECT_DAMAGED, MEDIA_TOO_LARGE or MEDIA_DAMAGED for an image of the query.',
      memory: 'As many decoded images as are embedded at once.',
    },
    config: z.strictObject({
      concurrency: z.number().int().min(1).max(64).default(4).describe('Prompts embedded at once.'),
    }),
    example: '- embed',
    needs: ['query'],
    adds: ['embeddings'],
  },
  ({ concurrency }, { clock, embedder, objects }) => ({
    step: mapEach<'query'>(
      async ({ query, clip }) => {
        const text = embedder.text(query.text);
        const first = query.parts.find((part) => 'image' in part);
        let image = clip?.imageEmbedding;
        if (!image && first && 'image' in first) {
          const { key, sha256 } = first.image;
          image = embedder.image(await decodePicture(await objects.get(key, { sha256, maxBytes: imageBytes }), key));
        }
        return { embeddings: { model: embedder.name, text, ...(image && { image }) } };
      },
      { step: 'embed', concurrency, clock },
    ),
  }),
);
