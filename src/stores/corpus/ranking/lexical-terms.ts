import type { Phrases } from '../../../language/phrase.js';
import { mostTokens, phrasesOf } from '../../../language/phrases.js';
import { contentStems } from '../../../language/stems.js';
import { unspaced, words } from '../../../language/words.js';

/*
 * What a lexical index holds of a caption, and what it is asked. Words are split and stemmed here, so that an engine has
 * nothing left to do but to keep and rank them: its own tokenizer knows no script without spaces, and no emoji.
 */

/** The columns of a caption. */
export interface Indexed {
  /** Stems of its words, without function words: what BM25 ranks. */
  words: string;
  /** The spellings of what it is about. */
  names: string;
  /** Its text in scripts without spaces, character by character: found whatever a dictionary makes of it. */
  characters: string;
}

/** What is looked for: any of the stems among `words`, any of the runs of characters in `characters`. */
export interface LexicalTerms {
  stems: string[];
  /** Each is one word of a script without spaces: its characters stand next to each other. */
  runs: string[];
  /** Of what a caption is about, one of these must be among its `names`; null: anything will do. */
  names: string[] | null;
}

export const mostWords = 64;

export function indexed(caption: string, { language, tokens, subjects } = phrasesOf(caption)): Indexed {
  const isWhole = tokens.length < mostTokens;
  const split = isWhole ? tokens.map(({ word }) => word) : words(caption);
  const names = subjects.flatMap(({ head, kinds, whole }) => [...head, ...(whole ? kinds.flat() : [])]);
  return {
    words: (isWhole ? contentStems(split, language) : contentStems(split)).join(' '),
    names: [...new Set(names)].join(' '),
    characters: split
      .filter((word) => unspaced.test(word))
      .flatMap((word) => [...word])
      .join(' '),
  };
}

/**
 * What finds captions with any of the text's words, and with `named` those alone that are about something that the text may
 * name (names.ts decides). null when there is nothing to look for. Words beyond the first 64 different ones are not looked for.
 */
export function lexicalTerms(text: Phrases, { named }: { named: boolean }): LexicalTerms | null {
  const { language, tokens } = text;
  const split = tokens.map(({ word }) => word);
  const stems = first(contentStems(split, language));
  if (stems.length === 0) return null;
  const runs = first(split.filter((word) => unspaced.test(word)));
  if (!named) return { stems, runs, names: null };
  const names = first(text.phrases.flatMap(({ head, kinds, whole }) => [...head, ...(whole ? kinds.flat() : [])]));
  return names.length > 0 ? { stems, runs, names } : null;
}

const first = (list: string[]) => [...new Set(list)].slice(0, mostWords);
