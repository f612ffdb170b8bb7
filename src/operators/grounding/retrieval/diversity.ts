import type { ContextEntry } from '../../../events/prompt.js';

/** The embeddings of a document, of unit length. */
export interface Appearance {
  caption: readonly number[];
  image: readonly number[];
}

/**
 * Maximal marginal relevance (Carbonell and Goldstein, 1998): next comes the entry with the best
 *
 *   (1 - diversity) relevance - diversity likeness,
 *
 * where relevance falls evenly from 1 at the first place to 0 behind the last, and likeness is that to the most alike of
 * those before it: the mean of the cosines of captions and of images. What the prompt names stays in front. 0 changes nothing.
 */
export function diversified(
  entries: readonly ContextEntry[],
  appearances: ReadonlyMap<string, Appearance>,
  diversity: number,
): ContextEntry[] {
  const taken = entries.filter(({ ranks }) => ranks.named);
  const waiting = entries.flatMap((entry, n) =>
    entry.ranks.named ? [] : [{ entry, relevance: 1 - n / entries.length }],
  );
  while (waiting.length > 0) {
    const worth = waiting.map(({ entry, relevance }) => {
      const likeness = Math.max(
        0,
        ...taken.map((one) => alike(appearances.get(one.document), appearances.get(entry.document))),
      );
      return (1 - diversity) * relevance - diversity * likeness;
    });
    // Of equals the first: the order that they came in.
    taken.push(waiting.splice(worth.indexOf(Math.max(...worth)), 1)[0]!.entry);
  }
  return taken;
}

/** 0 where one of them is not known. */
function alike(a: Appearance | undefined, b: Appearance | undefined): number {
  return a && b ? (dot(a.caption, b.caption) + dot(a.image, b.image)) / 2 : 0;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.length === b.length ? a.reduce((sum, value, i) => sum + value * b[i]!, 0) : 0;
}
