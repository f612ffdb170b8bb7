import { englishPhrases } from './english.js';
import type { Language } from './function-words.js';
import { type Grammar, grammars } from './grammars.js';
import { languageOf } from './language-of.js';
import type { Phrase, Phrases } from './phrase.js';
import { stem } from './stems.js';
import { isEmoji, type Token, tokens } from './words.js';

/** A longer text names by its beginning. */
export const mostTokens = 512;

export function phrasesOf(text: string): Phrases {
  const found = tokens(text).slice(0, mostTokens);
  const language = languageOf(found.map(({ word }) => word));
  // Read when they are asked for: a search by words alone does not.
  let read: Pick<Phrases, 'phrases' | 'subjects'> | undefined;
  return {
    language,
    tokens: found,
    get phrases() {
      read ??= readPhrases(found, language);
      return read.phrases;
    },
    get subjects() {
      read ??= readPhrases(found, language);
      return read.subjects;
    },
  };
}

function readPhrases(all: Token[], language: Language): Pick<Phrases, 'phrases' | 'subjects'> {
  const { phrases, subjects } =
    language === 'en' ? englishPhrases(all) : plainPhrases(all, language, grammars[language]);
  // An emoji beside the words of a caption shows the same thing.
  const sign = phrases.find(({ from }) => isEmoji(all[from]!.word));
  return { phrases, subjects: sign && !subjects.includes(sign) ? [...subjects, sign] : subjects };
}

/** Phrases of other languages: runs of words between function words, verbs and punctuation. */
function plainPhrases(all: Token[], language: Language, grammar: Grammar): Pick<Phrases, 'phrases' | 'subjects'> {
  const phrases: Phrase[] = [];
  let marked: Phrase | null = null;
  /** Where the phrase will be that an earlier one describes. */
  let described: number | null = null;
  let run: number[] = [];
  let dependent = false;
  let denied = false;
  const end = (how: 'end' | 'subject' | 'modifier' | 'of') => {
    const phrase = run.length > 0 ? phraseOf(run) : null;
    run = [];
    if (how === 'modifier') described = phrases.length;
    if (!phrase) return;
    if (how !== 'modifier' && !dependent && !denied) phrases.push(phrase);
    if (how === 'subject' && phrases.includes(phrase)) marked ??= phrase;
    denied = false;
    dependent = how === 'of' && !phrase.head.some((word) => grammar.light.has(word));
  };
  function phraseOf(places: number[]): Phrase {
    const naming = places.filter((i) => !grammar.isLight(all[i]!.word));
    const name = naming.length > 0 ? naming : places;
    const head = grammar.head === 'first' ? name[0]! : name.at(-1)!;
    return {
      head: spellings(all[head]!),
      kinds: name.filter((i) => i !== head).map((i) => spellings(all[i]!)),
      whole: name.length > 1 ? grammar.whole : null,
      light: places.filter((i) => !name.includes(i)).map((i) => all[i]!.word),
      counted: false,
      from: places[0]!,
      to: head + 1,
    };
  }
  const spellings = (token: Token) => [
    ...new Set([token.word, stem(token.word, language), ...grammar.alsoKnownAs(token.word)]),
  ];

  for (const [i, token] of all.entries()) {
    if (token.breaks) {
      end('end');
      dependent = denied = false;
    }
    const around = { next: all[i + 1], before: all[i - 1], run: run.length };
    const { inside, before, after, denies = false } = grammar.read(token, around);
    if (before) end('end');
    if (inside) run.push(i);
    if (after) end(after);
    denied ||= denies;
  }
  end('end');
  const naming = phrases.filter(({ head }) => !head.some((word) => grammar.light.has(word)));
  const isDescribed = described !== null && startsOutside(all, grammar);
  const subject = marked ?? (isDescribed ? phrases[described!] : naming.at(grammar.subject === 'last' ? -1 : 0));
  return { phrases, subjects: subject ? [subject] : [] };
}

/** "In the snow running's fox", as Chinese says: its subject is what the rest describes. */
function startsOutside(all: Token[], grammar: Grammar): boolean {
  return all.length > 0 && !grammar.read(all[0]!, { next: all[1], before: undefined, run: 0 }).inside;
}
