import { expect, test } from 'vitest';
import { entitiesOf } from '../../src/language/entities.js';

test.each<[string, string[]]>([
  ['a panda plays two violins in front of a snowy mountain', ['a panda', 'two violins', 'a snowy mountain']],
  ['a hot dog beside a fire hydrant', ['a hot dog', 'a fire hydrant']],
  ['A fox. A fox again, and no wolf', ['A fox']],
  ['A fox, the fox and a fox, two foxes', ['A fox', 'two foxes']],
  ["a corgi's head", ["a corgi's head"]],
  ['ein Panda spielt Geige im Schnee', ['Panda', 'Geige', 'Schnee']],
  ['一只狐狸在森林里奔跑', ['狐狸', '森林']],
  ['and on it was the', []],
  ['', []],
])('%s', (text, expected) => {
  expect(entitiesOf(text)).toEqual(expected);
});

test('names eight at most', () => {
  expect(entitiesOf(Array.from({ length: 12 }, (_, n) => `a thing${n}`).join(', '))).toHaveLength(8);
});
