import { functionWordsOf } from '../../../language/language-of.js';
import { words } from '../../../language/words.js';
import { hash32 } from './hash.js';
import { pieces } from './pieces.js';

export const textDimensions = 256;

/** Function words say little about what is shown. */
const light = 0.2;

/**
 * A text as 256 numbers of unit length; the dot product of two is their likeness.
 *
 * Words, pairs of neighbours and character pieces are hashed to a place and a sign (feature hashing: two features that
 * fall on one place cancel as often as they add). Counts are damped as 1 + ln n. Misspelt and inflected words meet in
 * their pieces; no word is unknown. A text without any word is one fixed vector.
 */
export function embedText(text: string): number[] {
  const weights = new Map<string, { weight: number; count: number }>();
  const add = (feature: string, weight: number) => {
    const entry = weights.get(feature);
    if (entry) entry.count++;
    else weights.set(feature, { weight, count: 1 });
  };
  const found = words(text);
  const functionWords = functionWordsOf(found);
  const weightOf = (word: string) => (functionWords.has(word) ? light : 1);
  for (const [i, word] of found.entries()) {
    const weight = weightOf(word);
    add(`w ${word}`, weight);
    const next = found[i + 1];
    if (next !== undefined) add(`b ${word} ${next}`, 0.3 * Math.min(weight, weightOf(next)));
    const parts = pieces(word);
    // The pieces of a word weigh as much as the word, however long it is.
    for (const part of parts) add(`p ${part}`, (0.8 * weight) / Math.sqrt(parts.length));
  }
  if (weights.size === 0) add('empty', 1);
  const vector = new Array<number>(textDimensions).fill(0);
  for (const [feature, { weight, count }] of weights) {
    const h = hash32(feature);
    const sign = h & 1 ? 1 : -1;
    vector[(h >>> 1) % textDimensions]! += sign * weight * (1 + Math.log(count));
  }
  return unit(vector);
}

/** The vector scaled to length 1; the zero vector becomes the first axis. */
export function unit(vector: number[]): number[] {
  const length = Math.hypot(...vector);
  if (length < 1e-12) return vector.map((_, i) => (i === 0 ? 1 : 0));
  return vector.map((v) => v / length);
}
