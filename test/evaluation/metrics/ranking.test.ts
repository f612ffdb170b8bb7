import { expect, test } from 'vitest';
import { ndcgAt, recallAt, reciprocalRank } from '../../../src/evaluation/metrics/ranking.js';

test('by hand: two of three found, at places 2 and 3', () => {
  const ranking = { found: [0, 3, 1, 0], grades: [1, 3, 2] };
  expect(recallAt(1, ranking)).toBe(0);
  expect(recallAt(2, ranking)).toBeCloseTo(1 / 3);
  expect(recallAt(10, ranking)).toBeCloseTo(2 / 3);
  expect(reciprocalRank(ranking)).toBe(1 / 2);
  const [found, best] = [7 / Math.log2(3) + 1 / 2, 7 + 3 / Math.log2(3) + 1 / 2];
  expect(ndcgAt(4, ranking)).toBeCloseTo(found / best);
  expect(ndcgAt(2, ranking)).toBeCloseTo(7 / Math.log2(3) / (7 + 3 / Math.log2(3)));
});

test('the best order is 1, none found 0, and where nothing fits nothing is measured', () => {
  expect(ndcgAt(3, { found: [3, 2, 1], grades: [1, 2, 3] })).toBe(1);
  for (const of of [reciprocalRank, recallAt.bind(null, 3), ndcgAt.bind(null, 3)]) {
    expect(of({ found: [0, 0], grades: [1] })).toBe(0);
    expect(of({ found: [], grades: [2] })).toBe(0);
    expect(of({ found: [0], grades: [] })).toBeNaN();
  }
});
