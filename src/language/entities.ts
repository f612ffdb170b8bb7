import { determiners } from './english-words.js';
import { phrasesOf } from './phrases.js';
import type { Token } from './words.js';

/** More than a model shows at once. */
const mostEntities = 8;

/**
 * What a text names, each as a text of its own, in reading order: "a panda plays two violins" names "a panda" and "two
 * violins". The word that counts them stays: "a tree" may be any, "tree" may be wood. None twice, whatever stands before it; the
 * first eight.
 */
export function entitiesOf(text: string): string[] {
  const { phrases, tokens } = phrasesOf(text);
  const entities = new Map<string, string>();
  for (const { from, to } of phrases) {
    const before = tokens[from - 1];
    const counts = before !== undefined && !tokens[from]!.breaks && determiners.has(before.word);
    const name = tokens
      .slice(from, to)
      .map(({ word }) => word)
      .join(' ');
    if (!entities.has(name)) entities.set(name, written(tokens.slice(counts ? from - 1 : from, to)));
  }
  return [...entities.values()].slice(0, mostEntities);
}

function written(tokens: readonly Token[]): string {
  return tokens
    .map(({ text, joined }, n) => (n === 0 ? text : `${{ '': ' ', together: '', '-': '-', "'": "'" }[joined]}${text}`))
    .join('');
}
