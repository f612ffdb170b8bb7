import { fold } from './fold.js';

/**
 * The one splitter of text into words: what retrieval, names, embeddings, the networks and training call a word.
 *
 * A word is a run of letters, digits and marks, or an emoji. Scripts that write no spaces (Chinese, Japanese, Thai, Lao,
 * Khmer, Burmese) are split by ICU's dictionaries, which come with Node. Words are folded, so that spellings of one word
 * are one: case, accents, width, the points of Arabic and Hebrew, katakana as hiragana, skin tones of emoji.
 */
export interface Token {
  /** Folded. */
  word: string;
  /** As it stands in the `composed` text, and where. */
  text: string;
  at: number;
  /** A phrase ends before it: punctuation stands there, or one of the two is an emoji. */
  breaks: boolean;
  /** Written together with the token before: by a hyphen, by an apostrophe, or without anything between. */
  joined: '' | '-' | "'" | 'together';
}

/** Words of a text in reading order. */
export function words(text: string): string[] {
  return tokens(text).map(({ word }) => word);
}

export function tokens(text: string): Token[] {
  const written = composed(text);
  const found: Token[] = [];
  let end = 0;
  for (const match of written.matchAll(wordOrEmoji)) {
    let at = match.index;
    for (const part of unspaced.test(match[0]) ? segments(match[0]) : [match[0]]) {
      const word = fold(part);
      if (word !== '') {
        const between = written.slice(end, at);
        const joined = found.length === 0 ? '' : joins(between);
        const beside = isEmoji(word) || (found.length > 0 && isEmoji(found.at(-1)!.word));
        const breaks = beside || (joined === '' && /[^\s"“”«»„]/u.test(between));
        found.push({ word, text: part, at, joined, breaks });
        end = at + part.length;
      }
      at += part.length;
    }
  }
  return found;
}

/** True for a character of a script that writes no spaces. */
export const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

// Copyright signs and the like are pictographs by Unicode, and no words.
const emoji =
  '(?![\\u00a9\\u00ae])\\p{Extended_Pictographic}(?:\\ufe0f|\\p{Emoji_Modifier})*' +
  '(?:\\u200d\\p{Extended_Pictographic}(?:\\ufe0f|\\p{Emoji_Modifier})*)*|\\p{Regional_Indicator}{2}';
const wordOrEmoji = new RegExp(`[\\p{L}\\p{N}\\p{M}]+|${emoji}`, 'gu');

export function isEmoji(word: string): boolean {
  return !/[\p{L}\p{N}]/u.test(word);
}

const dictionaries = new Intl.Segmenter('en', { granularity: 'word' });

/** A text as it is split: by NFKC, in which Thai and Lao have one vowel whole that Unicode takes apart, as the dictionaries know it. */
export function composed(text: string): string {
  return text.normalize('NFKC').replaceAll('\u0e4d\u0e32', '\u0e33').replaceAll('\u0ecd\u0eb2', '\u0eb3');
}

/** Each segment holds a copy of the whole text that it comes from, so long ones are cut first, at worst within a word. */
function segments(run: string): string[] {
  const pieces = run.match(/.{1,200}/gsu) ?? [];
  return pieces.flatMap((piece) => [...dictionaries.segment(piece)].map(({ segment }) => segment));
}

function joins(between: string): Token['joined'] {
  if (between === '') return 'together';
  if (/^[-‐‑]$/u.test(between)) return '-';
  return /^['’ʼ]$/u.test(between) ? "'" : '';
}
