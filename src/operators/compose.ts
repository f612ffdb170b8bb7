import { z } from 'zod';
import { composePrompt } from './compose-prompt.js';
import { mapEach } from './map-each.js';
import { defineOperator } from './operator.js';

/*
 * In      query, context
 * Out     prompt: instruction, retrieved captions and images, then the query's own parts (compose-prompt.ts)
 * Drops   nothing
 * Fails   nothing
 * Memory  none
 */
export const compose = defineOperator(
  {
    name: 'compose',
    summary: 'Puts what was retrieved before the prompt, as text and images in reading order.',
    contract: {
      in: 'query and context.',
      out: 'prompt: the instruction of its task; the caption and the image of each of the best documents; the query’s own parts. The same for a request and for a training sample.',
      drops: 'Nothing.',
      fails: 'Nothing.',
      memory: 'None.',
    },
    config: z.strictObject({
      images: z
        .number()
        .int()
        .min(0)
        .max(16)
        .default(1)
        .describe(
          'Documents of the context that enter the prompt at most, each with caption and image; one, as in the paper.',
        ),
      further: z
        .enum(['any', 'named'])
        .default('any')
        .describe('Which enter after the first: the next best, or only those that the prompt names (see retrieve).'),
    }),
    example: '- compose: { images: 3, further: named }',
    needs: ['query', 'context'],
    adds: ['prompt'],
  },
  (config, { clock }) => ({
    step: mapEach<'query' | 'context'>(
      ({ query, context }) => ({ prompt: composePrompt(query, context.entries, config) }),
      { step: 'compose', concurrency: 1, clock },
    ),
  }),
);
