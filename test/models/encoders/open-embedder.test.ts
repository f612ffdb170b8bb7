import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createEmbedder } from '../../../src/models/encoders/built-in/embedder.js';
import { embedderName, embedderParts } from '../../../src/models/encoders/embedder-name.js';
import { type OpenedEmbedder, openEmbedder } from '../../../src/models/encoders/open-embedder.js';
import type { RgbImage } from '../../../src/models/ports.js';

const fixtures = join(import.meta.dirname, 'onnx', 'fixtures');
const place = mkdtempSync(join(tmpdir(), 'vimi-embedder-'));
const opened: OpenedEmbedder[] = [];
afterAll(async () => {
  for (const { close } of opened) await close();
  rmSync(place, { recursive: true });
});
const open = async (folder: string) => {
  const one = await openEmbedder(folder);
  opened.push(one);
  return one.embedder;
};
let n = 0;
const changed = (fixture: string, change: (copy: string) => void) => {
  const copy = join(place, String(n++));
  cpSync(join(fixtures, fixture), copy, { recursive: true });
  change(copy);
  return copy;
};
const plain = (...colour: [number, number, number]): RgbImage => ({
  ...{ width: 12, height: 10 },
  data: Uint8Array.from({ length: 360 }, (_, i) => colour[i % 3]!),
});
const [red, blue] = [plain(255, 0, 0), plain(0, 0, 255)];
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, v, i) => sum + v * b[i]!, 0);

describe('texts and images (CLIP)', () => {
  test('are in one space: a text is near to the images that it describes', async () => {
    const embedder = await open(join(fixtures, 'clip'));
    expect(embedder).toMatchObject({ joint: true, dimensions: { text: 3, image: 3 } });
    const [dog, car] = [await embedder.text('a dog'), await embedder.text('a car')];
    expect(dot(dog, await embedder.image(red))).toBeGreaterThan(dot(dog, await embedder.image(blue)) + 1);
    expect(dot(car, await embedder.image(blue))).toBeGreaterThan(dot(car, await embedder.image(red)) + 1);
    for (const vector of [dog, car, await embedder.image(red)]) expect(dot(vector, vector)).toBeCloseTo(1, 6);
  });

  test('nets under onnx/ are found, and the name follows from what decides the vectors, not from the folder', async () => {
    const moved = changed('clip', (copy) => {
      mkdirSync(join(copy, 'onnx'));
      for (const name of ['text_model.onnx', 'vision_model.onnx'])
        renameSync(join(copy, name), join(copy, 'onnx', name));
    });
    const other = changed('clip', (copy) => {
      const path = join(copy, 'preprocessor_config.json');
      writeFileSync(path, JSON.stringify({ size: 8, do_center_crop: true }));
    });
    const [first, second, third] = await Promise.all([join(fixtures, 'clip'), moved, other].map(open));
    expect(first!.name).toMatch(/^text-image-[0-9a-f]{16}$/);
    expect(second!.name).toBe(first!.name);
    expect(third!.name).not.toBe(first!.name);
  });
});

test('SigLIP: texts are filled up to its length', async () => {
  const embedder = await open(join(fixtures, 'siglip'));
  // [CLS] dog [SEP] and 13 that are a little green.
  const [r, g, b] = await embedder.text('dog');
  expect(g! / r!).toBeCloseTo(13 * 0.1, 5);
  expect(b).toBe(0);
  expect(dot(await embedder.image(red), [1, 0, 0])).toBeGreaterThan(0.5);
});

describe('texts alone (MiniLM and its like)', () => {
  test('beside the built-in encoder of images', async () => {
    const embedder = await open(join(fixtures, 'encoder'));
    expect(embedder.joint).toBeUndefined();
    expect(embedder.dimensions).toEqual({ text: 384, image: 128 });
    expect(embedder.image(red)).toEqual(createEmbedder().image(red));
    const [dog, puppy, car] = await Promise.all(['a dog', 'a puppy', 'a car'].map((text) => embedder.text(text)));
    expect(dot(dog!, puppy!)).toBeGreaterThan(dot(dog!, car!));
    expect(dot(dog!, dog!)).toBeCloseTo(1, 6);
    expect(await embedder.text('')).toHaveLength(384);
  });

  test('pooled as its folder says', async () => {
    const pooled = (config: object) =>
      changed('encoder', (copy) => {
        mkdirSync(join(copy, '1_Pooling'));
        writeFileSync(join(copy, '1_Pooling/config.json'), JSON.stringify(config));
      });
    const mean = await open(join(fixtures, 'encoder'));
    const first = await open(pooled({ pooling_mode_cls_token: true, pooling_mode_mean_tokens: false }));
    expect(first.name).not.toBe(mean.name);
    expect(await first.text('a dog')).not.toEqual(await mean.text('a dog'));
    const none = pooled({ pooling_mode_mean_tokens: false, pooling_mode_max_tokens: true });
    await expect(openEmbedder(none)).rejects.toMatchObject({ code: 'WEIGHTS_DAMAGED' });
  });
});

test('without a folder the built-in one', async () => {
  expect((await openEmbedder(undefined)).embedder.name).toBe(createEmbedder().name);
});

test.each<[string, string, (copy: string) => void, string]>([
  ['no config', 'clip', (copy) => rmSync(join(copy, 'config.json')), 'WEIGHTS_NOT_FOUND'],
  ['no vision tower', 'clip', (copy) => rmSync(join(copy, 'vision_model.onnx')), 'WEIGHTS_NOT_FOUND'],
  ['no preprocessor', 'clip', (copy) => rmSync(join(copy, 'preprocessor_config.json')), 'WEIGHTS_NOT_FOUND'],
  ['no tokenizer', 'clip', (copy) => rmSync(join(copy, 'tokenizer.json')), 'WEIGHTS_NOT_FOUND'],
  [
    'towers of two spaces',
    'clip',
    (copy) => cpSync(join(fixtures, 'siglip/vision_model.onnx'), join(copy, 'vision_model.onnx')),
    'WEIGHTS_DAMAGED',
  ],
  [
    'a text tower of tokens',
    'clip',
    (copy) => cpSync(join(fixtures, 'encoder/model.onnx'), join(copy, 'text_model.onnx')),
    'WEIGHTS_DAMAGED',
  ],
  [
    'weights in another file',
    'clip',
    (copy) => cpSync(join(fixtures, 'outside.onnx'), join(copy, 'vision_model.onnx')),
    'WEIGHTS_DAMAGED',
  ],
])('%s', async (_, fixture, change, code) => {
  await expect(openEmbedder(changed(fixture, change))).rejects.toMatchObject({ code });
});

test('names of parts', () => {
  expect(embedderParts(createEmbedder().name)).toEqual({ text: 'hashed-text/2', image: 'looks/2' });
  for (const parts of [
    { text: 'text-1', image: 'looks/2' },
    { text: 'text-image-1', image: 'text-image-1' },
  ])
    expect(embedderParts(embedderName(parts))).toEqual(parts);
});
