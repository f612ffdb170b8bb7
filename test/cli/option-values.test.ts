import { InvalidArgumentError } from 'commander';
import { expect, test } from 'vitest';
import { scoreLimit, standIn, tgz } from '../../src/cli/option-values.js';
import type { ScoreLimits } from '../../src/operators/grounding/retrieval/score-limits.js';

test('a bundle is named as the gzipped tar that it is', () => {
  for (const name of ['b.tgz', 'a/b.tar.gz', 'B.TGZ']) expect(tgz(name)).toBe(name);
  for (const name of ['b.zip', 'b', 'tgz']) expect(() => tgz(name)).toThrow(InvalidArgumentError);
});

test('limits of scores are added up, and some value keeps each', () => {
  const limits = ['nsfw=..0.1', 'sharpness=0.3..', 'motion=-1.5..2'].reduce<ScoreLimits>(
    (before, text) => scoreLimit(text, before),
    {},
  );
  expect(scoreLimit('nsfw=0.05..', limits).nsfw, 'the other end of the same score').toEqual({ min: 0.05, max: 0.1 });
  expect(() => scoreLimit('nsfw=0.5..', limits), 'no value keeps both').toThrow(InvalidArgumentError);
  expect(limits).toEqual({ nsfw: { max: 0.1 }, sharpness: { min: 0.3 }, motion: { min: -1.5, max: 2 } });
  for (const bad of [
    'nsfw',
    'nsfw=0.1',
    'nsfw=..',
    '=..1',
    'nsfw=1..0',
    'nsfw=a..1',
    'nsfw=0..b',
    'nsfw=0...1..2',
    'nsfw= .. ',
  ])
    expect(() => scoreLimit(bad), bad).toThrow(InvalidArgumentError);
});

test('what comes before the first = are the words that an image stands for', () => {
  const both = ['red fox=a=b.png', ' fox =./fox.png'].reduce<ReturnType<typeof standIn>>(
    (before, text) => standIn(text, before),
    [],
  );
  expect(both).toEqual([
    { words: 'red fox', file: 'a=b.png' },
    { words: 'fox', file: './fox.png' },
  ]);
  for (const bad of ['fox.png', '=fox.png', ' =fox.png', 'fox='])
    expect(() => standIn(bad), bad).toThrow(InvalidArgumentError);
});
