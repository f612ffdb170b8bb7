import { functionWordsOf } from '../language/language-of.js';
import { composed, type Token, tokens, words } from '../language/words.js';
import type { ModelPrompt } from './ports.js';

type Part = ModelPrompt['parts'][number];

/** Where a prompt's text has a name: the part, and what it says before and behind. */
export interface NamePlace {
  part: number;
  before: string;
  behind: string;
}

/** The first run of words of a prompt's texts that a caption has too, from one to another that is no function word; null: it has none. */
export function placeOfName(parts: readonly Part[], caption: string): NamePlace | null {
  for (const [part, said] of parts.entries()) {
    const around = 'text' in said && aroundName(said.text, caption);
    if (around) return { part, before: around[0], behind: around[1] };
  }
  return null;
}

/** The parts with this image in the place of a name. */
export function withImageAt(parts: readonly Part[], { part, before, behind }: NamePlace, image: Part): Part[] {
  const said = (text: string): Part[] => (text === '' ? [] : [{ text }]);
  return [...parts.slice(0, part), ...said(before), image, ...said(behind), ...parts.slice(part + 1)];
}

function aroundName(text: string, caption: string): [string, string] | null {
  const shared = new Set(words(caption));
  const written = composed(text);
  const all = tokens(written);
  const functionWords = functionWordsOf(all.map(({ word }) => word));
  const isOfName = ({ word }: Token) => shared.has(word) && !functionWords.has(word);
  const first = all.findIndex(isOfName);
  if (first < 0) return null;
  const behind = all.findIndex(({ word }, i) => i > first && !shared.has(word));
  const last = all.slice(0, behind < 0 ? undefined : behind).findLast(isOfName)!;
  return [written.slice(0, all[first]!.at).trim(), written.slice(last.at + last.text.length).trim()];
}
