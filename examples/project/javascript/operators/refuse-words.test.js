import { describe, it } from 'node:test';
import { operatorContract } from 'vimi/testing';
import refuseWords from './refuse-words.js';

const request = (/** @type {string} */ text) => ({
  query: { task: /** @type {const} */ ('text-to-video'), parts: [{ text }], text, retrieval: undefined, self: {} },
});

describe('refuse-words keeps the contract of operators', () => {
  const checks = operatorContract(refuseWords, {
    config: { words: ['Dragon'] },
    good: () => request('a fox moves left'),
    bad: () => ({ flow: request('A dragon, moving left'), code: 'WORD_REFUSED' }),
  });
  for (const { name, check } of checks) it(name, check);
});
