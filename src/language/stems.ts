import { stemmer as arabic } from '@orama/stemmers/arabic';
import { stemmer as dutch } from '@orama/stemmers/dutch';
import { stemmer as english } from '@orama/stemmers/english';
import { stemmer as french } from '@orama/stemmers/french';
import { stemmer as german } from '@orama/stemmers/german';
import { stemmer as italian } from '@orama/stemmers/italian';
import { stemmer as portuguese } from '@orama/stemmers/portuguese';
import { stemmer as russian } from '@orama/stemmers/russian';
import { stemmer as spanish } from '@orama/stemmers/spanish';
import { functionWords, type Language } from './function-words.js';
import { withoutParticle } from './korean.js';
import { languageOf } from './language-of.js';

const stemmers: Partial<Record<Language, (word: string) => string>> = {
  en: english,
  de: german,
  fr: french,
  es: spanish,
  it: italian,
  pt: portuguese,
  nl: dutch,
  ru: russian,
  ar: arabic,
  ko: (word) => withoutParticle(word)?.base ?? word,
};

/** What inflected forms of a word share (Snowball's stemmers; Korean without its particle); the word where none is known. */
export function stem(word: string, language: Language): string {
  return stemmers[language]?.(word) || word;
}

/** What is searched for and what is indexed: the stems of a text's words, in their order, without function words. */
export function contentStems(words: readonly string[], language = languageOf(words)): string[] {
  return words.filter((word) => !functionWords[language].has(word)).map((word) => stem(word, language));
}
