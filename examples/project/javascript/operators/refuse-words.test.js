import { describe, it } from 'node:test';
import { operatorContract, textQuery } from 'vimi/testing';
import refuseWords from './refuse-words.js';

describe('refuse-words keeps the contract of operators', () => {
  const checks = operatorContract(refuseWords, {
    config: { words: ['Dragon'] },
    good: () => ({ query: textQuery('a fox moves left') }),
    bad: () => ({ flow: { query: textQuery('A dragon, moving left') }, code: 'WORD_REFUSED' }),
  });
  for (const { name, check } of checks) it(name, check);
});
