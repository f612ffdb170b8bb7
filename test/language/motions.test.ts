import { expect, it } from 'vitest';
import { motionsOf } from '../../src/language/motions.js';
import { phrasesOf } from '../../src/language/phrases.js';

it.each([
  ['a red fox runs through deep snow', ['run']],
  ['two foxes are running', ['run']],
  ['a man dancing and jumping', ['danc', 'jump']],
  ['a bird flies over birds flying', ['fly']],
  ['a ball that spins and a wheel that turns', ['spin', 'turn']],
  ['the cup moves left', ['move']],
  ['a square moves right', ['move']],
  ['a bright light swings', ['swing']],
  ['an orange rolls down a hill', ['roll']],
  ['the red squares', []],
  ['a cat sits and looks at a bird', ['sit', 'look']],
  ['a cat is grey and has a tail', []],
  ['a race car in the rain', []],
  ['two dogs jump and run', ['jump', 'run']],
  ['a waterfall', []],
  ['ein Hund rennt', []],
  ['', []],
])('motionsOf %j', (text, expected) => {
  expect(motionsOf(phrasesOf(text))).toEqual(expected);
});
