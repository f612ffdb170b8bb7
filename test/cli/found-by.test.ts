import { expect, it } from 'vitest';
import { foundBy } from '../../src/cli/found-by.js';

it.each([
  [{ pinned: 1, lexical: 2 }, 'pinned'],
  [{ named: 1, lexical: 1, dense: 3 }, 'named in the text'],
  [{ lexical: 1, dense: 2 }, '1st by words, 2nd by likeness of the caption'],
  [{ dense: 13, image: 23, reranked: 1 }, '13th by likeness of the caption, 23rd by its image'],
  [{}, 'chosen'],
])('a document that was found by %j is %s', (ranks, told) => {
  expect(foundBy(ranks)).toBe(told);
});
