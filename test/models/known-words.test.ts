import { expect, test } from 'vitest';
import type { Prompt } from '../../src/events/prompt.js';
import { unknownWords, wordsOf } from '../../src/models/known-words.js';

const image = { key: 'images/a.webp', size: 1, sha256: 'a'.repeat(64), media_type: 'image/webp' };
const prompt = (...parts: Prompt['parts']): Prompt => ({ task: 'text-to-video', instruction: 'Make it.', parts });
const known = ['a', 'blue', 'left', 'moves', 'on', 'papa'];

test('[kind 13] words of the own text that were never in training, once each, as they are read', () => {
  const told = unknownWords(prompt({ text: 'A Dragon moves left,' }, { text: 'juggling a dragon on MARS' }), known);
  expect(told).toEqual(['dragon', 'juggling', 'mars']);
  expect(unknownWords(prompt({ text: 'Papá moves' }), known)).toEqual([]);
  expect(unknownWords(prompt({ text: '龍 moves' }), known)).toEqual(['龍']);
  expect(unknownWords(prompt({ image, role: 'subject' }), known)).toEqual([]);
});

test('[kind 13] what a retrieved caption names is shown by its image; an image of the request names nothing', () => {
  const fox = [{ text: 'a red fox' }, { image, role: 'reference' as const }];
  expect(unknownWords(prompt(...fox, { text: 'a fox dances' }), known)).toEqual(['dances']);
  const clip = { key: 'clips/a.mp4', size: 1, sha256: 'b'.repeat(64), media_type: 'video/mp4' };
  const example = {
    clip: { ...clip, frames: 8, fps: 8, seconds: 1 },
    caption: 'a dog dances',
    role: 'motion' as const,
  };
  expect(unknownWords(prompt(...fox, example, { text: 'a fox dances' }), known)).toEqual([]);
  const own = [{ text: 'a red fox' }, { image, role: 'subject' as const }];
  expect(unknownWords(prompt(...own, { text: 'a fox dances' }), known)).toEqual(['red', 'fox', 'dances']);
});

test('[kind 13] the words of training are those of all texts that were read', () => {
  const pixels = { width: 1, height: 1, data: new Uint8Array(3) };
  const sample = {
    ...{ task: 'text-to-video' as const, instruction: 'Generate a video.' },
    parts: [{ text: 'a Red fox' }, { pixels, role: 'reference' as const }, { text: 'a fox moves' }],
  };
  expect(wordsOf([sample, sample])).toEqual(['a', 'fox', 'generate', 'moves', 'red', 'video']);
});
