import { describe, expect, it } from 'vitest';
import { phrasesOf } from '../../../../src/language/phrases.js';
import { lexicalTerms } from '../../../../src/stores/corpus/ranking/lexical-terms.js';

const letters = 'abcdefghijklmnopqrst';
/** No word of any language, and no form of another one. */
const words = (count: number) =>
  Array.from({ length: count }, (_, n) => `zq${letters[Math.floor(n / 20)]}${letters[n % 20]}k`).join(' ');

describe('the terms of a query', () => {
  it('are all words of a text, each once', () => {
    expect(lexicalTerms(phrasesOf('a fox and a violin, a fox'), { named: false })).toEqual({
      stems: ['fox', 'violin'],
      runs: [],
      names: null,
    });
    expect(lexicalTerms(phrasesOf(words(64)), { named: false })!.stems).toHaveLength(64);
  });

  it('are bounded, however long the text is', () => {
    expect(lexicalTerms(phrasesOf(words(300)), { named: false })!.stems).toHaveLength(64);
    expect(lexicalTerms(phrasesOf(words(300)), { named: true })!.names!.length).toBeLessThanOrEqual(64);
    expect(lexicalTerms(phrasesOf('狗猫鸟鱼'.repeat(200)), { named: false })!.runs.length).toBeLessThanOrEqual(64);
  });
});
