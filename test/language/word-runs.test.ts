import { expect, test } from 'vitest';
import { wordRuns } from '../../src/language/word-runs.js';
import { composed } from '../../src/language/words.js';

const found = (text: string, wanted: string) =>
  wordRuns(text, wanted).map(({ from, to }) => `${from}: ${composed(text).slice(from, to)}`);

test('words are found one after the other, whole, whatever their case and accents', () => {
  expect(found('A red fox chases a Red  Fox.', 'red fox')).toEqual(['2: red fox', '19: Red  Fox']);
  expect(found('foxes and a foxglove', 'fox')).toEqual([]);
  expect(found('a fox, red', 'fox red')).toEqual(['2: fox, red']);
  expect(found('un café à Paris', 'CAFE\u0301')).toEqual(['3: café']);
  expect(found('the fox’s tail', 'fox')).toEqual(['4: fox']);
  expect(found('一只狐狸在雪地里奔跑', '狐狸')).toEqual(['2: 狐狸']);
  expect(found('a 🦊 runs', '🦊')).toEqual(['2: 🦊']);
});

test('no two of them overlap, and no words are nowhere', () => {
  expect(found('no no no', 'no no')).toEqual(['0: no no']);
  expect(found('a fox', '?!')).toEqual([]);
  expect(found('', 'fox')).toEqual([]);
});
