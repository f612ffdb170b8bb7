import { z } from 'zod';
import { defineOperator } from '../../flow/define-operator.js';
import { decodedImage } from '../decoded-image.js';

/*
 * In      query; clip where there is one
 * Out     embeddings: of the text, and of the clip's keyframe or the query's first image
 * Drops   nothing
 * Fails   OBJECT_NOT_FOUND, OBJECT_DAMAGED, MEDIA_DAMAGED, MEDIA_TOO_LARGE (an image of the query)
 * Memory  `concurrency` decoded images, and those that were decoded last (decoded-image.ts)
 */

export const embed = defineOperator(
  {
    name: 'embed',
    summary: 'Turns the text and the first image of a prompt into vectors for comparison.',
    contract: {
      in: 'query; a clip where there is one.',
      out: 'embeddings of unit length: of the text, and of the clip’s keyframe (computed by split) or otherwise of the first image of the query.',
      drops: 'Nothing.',
      fails: 'OBJECT_NOT_FOUND, OBJECT_DAMAGED, MEDIA_TOO_LARGE or MEDIA_DAMAGED for an image of the query.',
      memory:
        'The images that are embedded at once, decoded, and up to 64 MiB of the images decoded last, which the steps of a process share.',
    },
    config: z.strictObject({
      concurrency: z.number().int().min(1).max(64).default(4).describe('Prompts embedded at once.'),
    }),
    example: '- embed',
    needs: ['query'],
    optional: ['clip'],
    adds: ['embeddings'],
  },
  {
    concurrency: (config) => config.concurrency,
    async process({ query, clip }, { embedder, objects }) {
      const text = await embedder.text(query.text);
      const first = query.parts.find((part) => 'image' in part);
      let image = clip?.imageEmbedding;
      if (!image && first && 'image' in first) {
        image = await embedder.image(await decodedImage(first.image, objects));
      }
      return {
        embeddings: { model: embedder.name, text, ...(image && { image }), ...(embedder.joint && { joint: true }) },
      };
    },
  },
);
