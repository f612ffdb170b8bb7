import { isKindOf } from './compounds.js';
import { colours } from './english-words.js';
import type { Named, Phrase, Phrases } from './phrase.js';

/**
 * Whether a prompt names what a caption is about.
 *
 * The head of the caption's subject must be the head of one of the prompt's phrases: "a red apple" is not named by "a red
 * suitcase", nor "a flying saucer" by "flying", nor "a fire" by "a fire hydrant". What the caption says beside the head
 * must be said by the prompt too, unless the prompt speaks of such things in general ("a tree" names a palm tree, "an oak
 * tree" does not) and the whole is a kind of its head at all (a hot dog is none of "a dog").
 */
export function isNamed({ subjects }: { subjects: readonly Named[] }, { phrases }: Pick<Phrases, 'phrases'>): boolean {
  return subjects.some((subject) => phrases.some((phrase) => names(phrase, subject)));
}

/**
 * The prompt has the word for what a caption is about, and means something else by it, or not that alone ("a fire
 * hydrant" and "a fire"). Then likeness says nothing either: it is the word.
 */
export function isOnlyMentioned(caption: Phrases, prompt: Phrases): boolean {
  const said = prompt.tokens.map(({ word }) => word);
  return caption.subjects.some(({ head }) => shares(head, said)) && !isNamed(caption, prompt);
}

function names(phrase: Phrase, subject: Named): boolean {
  const said = [phrase.head, ...phrase.kinds];
  const shown = [subject.head, ...subject.kinds];
  if (subject.whole === 'among' || phrase.whole === 'among') return shown.every((word) => has(said, word));
  if (phrase.whole || subject.whole)
    return shown.every((word) => has(said, word)) && said.every((word) => has(shown, word));
  if (!shares(phrase.head, subject.head)) return false;
  const missing = subject.kinds.filter((kind) => !has(phrase.kinds, kind));
  const extra = phrase.kinds.filter((kind) => !has(subject.kinds, kind));
  if (extra.length > 0 && !isKindOf(phrase.kinds, phrase.head)) return false;
  if (missing.length === 0) return coloursAgree(phrase, subject);
  return (
    phrase.kinds.length === 0 &&
    phrase.counted &&
    isKindOf(subject.kinds, subject.head) &&
    coloursAgree(phrase, subject)
  );
}

function shares(a: readonly string[], b: readonly string[]): boolean {
  return a.some((spelling) => b.includes(spelling));
}

function has(words: readonly (readonly string[])[], word: readonly string[]): boolean {
  return words.some((one) => shares(one, word));
}

/** Neither says a colour that the other contradicts: "a green apple" does not name a red one. */
function coloursAgree(phrase: Named, subject: Named): boolean {
  const [asked, shown] = [phrase, subject].map(({ light }) => light.filter((word) => colours.has(word)));
  return asked!.length === 0 || shown!.every((colour) => asked!.includes(colour));
}
