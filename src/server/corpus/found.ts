import { z } from 'zod';
import type { ContextEntry } from '../../events/prompt.js';

/** A document as a search found it. */
export const found = z
  .object({
    document: z.string().describe('its id'),
    caption: z.string(),
    kind: z.enum(['image', 'clip']).describe('clip: a motion example'),
    score: z.number().describe('reciprocal rank fusion; comparable within one search only'),
    ranks: z.record(z.string(), z.number()).describe('its place in each ranking that found it, from 1'),
    urls: z.object({ self: z.string(), image: z.string() }),
  })
  .meta({ id: 'FoundDocument' });

/** As retrieved, or as a job tells of it. */
type Found = Pick<ContextEntry, 'document' | 'caption' | 'score' | 'ranks'> & {
  clip?: unknown;
  kind?: 'image' | 'clip';
};

export function foundEntry({
  document,
  caption,
  clip,
  kind = clip ? 'clip' : 'image',
  score,
  ranks,
}: Found): z.infer<typeof found> {
  const self = `/v1/corpus/documents/${document}`;
  const places = Object.entries(ranks).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
  return { document, caption, kind, score, ranks: Object.fromEntries(places), urls: { self, image: `${self}/image` } };
}
