import { expect, test } from 'vitest';
import { withBackgroundWords } from '../../../src/models/sampling/background-words.js';

const pixels = { width: 1, height: 1, data: Uint8Array.of(1, 2, 3) };
const background = { pixels, role: 'background' as const };
const subject = { pixels, role: 'subject' as const };

type Said = string | typeof background | typeof subject;

/** The prompt as it is read, with <role> in the place of an image. */
function read(said: Said[], after?: string[]): string {
  const parts = said.map((part) => (typeof part === 'string' ? { text: part } : part));
  const prompt = withBackgroundWords({ task: 'subject-driven', instruction: 'Show them.', parts }, after);
  expect(prompt.instruction).toBe('Show them.');
  return prompt.parts.map((part) => ('text' in part ? part.text : `<${part.role}>`)).join(' | ');
}

test.each<[string, Said[], string]>([
  ['after another word', ['a fox runs on', background], 'a fox runs on | in | <background>'],
  ['after a known word', ['a fox runs in', background], 'a fox runs in | <background>'],
  ['in capital letters, with space', ['A fox runs IN ', background], 'A fox runs IN  | <background>'],
  ['after known words', ['runs in front of', background], 'runs in front of | <background>'],
  ['after a word that only ends so', ['a fox, captain', background], 'a fox, captain | in | <background>'],
  ['after a part of known words', ['made of', background], 'made of | in | <background>'],
  ['in another language', ['一只狐狸在', background], '一只狐狸在 | in | <background>'],
  ['first', [background, 'a fox'], 'in | <background> | a fox'],
  ['after an image', [subject, background], '<subject> | in | <background>'],
  ['without one', [subject, 'runs'], '<subject> | runs'],
])('[use U18] a background %s', (_, said, expected) => expect(read(said, ['in', 'in front of'])).toBe(expected));

test('[use U18] is left as it stands for a model that names no such words', () =>
  expect(read(['a fox on', background])).toBe('a fox on | <background>'));
