import { z } from 'zod';
import { defineOperator } from '../../flow/define-operator.js';
import { composePrompt } from './compose-prompt.js';

/*
 * In      query, context
 * Out     prompt: instruction, retrieved captions and images, retrieved motion examples, then the query's own parts (compose-prompt.ts)
 * Drops   nothing
 * Fails   nothing
 * Memory  none
 */
export const compose = defineOperator(
  {
    name: 'compose',
    summary: 'Puts the retrieved documents before the prompt, as text, images and clips in reading order.',
    contract: {
      in: 'query and context.',
      out: 'prompt: the instruction of its task; the caption and the image of each of the best documents; each motion example, a clip with its caption; the query’s own parts. The same for a request and for a training sample.',
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
          'Most documents of the context that enter the prompt, each with caption and image. The paper has one.',
        ),
      further: z
        .enum(['any', 'named'])
        .default('any')
        .describe(
          'Which documents follow the first: the next best, or only those that the prompt names or the request pins (see retrieve).',
        ),
    }),
    example: '- compose: { images: 3, further: named }',
    needs: ['query', 'context'],
    adds: ['prompt'],
  },
  {
    process: ({ query, context }, { config }) => ({ prompt: composePrompt(query, context.entries, config) }),
  },
);
