import { z } from 'zod';
import { characters } from './input.js';

/** Characters of a caption. */
export const mostCaption = 4000;
/** The same of a clip in a request, which stands in its prompt. */
export const mostClipCaption = 1000;

/** A text that says what a medium shows, and who made it. */
export const madeCaption = z.looseObject({
  text: characters(1, mostCaption),
  by: characters(1, 200).describe(
    'who made it: given (the event), sidecar, metadata, template, or the name of a captioner and its version',
  ),
  language: characters(1, 35).optional().describe('as the captioner says it, such as en'),
  score: z.number().min(0).max(1).optional().describe('how sure the captioner is of it'),
});
export type MadeCaption = z.infer<typeof madeCaption>;

/** Words about a medium that are no caption, by name: captions are made of them by a template. */
export const labels = z
  .record(characters(1, 64), z.union([characters(0, 1000), z.number(), z.boolean()]))
  .refine((fields) => Object.keys(fields).length <= 64, 'at most 64 labels');
export type Labels = z.infer<typeof labels>;
