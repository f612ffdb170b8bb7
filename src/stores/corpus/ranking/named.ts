import type { Phrases } from '../../../language/phrase.js';
import { contentStems } from '../../../language/stems.js';
import { words as wordsOf } from '../../../language/words.js';

/**
 * Which captions a text names: those whose words stand in it next to each other ("a fox" and "the bay of Dugibor" in
 * "a fox moves left in front of the bay of Dugibor"). Function words, case, accents and inflection do not count. Where names overlap
 * the longest is meant: "a black cat" names no cat beside it. Of equal captions the first is taken.
 *
 * Returns them in the order of the text.
 */
export function namedIn<C extends { caption: string }>(text: Phrases, captions: readonly C[]): C[] {
  const words = contentStems(
    text.tokens.map(({ word }) => word),
    text.language,
  );
  const spans = captions.flatMap((found) => {
    const name = contentStems(wordsOf(found.caption));
    if (name.length === 0) return [];
    return words.flatMap((_, from) =>
      name.every((word, i) => word === words[from + i]) ? [{ found, from, to: from + name.length }] : [],
    );
  });
  const taken: typeof spans = [];
  for (const span of spans.sort((a, b) => b.to - b.from - (a.to - a.from)))
    if (taken.every(({ from, to }) => span.to <= from || to <= span.from)) taken.push(span);
  return [...new Set(taken.sort((a, b) => a.from - b.from).map(({ found }) => found))];
}
