import type { Prompt } from '../events/prompt.js';
import { words } from '../language/words.js';
import type { ModelPrompt } from './ports.js';

/*
 * A model knows the words of the prompts it was trained with, and no others: what a word that it never saw does to a video is
 * chance. Weights say which words those were (metadata `words`).
 */

/** Every word that training reads in these prompts, each once, in order. */
export function wordsOf(prompts: Iterable<ModelPrompt>): string[] {
  const seen = new Set<string>();
  for (const { instruction, parts } of prompts)
    for (const text of [instruction, ...parts.flatMap((part) => ('text' in part ? [part.text] : []))])
      for (const word of words(text)) seen.add(word);
  return [...seen].sort();
}

/**
 * The words of the user's own text that are not among the known ones, each once, in reading order. Those that a retrieved
 * caption has as well, or the caption of a clip that is read, are left out: image and clip show what they mean, which is what
 * retrieval is for.
 */
export function unknownWords({ parts }: Prompt, known: readonly string[]): string[] {
  const last = parts.findLastIndex((part) => 'image' in part && part.role === 'reference');
  const textOf = (some: Prompt['parts']) => some.flatMap((part) => ('text' in part ? words(part.text) : []));
  const shown = parts.flatMap((part) => ('clip' in part ? words(part.caption) : []));
  const told = new Set([...known, ...textOf(parts.slice(0, last + 1)), ...shown]);
  return [...new Set(textOf(parts.slice(last + 1)))].filter((word) => !told.has(word));
}
