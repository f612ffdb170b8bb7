import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBackend } from '../../../src/models/backends/backend.js';
import { partKey } from '../../../src/models/encoders/frozen-encoder.js';
import { buildModel } from '../../../src/models/networks/model.js';
import { type PromptItem, promptItems, seenBy } from '../../../src/models/networks/prompt-input.js';
import type { ModelPrompt } from '../../../src/models/ports.js';
import type { Preset } from '../../../src/models/presets/preset.js';
import { presets } from '../../../src/models/presets/presets.js';
import { image, numbers, randomWeights, tiny } from './tiny.js';

beforeAll(async () => {
  await openBackend('wasm');
});
afterAll(() => tf.removeBackend('wasm'));

const preset: Preset = { ...tiny, encoder: { ...tiny.encoder, vocabulary: 0, external: 6 } };
const model = buildModel(preset);
const said = (seed: number): PromptItem => ({ vector: numbers(6, seed), of: 'text' });
const seen = (seed: number): PromptItem => ({ image: image(seed), role: 'reference' });
const prompt = [said(1), seen(2), said(3), said(4)];

describe('words from a frozen encoder, beside images of our own', () => {
  const read = (given: PromptItem[][], w = randomWeights(model.specs)) =>
    tf.tidy(() => {
      const { tokens, bias, images } = model.encode(w, given);
      return { tokens, bias, images };
    });
  const of = (given: PromptItem[]) => {
    const { tokens, images } = read([given]);
    return [tokens, ...(images ? [images.pixels, images.meaning] : [])].flatMap((t) => [...t.dataSync()]);
  };
  const apart = (a: number[], b: number[]) =>
    a.length !== b.length || Math.max(...a.map((v, i) => Math.abs(v - b[i]!))) > 1e-5;

  test('there is no table of words, and shapes are as with one', () => {
    expect(model.specs.map(({ name }) => name)).not.toContain('prompt.words');
    const { tokens, bias, images } = read([prompt, [said(5)]]);
    expect(tokens.shape).toEqual([2, 1 + 3 + 4, 8]); // an image of 16x16 has 4 patches of 8x8
    expect(bias.shape).toEqual([2, 1, 1, 8]);
    expect(images!.pixels.shape).toEqual([2, 1, 16, 16, 4]);
    expect(images!.meaning.shape).toEqual([2, 1, 8]);
    expect([...images!.present.dataSync()]).toEqual([1, 0]);
  });

  test.each<[string, PromptItem[]]>([
    ['other words', [said(9), seen(2), said(3), said(4)]],
    ['another image', [said(1), seen(9), said(3), said(4)]],
    ['words in another order', [said(3), seen(2), said(1), said(4)]],
    ['the image in another place', [said(1), said(3), seen(2), said(4)]],
    ['no words', [seen(2)]],
    ['nothing', []],
  ])('%s: another condition', (_, other) => {
    expect(apart(of(prompt), of(other))).toBe(true);
  });

  test('words spelled out are not read, and text alone leaves the image away', () => {
    expect(apart(of(prompt), of([...prompt, { word: 'fox' }]))).toBe(false);
    expect(seenBy.text(prompt)).toEqual([said(1), said(3), said(4)]);
  });

  test('a neighbour in the batch that is longer changes nothing', () => {
    const alone = read([[said(1), said(3)]])
      .tokens.slice([0, 0, 0], [1, 3, -1])
      .dataSync();
    const beside = read([
      [said(1), said(3)],
      [...prompt, said(7)],
    ])
      .tokens.slice([0, 0, 0], [1, 3, -1])
      .dataSync();
    for (const [i, v] of alone.entries()) expect(beside[i]).toBeCloseTo(v, 5);
  });

  test('how they are used is learned', () => {
    const w = randomWeights(model.specs);
    const { grads } = tf.tidy(() =>
      tf.engine().gradients(() => read([prompt], w).tokens.square().sum().asScalar(), [...w.values()], undefined, true),
    );
    const learns = model.specs.filter((_, i) => grads[i]).map(({ name }) => name);
    expect(learns).toEqual(
      expect.arrayContaining([
        'prompt.norm.gain',
        'prompt.project.matrix',
        'prompt.project.bias',
        'prompt.coarse.matrix',
      ]),
    );
  });
});

describe('the items of a prompt', () => {
  const pixels = { width: 2, height: 2, data: new Uint8Array(12) };
  const asked: ModelPrompt = {
    task: 'text-to-video',
    instruction: 'Make',
    parts: [{ text: 'long' }, { pixels, role: 'reference' }, { text: 'short' }, { text: '' }],
  };
  const ofTexts = new Map<string, Float32Array[]>([
    [partKey({ text: 'Make' }), [numbers(6, 1)]],
    [partKey({ text: 'long' }), Array.from({ length: 30 }, (_, n) => numbers(6, 10 + n))],
    [partKey({ text: 'short' }), [numbers(6, 2), numbers(6, 3)]],
    [partKey({ text: '' }), []],
  ]);

  test('are vectors and images in reading order; each text has its share', () => {
    const items = promptItems(asked, preset, ofTexts); // reads 8
    const kinds = items.map((item) => ('vector' in item ? item.of : 'image'));
    expect(kinds).toEqual(['text', ...Array(5).fill('text'), 'image', 'text', 'text']);
    expect(items[1]).toEqual({ vector: numbers(6, 10), of: 'text' });
    expect(items.at(-1)).toEqual({ vector: numbers(6, 3), of: 'text' });
  });

  test('what the encoder saw of an image stands before it, and takes no share of the texts', () => {
    const seen = [numbers(6, 4), numbers(6, 5)];
    const items = promptItems(asked, preset, new Map([...ofTexts, [partKey({ pixels }), seen]]));
    const kinds = items.map((item) => ('vector' in item ? item.of : 'image'));
    const looked = ['reference', 'reference', 'image'];
    expect(kinds).toEqual(['text', ...Array(5).fill('text'), ...looked, 'text', 'text']);
    expect(items[6]).toEqual({ vector: seen[0], of: 'reference' });
    const copy = { ...pixels, data: Uint8Array.from(pixels.data) };
    expect(partKey({ pixels: copy })).toBe(partKey({ pixels }));
    expect(partKey({ pixels: { ...pixels, data: new Uint8Array(12).fill(1) } })).not.toBe(partKey({ pixels }));
    expect(partKey({ pixels: { ...pixels, width: 1, height: 4 } })).not.toBe(partKey({ pixels }));
  });

  test('there are none without the encoder', () => {
    expect(() => promptItems(asked, presets['nano-frozen']!)).toThrow(
      expect.objectContaining({ code: 'MODEL_UNKNOWN' }),
    );
  });
});
