import { functionWords, type Language } from './function-words.js';

/**
 * The language of a text, as far as its words tell: by the script where one language or grammar goes with it; of Latin
 * script by function words, English where they do not decide. For short texts that is a guess, good enough for what follows
 * from it: which words are function words, which stems, and where a phrase has its head.
 */
export function languageOf(words: readonly string[]): Language {
  const text = words.join(' ');
  if (isAscii.test(text)) return latinOf(words);
  for (const [language, script] of scripts) if (script.test(text)) return language;
  if (/\p{L}/u.test(text) && !/\p{Script=Latin}/u.test(text)) return 'other';
  return latinOf(words);
}

function latinOf(words: readonly string[]): Language {
  let [best, most] = ['en' as Language, count('en', words)];
  for (const language of latin) {
    const n = count(language, words);
    if (n > most) [best, most] = [language, n];
  }
  return best;
}

/** Which of a text's words are function words in its language. */
export function functionWordsOf(words: readonly string[]): ReadonlySet<string> {
  return functionWords[languageOf(words)];
}

const isAscii = /^[\x20-\x7e]*$/;

/** The first that is found; kana before Han, because Japanese has both. */
const scripts: [Language, RegExp][] = [
  ['ja', /[\p{Script=Hiragana}\p{Script=Katakana}]/u],
  ['ko', /\p{Script=Hangul}/u],
  ['zh', /\p{Script=Han}/u],
  ['th', /\p{Script=Thai}/u],
  ['lo', /\p{Script=Lao}/u],
  ['km', /\p{Script=Khmer}/u],
  ['ar', /\p{Script=Arabic}/u],
  ['he', /\p{Script=Hebrew}/u],
  ['ru', /\p{Script=Cyrillic}/u],
];

const latin: Language[] = ['de', 'fr', 'es', 'it', 'pt', 'nl'];

/** Single letters but "a" are words of many languages, and parts of others: jack-o-lantern. */
function count(language: Language, words: readonly string[]): number {
  return words.reduce(
    (n, word) => n + ((word.length > 1 || word === 'a') && functionWords[language].has(word) ? 1 : 0),
    0,
  );
}
