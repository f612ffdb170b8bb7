import type { CorpusDocument } from '../../../events/schemas.js';

/** By the name of a score: what a document must have at least, or at most. */
export type ScoreLimits = Readonly<Record<string, { min?: number | undefined; max?: number | undefined }>>;

/** Whether a document keeps every limit. One that was never measured keeps none: what is not known is not safe. */
export function keepsLimits(document: CorpusDocument | null, limits: ScoreLimits): boolean {
  const scores = document?.scores ?? {};
  return Object.entries(limits).every(([name, { min = -Infinity, max = Infinity }]) => {
    const score = Object.hasOwn(scores, name) ? scores[name] : undefined;
    return score !== undefined && score >= min && score <= max;
  });
}
