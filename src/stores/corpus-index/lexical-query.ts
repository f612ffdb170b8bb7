/**
 * English function words. They say nothing about what is shown, and in a small corpus their idf is not yet low enough
 * to keep "a ... on the ..." from matching everything. Own choice: the paper says BM25 and no more.
 */
const stopWords = new Set(
  (
    'a about above after again all also am an and any are as at be been before being below between both but by can ' +
    'could did do does doing down during each few for from further had has have having he her here hers him his how i ' +
    'if in into is it its itself just me more most my no nor not now of off on once only or other our ours out over ' +
    'own s same she should so some such t than that the their theirs them then there these they this those through to ' +
    'too under until up very was we were what when where which while who whom why will with would you your yours'
  ).split(' '),
);

const mostWords = 64;

/** The words of a text in reading order, without function words; case and accents folded. At most the first 256. */
export function contentWords(text: string): string[] {
  return wordsOf(text)
    .slice(0, 256)
    .filter((word) => !stopWords.has(word))
    .map((word) => word.normalize('NFKD').replace(/\p{M}+/gu, ''));
}

/**
 * An FTS5 query that finds captions with any of the text's words: each word quoted, so that nothing in it is an
 * operator. null when no word is left to look for. Words beyond the first 64 different ones are not looked for.
 */
export function lexicalQuery(text: string): string | null {
  const words = new Set<string>();
  for (const word of wordsOf(text)) {
    if (words.size >= mostWords) break;
    if (!stopWords.has(word)) words.add(word);
  }
  return words.size === 0 ? null : [...words].map((word) => `"${word}"`).join(' OR ');
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
}
