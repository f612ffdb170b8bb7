import type { Language } from './function-words.js';
import type { Token } from './words.js';

/**
 * A phrase that names something: the head of "a big red apple" is "apple". Words that only describe (big, red) are told
 * from those that may make it another thing (a palm tree, a teddy bear).
 */
export interface Phrase {
  /** Of each word of the name the spellings that it goes by: singular, stem, without a particle. */
  head: readonly string[];
  kinds: (readonly string[])[];
  /**
   * The language does not show which word is the head, so head and kinds together are the name: it names what has exactly
   * these words, or, where function words are not known either, what has them among its own.
   */
  whole: 'exactly' | 'among' | null;
  /** Words that describe. */
  light: string[];
  /** It speaks of things, not of a stuff or a manner: "an apple", "apples", but "in spring". */
  counted: boolean;
  /** Where it stands among the text's tokens; it ends after the head. */
  from: number;
  to: number;
}

export interface Phrases {
  language: Language;
  tokens: Token[];
  /** In the text's order. */
  readonly phrases: Phrase[];
  /** What the text is about, taken as a caption: any of these; none when it names nothing. */
  readonly subjects: Phrase[];
}

/** What of a phrase decides whether something else names the same. */
export type Named = Pick<Phrase, 'head' | 'kinds' | 'whole' | 'light'>;
