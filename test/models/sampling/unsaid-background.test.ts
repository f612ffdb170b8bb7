import { expect, test } from 'vitest';
import type { ModelPrompt } from '../../../src/models/ports.js';
import { withUnsaidBackground } from '../../../src/models/sampling/unsaid-background.js';

const usual = 'on a white background';
const pixels = { width: 1, height: 1, data: Uint8Array.of(1, 2, 3) };
const image = (role: 'reference' | 'subject' | 'background' | 'first-frame') => ({ pixels, role });
const prompt = (...parts: ModelPrompt['parts']): ModelPrompt => ({ task: 'text-to-video', instruction: 'Make', parts });

test.each([
  'a red bicycle',
  'a fox moves left',
  'a fox on the left and a red car on the right',
  'a cat on a skateboard',
  'a bear in a circle, then another one',
  'ein roter Fuchs',
])('"%s" says no background: the usual one is named', (text) => {
  expect(withUnsaidBackground(prompt({ text }), usual).parts).toEqual([{ text }, { text: usual }]);
});

test.each([
  'a fox moves left on a blue background',
  'White background: a goat walks',
  'a hut shrinks before a yellow wall',
  'a red fox across a blue field',
  'a rocket in front of plain black',
  'a poodle runs over the bright green lawn',
  'a hen on RED',
])('"%s" says one, and stays as it is', (text) => {
  const given = prompt({ text });
  expect(withUnsaidBackground(given, usual)).toBe(given);
});

test('a retrieved caption says nothing of this video', () => {
  const parts: ModelPrompt['parts'] = [{ text: 'a fox on a blue background' }, image('reference'), { text: 'a fox' }];
  expect(withUnsaidBackground(prompt(...parts), usual).parts).toEqual([...parts, { text: usual }]);
});

test('an image among the words stands between them', () => {
  const parts: ModelPrompt['parts'] = [{ text: 'a' }, image('subject'), { text: 'spins' }];
  expect(withUnsaidBackground(prompt(...parts), usual).parts).toEqual([...parts, { text: usual }]);
});

test.each<[string, ModelPrompt]>([
  ['an image as background', prompt({ text: 'a fox in' }, image('background'))],
  ['a first frame', prompt({ text: 'a fox runs' }, image('first-frame'))],
  ['no words at all', prompt(image('subject'))],
])('%s: nothing is added', (_, given) => {
  expect(withUnsaidBackground(given, usual)).toBe(given);
});

test('a model whose training left it unsaid as well is told nothing', () => {
  const given = prompt({ text: 'a red bicycle' });
  expect(withUnsaidBackground(given, undefined)).toBe(given);
});
