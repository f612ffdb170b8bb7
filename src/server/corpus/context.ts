import { z } from 'zod';
import type { Grounding } from '../../app/grounding.js';
import { either } from '../../core/either.js';
import { VimiError } from '../../core/errors.js';
import { corpusState, prompt } from '../../events/prompt.js';
import { generationRequested } from '../../events/schemas.js';
import { answers, json } from '../answers/answers.js';
import { gone } from '../answers/gone.js';
import type { App } from '../app.js';
import { checkUris } from '../images/references.js';
import { knownParts } from '../known-parts.js';
import { found, foundEntry } from './found.js';

const { prompt: asked, task, retrieval } = generationRequested.shape;

const grounded = z
  .object({
    text: z.string().describe('what was searched for'),
    context: z.array(found).describe('what would be retrieved, best first'),
    corpus: corpusState,
    prompt: prompt.nullable().describe('what the model would read'),
  })
  .meta({ id: 'Context' });

/** A store that is away is waited for so long. */
const longestMs = 60_000;

/** POST /v1/context: what a request would be grounded in, before anything is drawn. */
export function addContextRoute(app: App, grounding: () => Promise<Grounding>, closing: AbortSignal): void {
  app.post(
    '/v1/context',
    {
      config: { scope: 'read' },
      schema: {
        ...{ tags: ['corpus'], operationId: 'getContext' },
        summary: 'What a request would be grounded in; nothing is drawn',
        body: z.strictObject({ prompt: asked, task, retrieval }).superRefine(knownParts).meta({ id: 'ContextRequest' }),
        response: answers({ 200: json('What the steps of the pipeline retrieve and compose.', grounded) }),
      },
    },
    async ({ body }, reply) => {
      checkUris(body.prompt);
      const { ground } = await grounding();
      const late = AbortSignal.timeout(longestMs);
      const { signal, letGo } = either(closing, gone(reply), late);
      const {
        query,
        context,
        prompt: composed,
      } = await ground(body, signal)
        .catch((thrown) => {
          if (!late.aborted) throw thrown;
          throw new VimiError('TIMED_OUT', 'The prompt was not grounded in time', {
            ...{ expected: `within ${longestMs / 1000} s`, cause: thrown },
            remedy: 'Ask again later; GET /ready says what is missing.',
          });
        })
        .finally(letGo);
      return {
        text: query.text,
        context: context.entries.map(foundEntry),
        corpus: context.corpus,
        prompt: composed ?? null,
      };
    },
  );
}
