import { entitiesOf } from '../../../language/entities.js';
import { isOnlyMentioned } from '../../../language/names.js';
import { phrasesOf } from '../../../language/phrases.js';
import type { Corpus, SearchQuery, SearchResult } from '../../../stores/corpus/corpus.js';
import { inTurn } from './in-turn.js';

/** What a corpus has for a prompt. `more`: it may have others beyond these. */
export interface Candidates extends SearchResult {
  more: boolean;
}

/** The candidates for a whole prompt: one search. */
export async function forPrompt(search: SearchQuery, corpus: Corpus): Promise<Candidates> {
  const result = await corpus.search(search);
  return { ...result, more: result.context.length >= search.k };
}

/**
 * The same, and for each thing that the prompt names by itself, in turn. A word that the whole prompt uses for another
 * thing finds nothing: the "fire" of "a fire hydrant" is no fire.
 */
export async function forEntities(
  search: SearchQuery,
  { corpus, embed }: { corpus: Corpus; embed(text: string): Promise<number[]> },
): Promise<Candidates> {
  const whole = await forPrompt(search, corpus);
  const entities = entitiesOf(search.text);
  if (entities.length < 2) return whole;
  const asked = phrasesOf(search.text);
  const { imageEmbedding: image, textAmongImages, ...words } = search;
  const each = await Promise.all(
    entities.map(async (text) => {
      const textEmbedding = await embed(text);
      const among = image && textAmongImages && { imageEmbedding: textEmbedding, textAmongImages };
      return forPrompt({ ...words, ...among, text, textEmbedding, names: false }, corpus);
    }),
  );
  const found = each.map(({ context }) =>
    context.filter(({ caption }) => !search.onlyNamed || !isOnlyMentioned(phrasesOf(caption), asked)),
  );
  return { ...whole, context: inTurn([whole.context, ...found]), more: [whole, ...each].some(({ more }) => more) };
}
