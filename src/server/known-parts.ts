import type { z } from 'zod';
import type { GenerationRequested } from '../events/schemas.js';
import { unknownFields } from '../events/unknown-fields.js';

/**
 * Refuses fields within the parts of a prompt that nothing reads. Over Kafka they survive, for whoever else reads the event;
 * over HTTP a misspelt name would be taken in silence.
 */
export function knownParts({ prompt }: { prompt: GenerationRequested['prompt'] }, context: z.RefinementCtx): void {
  for (const { path } of unknownFields('generation.requested', { prompt })) {
    const steps = path.split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step));
    context.addIssue({
      code: 'unrecognized_keys',
      keys: [String(steps.at(-1))],
      path: steps.slice(0, -1),
    });
  }
}
