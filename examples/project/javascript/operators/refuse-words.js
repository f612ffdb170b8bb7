import { defineOperator, z } from 'vimi';

/*
 * Refuses requests whose prompt has a word of a list.
 *
 *   steps:
 *     - admit
 *     - use: ./operators/refuse-words.js
 *       with: { words: [dragon] }
 */
export default defineOperator(
  {
    name: 'refuse-words',
    summary: 'Refuses requests whose prompt has a word of a list.',
    config: z.strictObject({
      words: z.array(z.string()).default([]).describe('Words that no prompt may have, in any case.'),
    }),
    example: '- refuse-words: { words: [dragon] }',
    // What a step before this one must have added, and what this one adds: docs/guides/write-an-operator.md of vimi.
    needs: ['query'],
    adds: [],
    codes: { WORD_REFUSED: { remedy: 'Ask for something else.' } },
    counters: { 'words-refused': 'Requests that were refused for a word.' },
  },
  {
    process({ query }, { config, count, error }) {
      const refused = config.words.find((word) => wordsOf(query.text).includes(word.toLowerCase()));
      if (refused === undefined) return {};
      count('words-refused');
      throw error('WORD_REFUSED', 'This prompt has a word that is refused here', { found: refused });
    },
  },
);

/**
 * @param {string} text
 * @returns {string[]}
 */
function wordsOf(text) {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}
