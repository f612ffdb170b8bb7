import { type Phrases, phrasesOf } from '../../language/phrases.js';
import { contentStems } from '../../language/stems.js';
import { unspaced, words } from '../../language/words.js';

/*
 * What the lexical index holds of a caption, and how it is asked. Words are split and stemmed here, so that SQLite has
 * nothing left to do but to keep them: its tokenizer knows no script without spaces, and no emoji.
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

const mostWords = 64;

export function indexed(caption: string): Indexed {
  const split = words(caption);
  const { subjects } = phrasesOf(caption);
  const names = subjects.flatMap(({ head, kinds, whole }) => [...head, ...(whole ? kinds.flat() : [])]);
  return {
    words: contentStems(split).join(' '),
    names: [...new Set(names)].join(' '),
    characters: split
      .filter((word) => unspaced.test(word))
      .flatMap((word) => [...word])
      .join(' '),
  };
}

/**
 * An FTS5 query that finds captions with any of the text's words, and with `named` those alone that are about something
 * that the text may name (names.ts decides). Each word is quoted, so that nothing in it is an operator. null when there is
 * nothing to look for. Words beyond the first 64 different ones are not looked for.
 */
export function lexicalQuery({ tokens, phrases }: Phrases, { named }: { named: boolean }): string | null {
  const split = tokens.map(({ word }) => word);
  const stems = first(contentStems(split));
  if (stems.length === 0) return null;
  const written = first(split.filter((word) => unspaced.test(word))).map((word) => [...word].join(' '));
  const any = either({ words: stems, characters: written });
  if (!named) return any;
  const spellings = first(phrases.flatMap(({ head, kinds, whole }) => [...head, ...(whole ? kinds.flat() : [])]));
  const about = either({ names: spellings });
  return about && `(${about}) AND (${about} OR ${any})`;
}

/** How much a word counts in each column, in the order of the table: names choose, they do not rank. */
export const columnWeights = '1.0, 0.0, 1.0';

function either(columns: Partial<Record<keyof Indexed, string[]>>): string | null {
  const parts = Object.entries(columns)
    .filter(([, list]) => list.length > 0)
    .map(([column, list]) => `${column} : (${list.map((word) => `"${word}"`).join(' OR ')})`);
  return parts.length > 0 ? parts.join(' OR ') : null;
}

const first = (list: string[]) => [...new Set(list)].slice(0, mostWords);
