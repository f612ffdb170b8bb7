import { auxiliaries, isKnownVerb } from './english-words.js';
import { functionWords } from './function-words.js';
import type { Phrases } from './phrase.js';
import { stem } from './stems.js';

/** Before a word that may be a verb, it is one: "a ball that spins", "sits and looks". */
const joining = new Set(['that', 'and', 'then']);

/**
 * What happens in a text, as stems in reading order, each once: "a fox runs and is jumping" has run and jump. To sit counts
 * too, since who sits does not run. Verbs of English alone: those that stand outside of names and are on the list of common
 * ones, or end like one. Of other languages none are known.
 */
export function motionsOf({ language, tokens, phrases }: Phrases): string[] {
  if (language !== 'en') return [];
  const isName = (place: number) => {
    const name = phrases.find(({ from, to }) => from <= place && place < to);
    const isJoined = joining.has(tokens[place - 1]?.word ?? '') && isKnownVerb(tokens[place]!.word);
    return name !== undefined && !(isJoined && name.to - name.from === 1);
  };
  const found = tokens.flatMap(({ word }, place) => (!isName(place) && isVerb(word) ? [english(word)] : []));
  return [...new Set(found)];
}

function isVerb(word: string): boolean {
  if (auxiliaries.has(word) || functionWords.en.has(word)) return false;
  return isKnownVerb(word) || (word.length > 4 && /(?:ing|ed)$/.test(word));
}

/** Of flies and flying alike. */
function english(word: string): string {
  return stem(word, 'en').replace(/i$/, 'y');
}
