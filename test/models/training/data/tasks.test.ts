import { expect, test } from 'vitest';
import { instructions } from '../../../../src/events/prompt.js';
import type { ModelPrompt, RgbImage } from '../../../../src/models/ports.js';
import { asTask } from '../../../../src/models/training/data/tasks.js';

const image = (value: number): RgbImage => ({ width: 1, height: 1, data: new Uint8Array(3).fill(value) });
const first = { firstFrame: image(7) };
const prompt = (...parts: ModelPrompt['parts']): ModelPrompt => ({
  task: 'text-to-video',
  instruction: instructions['text-to-video with context'],
  parts,
});
const fox = [{ text: 'a Red Fox' }, { pixels: image(1), role: 'reference' as const }];
const owl = [{ text: 'an owl' }, { pixels: image(2), role: 'reference' as const }];
const read = ({ parts }: ModelPrompt) =>
  parts.map((part) => ('text' in part ? part.text : `<${part.role} ${part.pixels.data[0]}>`)).join(' | ');

test('text-to-video stays as it is', () => {
  const given = prompt(...fox, { text: 'a red fox runs' });
  expect(asTask(given, 'text-to-video', first)).toBe(given);
});

test('prediction: the own text, then the first frame', () => {
  const made = asTask(prompt(...fox, { text: 'a red fox runs' }), 'prediction', first);
  expect(read(made)).toBe('a red fox runs | <first-frame 7>');
  expect(made).toMatchObject({ task: 'prediction', instruction: instructions.prediction });
});

test('subject-driven: each name that a retrieved caption shares is replaced by its image, in place', () => {
  const one = asTask(prompt(...fox, { text: 'a red fox runs over a plain' }), 'subject-driven', first);
  expect(read(one)).toBe('a | <subject 1> | runs over a plain');
  expect(one).toMatchObject({ task: 'subject-driven', instruction: instructions['subject-driven'] });
  const two = asTask(prompt(...fox, ...owl, { text: 'an owl flies over a red fox' }), 'subject-driven', first);
  expect(read(two)).toBe('an | <subject 2> | flies over a | <subject 1>');
  const ends = asTask(prompt(...owl, { text: 'Owl' }), 'subject-driven', first);
  expect(read(ends)).toBe('<subject 2>');
  const unnamed = asTask(prompt(...fox, ...owl, { text: 'an owl flies' }), 'subject-driven', first);
  expect(read(unnamed)).toBe('an | <subject 2> | flies');
});

test('[use U18] the image that is the background of the clip is named as that, the others as subjects', () => {
  const bay = [{ text: 'a stony bay' }, { pixels: image(3), role: 'reference' as const }];
  const given = prompt(...fox, ...bay, { text: 'a red fox runs in front of a stony bay' });
  const background = (given.parts[3] as { pixels: RgbImage }).pixels;
  const made = asTask(given, 'subject-driven', { ...first, background });
  expect(read(made)).toBe('a | <subject 1> | runs in front of a | <background 3>');
  expect(read(asTask(given, 'subject-driven', first))).toBe('a | <subject 1> | runs in front of a | <subject 3>');
  const turned = asTask(given, 'subject-driven', { ...first, background, backgroundFirst: true });
  expect(read(turned)).toBe('<background 3> | a | <subject 1> | runs in front of a');
});

test('what names nothing that was retrieved, or is of another task, stays as it is', () => {
  const strange = prompt(...fox, { text: 'a cup on a table' });
  expect(asTask(strange, 'subject-driven', first)).toBe(strange);
  expect(asTask(strange, 'subject-driven', { ...first, backgroundFirst: true })).toBe(strange);
  const alone = prompt({ text: 'a fox' });
  expect(asTask(alone, 'subject-driven', first)).toBe(alone);
  const other: ModelPrompt = { ...alone, task: 'prediction' };
  expect(asTask(other, 'subject-driven', first)).toBe(other);
});
