import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FrozenEncoder, partKey, readParts } from '../../../../src/models/encoders/frozen-encoder.js';
import { openImageTower } from '../../../../src/models/encoders/onnx/image-tower.js';
import { openMultimodalModel } from '../../../../src/models/encoders/onnx/multimodal-model.js';
import type { RgbImage } from '../../../../src/models/ports.js';

const fixtures = join(import.meta.dirname, 'fixtures');
const fixture = join(fixtures, 'multimodal');
const place = mkdtempSync(join(tmpdir(), 'vimi-multimodal-'));
afterAll(() => rmSync(place, { recursive: true }));

/** 8x8 pixels, each by its row and column. */
const image = (colour: (row: number, column: number) => number[]): RgbImage => ({
  ...{ width: 8, height: 8 },
  data: Uint8Array.from(Array.from({ length: 64 }, (_, i) => colour(i >> 3, i & 7)).flat()),
});
const quarters = image((row, column) => [row < 4 ? 255 : 0, column < 4 ? 255 : 0, 128]);

describe('a folder with towers of words and images', () => {
  let model: FrozenEncoder;
  beforeAll(async () => {
    model = await openMultimodalModel(fixture);
  });
  afterAll(() => model.close());

  test('reads texts as Python does: filled up, and what fills them gives nothing (fixtures/make.py)', async () => {
    const python = [
      [0.0875, -0.04375, 0.09375, 1.0625],
      [0.1875, 0.05625, 0.09375, 0.0625],
      [1.0875, 0.15625, 0.09375, 0.0625],
      [0.3875, -1.04375, 0.59375, 0.0625],
      [0.0875, -0.04375, 1.09375, 0.0625],
    ];
    const found = await model.read('a dog moves');
    expect(found).toHaveLength(5);
    for (const [n, vector] of found.entries())
      for (const [k, v] of vector.entries()) expect(v).toBeCloseTo(python[n]![k % 4]!, 5);
    expect(await model.read('')).toEqual([]);
  });

  test('sees an image as 4x4 parts, row by row: of 8x8 that the net gives, the means, without that of the whole', async () => {
    const found = await model.look!(quarters);
    expect(found).toHaveLength(16);
    // Normalised as preprocessor_config.json says: (value - 0.5) / 0.25.
    const [white, black, grey] = [2, -2, (128 / 255 - 0.5) / 0.25];
    for (const [n, vector] of found.entries()) {
      expect(vector).toHaveLength(384);
      const expected = [n < 8 ? white : black, n % 4 < 2 ? white : black, grey];
      for (const [k, v] of vector.entries()) expect(v).toBeCloseTo(expected[k % 3]!, 4);
    }
    const stripes = await model.look!(image((row) => (row % 2 ? [255, 255, 255] : [0, 0, 0])));
    for (const v of stripes.flatMap((vector) => [...vector])) expect(v).toBeCloseTo(0, 4);
  });

  test('of a prompt each text and image is read once, and a first frame not at all', async () => {
    const black = image(() => [0, 0, 0]);
    const again = { ...quarters, data: Uint8Array.from(quarters.data) };
    const read = await readParts(model, [
      {
        instruction: 'a',
        parts: [
          { text: 'a dog' },
          { pixels: quarters, role: 'subject' },
          { pixels: again, role: 'reference' },
          { pixels: black, role: 'first-frame' },
        ],
      },
    ]);
    expect([...read.keys()]).toEqual([{ text: 'a' }, { text: 'a dog' }, { pixels: again }].map(partKey));
    expect(read.get(partKey({ pixels: quarters }))).toEqual(await model.look!(quarters));
  });

  test('weights know by its sum which one they were trained with: images count', async () => {
    const words = join(place, 'words');
    cpSync(fixture, words, { recursive: true });
    rmSync(join(words, 'vision_model.onnx'));
    cpSync(join(words, 'text_model.onnx'), join(words, 'model.onnx'));
    const reader = await openMultimodalModel(words);
    expect(reader.look).toBeUndefined();
    expect(await reader.read('a dog moves')).toEqual(await model.read('a dog moves'));
    expect(reader.sha256).not.toBe(model.sha256);
    await reader.close();

    const other = join(place, 'other');
    cpSync(fixture, other, { recursive: true });
    const settings = JSON.parse(readFileSync(join(other, 'preprocessor_config.json'), 'utf8'));
    writeFileSync(join(other, 'preprocessor_config.json'), JSON.stringify({ ...settings, image_std: [1, 1, 1] }));
    const seeing = await openMultimodalModel(other);
    expect(seeing.sha256).not.toBe(model.sha256);
    await seeing.close();
  });
});

describe('a tower of images', () => {
  const clip = join(fixtures, 'clip');

  test('whose parts have other channels gives its vector of the whole, where that fits', async () => {
    const tower = await openImageTower(clip, join(clip, 'vision_model.onnx'), 3);
    const found = await tower.look(image(() => [255, 0, 0]));
    expect(found).toHaveLength(1);
    expect(found[0]![0]).toBeCloseTo((1 - 0.48145466) / 0.25, 4);
    await tower.close();
  });

  test.each([
    ['of channels that nobody reads', 'vision_model.onnx', 4],
    ['that reads texts', 'text_model.onnx', 3],
  ])('%s is refused', async (_, file, width) => {
    await expect(openImageTower(clip, join(clip, file), width)).rejects.toMatchObject({ code: 'WEIGHTS_DAMAGED' });
  });
});

describe('a folder that lacks something', () => {
  test.each([['text_model.onnx'], ['preprocessor_config.json'], ['tokenizer.json']])(
    '%s: it is named',
    async (file) => {
      const folder = join(place, `without-${file}`);
      cpSync(fixture, folder, { recursive: true });
      rmSync(join(folder, file));
      await expect(openMultimodalModel(folder)).rejects.toMatchObject({
        code: 'WEIGHTS_NOT_FOUND',
        where: join(folder, file),
      });
    },
  );
});
