import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { instructions } from '../../src/events/prompt.js';
import { openBackend } from '../../src/models/backends/backend.js';
import { unknownWords } from '../../src/models/known-words.js';
import { borderPixels } from '../../src/models/networks/extensions/plain-border.js';
import type { ModelPrompt } from '../../src/models/ports.js';
import { layFirstFrame } from '../../src/models/sampling/first-frame.js';
import { generate } from '../../src/models/sampling/generate.js';
import { createDenoiser } from '../../src/models/servers/denoiser.js';
import { readSamples } from '../../src/models/training/data/samples.js';
import { evaluate } from '../../src/models/training/loop/evaluate.js';
import { type LoadedModel, loadModel } from '../../src/models/weights/load-model.js';

/*
 * The shipped weights, on held-out samples that the corpus pipeline wrote: subjects that never moved in training, whose
 * images come from retrieval alone.
 */
const fixture = fileURLToPath(new URL('./fixtures/held-out-1.tar', import.meta.url));
const weightsFolder = new URL('../../weights/nano/', import.meta.url);

type Part = ModelPrompt['parts'][number];

let loaded: LoadedModel;
beforeAll(async () => {
  await openBackend('wasm');
  loaded = await loadModel('nano');
});
afterAll(() => tf.removeBackend('wasm'));

describe('nano on held-out samples', () => {
  test('its own prompt helps, a wrong one misleads', async () => {
    const { preset } = loaded.model;
    const samples = await readSamples([fixture], { side: preset.side, frames: preset.frames });
    expect(samples.length).toBeGreaterThanOrEqual(12);
    const probes = evaluate(loaded.model, loaded.weights, samples, { levels: [1, 4] });
    for (const { right, wrong, nothing } of probes) {
      expect(right).toBeLessThan(0.9 * wrong);
      expect(right).toBeLessThan(nothing);
    }
  });
});

describe('[use U18] what has the role background is shown as the background', () => {
  /** A sky, a shore or hills below it, and a sun; with held-out subjects, in words that no caption of training had. */
  const backgrounds = [
    { sky: [120, 190, 240], land: [60, 130, 70], wave: 8 },
    { sky: [250, 190, 120], land: [40, 90, 160], wave: 0 },
    { sky: [40, 40, 90], land: [150, 150, 170], wave: 14 },
    { sky: [190, 230, 190], land: [210, 170, 110], wave: 5 },
  ].map(({ sky, land, wave }) => ({
    ...{ width: 64, height: 64 },
    data: Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => {
      const [x, y, c] = [Math.floor(i / 3) % 64, Math.floor(i / 192), i % 3];
      if (y > 40 - wave * Math.sin(x / 9)) return land[c]!;
      return Math.hypot(x - 50, y - 12) < 6 ? [250, 230, 90][c]! : Math.min(255, sky[c]! + y / 2);
    }),
  }));

  const wordings: [string, number, (subject: Part, background: Part) => Part[]][] = [
    ['A <> is playing in <>', 1, (one, behind) => [{ text: 'A' }, one, { text: 'is playing in' }, behind]],
    ['A <> is playing in <>', 3, (one, behind) => [{ text: 'A' }, one, { text: 'is playing in' }, behind]],
    ['A <> spins on <>', 3, (one, behind) => [{ text: 'A' }, one, { text: 'spins on' }, behind]],
    ['<> A <> moves left', 1, (one, behind) => [behind, { text: 'A' }, one, { text: 'moves left' }]],
    [
      'A <> moves up. Background: <>',
      0,
      (one, behind) => [{ text: 'A' }, one, { text: 'moves up. Background:' }, behind],
    ],
    ['A fox flies over <> at dawn', 2, (_, behind) => [{ text: 'A fox flies over' }, behind, { text: 'at dawn' }]],
  ];
  test.each(wordings)('in "%s"', async (_, n, said) => {
    const samples = await readSamples([fixture], { side: 32, frames: 8 });
    const subjects = samples.flatMap(({ prompt: { parts } }) =>
      parts.flatMap((part) => ('pixels' in part ? [part.pixels] : [])),
    );
    const size = { frames: 8, width: 32, height: 32 };
    const image = backgrounds[n]!;
    const parts = said({ pixels: subjects[n]!, role: 'subject' }, { pixels: image, role: 'background' });
    const prompt = { task: 'subject-driven' as const, instruction: instructions['subject-driven'], parts };
    // Unguided, a few steps are enough to see what is drawn. With the row as it was before, "is playing in" was off by 9, 20,
    // 10 and 49; without the word before the background, others are off by 10 to 60.
    const input = { prompt, ...size, fps: 8, steps: 3, guidance: { text: 1, image: 1 }, seed: n };
    const video = await generate(loaded, input, { signal: new AbortController().signal });
    const wanted = layFirstFrame(image, size, size).data;
    const off = borderPixels(32, 8).flatMap((i) =>
      [0, 1, 2].map((c) => Math.abs(video.data[3 * i + c]! - wanted[3 * (i % 1024) + c]!)),
    );
    expect(off.reduce((sum, v) => sum + v, 0) / off.length).toBeLessThan(9);
  });
});

describe('what no word says is behind the subject is white', () => {
  // Guided and with an image, as nano is served: otherwise the wish for white is weak.
  test.each([
    ['a red bicycle', 1],
    ['a green car grows', 2],
  ])('%s', async (text, n) => {
    const samples = await readSamples([fixture], { side: 32, frames: 8 });
    const shown = samples[n]!.prompt.parts.find((part) => 'pixels' in part)!;
    const size = { frames: 8, width: 32, height: 32 };
    const parts = [{ text }, shown, { text }];
    const prompt = { task: 'text-to-video' as const, instruction: instructions['text-to-video with context'], parts };
    const input = { prompt, ...size, fps: 8, steps: 6, guidance: loaded.model.preset.defaults.guidance, seed: 1 };
    const video = await generate(loaded, input, { signal: new AbortController().signal });
    const border = borderPixels(32, 8).flatMap((i) => [...video.data.subarray(3 * i, 3 * i + 3)]);
    expect(border.reduce((sum, v) => sum + v, 0) / border.length).toBeGreaterThan(215);
  });
});

test('[kind 13] the weights know the words of the world, and no others', () => {
  const part = { text: 'a fox juggles on the moon of Mars and moves left on a blue background' };
  const prompt = { task: 'text-to-video' as const, instruction: '', parts: [part] };
  expect(unknownWords(prompt, loaded.words!)).toEqual(['juggles', 'mars']);
  for (const word of 'moves left right up down bounces grows shrinks spins circles stays still red white'.split(' '))
    expect(loaded.words).toContain(word);
});

test('the card in the weights says what they were made from', async () => {
  const recipe = JSON.parse(await readFile(new URL('recipe.json', weightsFolder), 'utf8'));
  const denoiser = await createDenoiser({ model: 'nano', backend: 'wasm' });
  const description = await denoiser.describe();
  await denoiser.close();
  expect(description.parameters).toBe(recipe.parameters);
  expect(description.weights).toBe(loaded.sha256);
  const runs = JSON.parse(await readFile(new URL('runs.json', weightsFolder), 'utf8'));
  expect(runs.at(-1).steps).toBe(recipe.steps);
});
