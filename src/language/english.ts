import { shortName } from './compounds.js';
import {
  auxiliaries,
  beforeVerbs,
  containers,
  denials,
  describing,
  determiners,
  edNouns,
  following,
  ingNouns,
  isKnownVerb,
  isPlural,
  lyNouns,
  manners,
  measures,
  pasts,
  singularDeterminers,
  singulars,
} from './english-words.js';
import { functionWords } from './function-words.js';
import type { Phrase, Phrases } from './phrase.js';
import type { Token } from './words.js';

/**
 * Noun phrases of English, by rules: words from a determiner to a function word, a verb or punctuation; the last is the
 * head. What is a verb is told by its place first ("a fox moves": after "a", what ends in -s is no noun; "a cat watches
 * the": two phrases do not meet without one), then by its form (-ing, -ed), last by a list of common ones. A verb that none
 * of this knows is taken for the head: the phrase then names less, not more.
 */
export function englishPhrases(all: Token[]): Pick<Phrases, 'phrases' | 'subjects'> {
  const phrases = runsOf(all).map((run) => phraseOf(run, all));
  for (const [n, phrase] of phrases.entries()) {
    const next = phrases[n + 1];
    // "The bay of Naples" is one name; its second part is a name, too.
    if (next && linked(phrase, next, all, 'of') && !isMeasure(phrase))
      phrase.kinds = [...phrase.kinds, ...next.kinds, next.head];
  }
  return { phrases, subjects: subjectsOf(phrases, all) };
}

interface Run {
  places: number[];
  determiner: string | null;
  /** The function word right before it. */
  after: string | null;
  /** "Without a car", "not a cat". */
  denied: boolean;
}

const emptyRun = (): Run => ({ places: [], determiner: null, after: null, denied: false });

function runsOf(all: Token[]): Run[] {
  const runs: Run[] = [];
  let run = emptyRun();
  const end = (next = emptyRun()) => {
    if (run.places.length > 0 && !run.denied) runs.push(run);
    run = next;
  };
  for (const [i, { word, breaks }] of all.entries()) {
    if (breaks) end();
    if (isSuffix(all[i]!)) {
      // Whose they are says nothing of how many: "a cat's paws".
      if (word === 's' && run.places.length > 0) run.determiner = 'its';
      continue;
    }
    const determiner = determiners.has(word) ? word : null;
    if (determiner || functionWords.en.has(word)) {
      const denied = denials.has(word) || (determiner !== null && run.places.length === 0 && run.denied);
      end({ places: [], determiner, after: word, denied });
    } else if (isOutside(all, i, run)) {
      // "A person is sword fighting": the noun belongs to the verb.
      if (auxiliaries.has(run.after ?? '') && word.endsWith('ing')) run.places = [];
      end();
    } else {
      run.places.push(i);
    }
  }
  end();
  return runs;
}

/** The end of a possessive or a contraction: "a corgi's", "don't". */
function isSuffix({ joined, word }: Token): boolean {
  return joined === "'" && /^(?:s|t|ll|re|ve|d|m)$/.test(word);
}

/** Whether a word is a verb, an adverb or an adjective behind its noun: the phrase ends before it. */
function isOutside(all: Token[], i: number, { places, determiner, after }: Run): boolean {
  const { word, joined } = all[i]!;
  const next = all[i + 1]?.breaks ? undefined : all[i + 1];
  // star-shaped, yo-yo: one with what it hangs on.
  if (joined === '-' || next?.joined === '-') return false;
  const isAdverb = /ly$/.test(word) && !lyNouns.has(word);
  const isParticiple = /ing$/.test(word) && word.length > 4 && !ingNouns.has(word);
  const nouns = places.filter((place) => !describing.has(all[place]!.word));
  if (nouns.length === 0) {
    if (isAdverb) return true;
    // "A square moves": one of it, so what ends in -s is no noun.
    if (places.length > 0 && isOneVerb(word, determiner)) return isKnownVerb(word);
    if (determiner || places.length > 0) return false;
    return isParticiple || following.has(word) || beforeVerbs.has(after ?? '');
  }
  if (isAdverb || isParticiple || following.has(word) || pasts.has(word)) return true;
  if (/ed$/.test(word) && word.length > 4 && !edNouns.has(word)) return true;
  // Two phrases do not meet: "a cat watches the sun".
  if (next && determiners.has(next.word)) return true;
  if (isOneVerb(word, determiner)) return true;
  if (!isKnownVerb(word)) return false;
  // One of many does what it does: "a herd of horses gallops".
  return word.endsWith('s') !== isPlural(all[nouns.at(-1)!]!.word) || (word.endsWith('s') && after === 'of');
}

/** No noun stands in the plural behind "a". */
function isOneVerb(word: string, determiner: string | null): boolean {
  return word.endsWith('s') && isPlural(word) && singularDeterminers.has(determiner ?? '');
}

function phraseOf({ places, determiner, after }: Run, all: Token[]): Phrase {
  const head = places.at(-1)!;
  const { word } = all[head]!;
  const before = places.slice(0, -1).map((i) => all[i]!.word);
  const isManner = determiner === null && before.length === 0 && manners.has(after ?? '');
  const kinds = before.filter((one) => !describing.has(one));
  const short = kinds.length > 0 ? shortName(kinds.at(-1)!, singulars(word)) : null;
  return {
    head: short ? [short] : singulars(word),
    kinds: (short ? kinds.slice(0, -1) : kinds).map(singulars),
    whole: null,
    light: before.filter((one) => describing.has(one)),
    counted: isPlural(word) || (!isManner && (determiner !== null || places[0] === 0)),
    from: places[0]!,
    to: head + 1,
  };
}

const isMeasure = ({ head }: Phrase) => head.some((word) => measures.has(word));

/** Nothing but this word, and determiners, stands between two phrases. */
function linked(phrase: Phrase, next: Phrase, all: Token[], link: 'of' | 'and'): boolean {
  // close-up of
  const between = all.slice(phrase.to, next.from).filter(({ word, joined }) => !(word === 'up' && joined === '-'));
  if (between.some(({ breaks }) => breaks) || all[next.from]!.breaks) return false;
  return between[0]?.word === link && between.slice(1).every(({ word }) => determiners.has(word));
}

/**
 * What a caption is about: its first phrase, or what that measures ("a slice of pizza": the pizza), and those that "and"
 * joins to it. Of what follows a preposition at the beginning nothing: "in the forest a fox sleeps" is about the fox.
 */
function subjectsOf(phrases: Phrase[], all: Token[]): Phrase[] {
  const opening = all[0]?.word ?? '';
  const startsInside = functionWords.en.has(opening) && !determiners.has(opening) && opening !== 'there';
  let n = startsInside && phrases.length > 1 ? 1 : 0;
  const found: Phrase[] = [];
  for (let phrase = phrases[n]; phrase; phrase = phrases[n]) {
    const next = phrases[n + 1];
    const holds = next && linked(phrase, next, all, 'of') ? next : null;
    // A pair of glasses is many to the word: "a glass" does not name it.
    const isPair = phrase.head.includes('pair');
    if (!holds || !isMeasure(phrase)) found.push(phrase);
    if (holds && isMeasure(phrase)) found.push(isPair ? { ...holds, head: [all[holds.to - 1]!.word] } : holds);
    else if (holds && phrase.head.some((word) => containers.has(word))) found.push(holds);
    n += holds ? 2 : 1;
    const last = phrases[n - 1]!;
    if (!phrases[n] || !linked(last, phrases[n]!, all, 'and')) break;
  }
  return found;
}
