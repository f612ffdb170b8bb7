import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { partKey, readParts } from '../../../../src/models/encoders/frozen-encoder.js';
import { openLanguageModel } from '../../../../src/models/encoders/onnx/language-model.js';

const fixture = join(import.meta.dirname, 'fixtures', 'encoder');
const place = mkdtempSync(join(tmpdir(), 'vimi-language-'));
afterAll(() => rmSync(place, { recursive: true }));

describe('a language model in a folder', () => {
  let model: Awaited<ReturnType<typeof openLanguageModel>>;
  beforeAll(async () => {
    model = await openLanguageModel(fixture);
  });
  afterAll(() => model.close());

  test('gives a vector for each token, the same that Python gives (fixtures/make.py)', async () => {
    const python = [
      [0.25, 0.2, 0.25, 1.25],
      [0.35, 0.3, 0.25, 0.25],
      [1.15, 0.5, 0.25, 0.25],
      [1.25, 1.2, 1.25, 1.25],
      [1.25, 1.2, 1.25, 1.25],
      [0.25, 0.2, 1.25, 0.25],
    ];
    const found = await model.read('A puppy, flies');
    expect(found).toHaveLength(6);
    for (const [n, vector] of found.entries()) {
      expect(vector).toHaveLength(384);
      for (const [k, v] of vector.entries()) expect(v).toBeCloseTo(python[n]![k % 4]!, 5);
    }
  });

  test('of a long text the end is left out, and what belongs at its end stays', async () => {
    const long = await model.read('a dog moves '.repeat(1000));
    expect(long.length).toBeLessThanOrEqual(8); // max_position_embeddings
    expect(long.length).toBeGreaterThan(3);
    const [first, last] = [long[0]!, long.at(-1)!];
    expect(last[2]! - first[2]!).toBeCloseTo(1, 5); // [SEP] and [CLS]
  });

  test('a text is read once; an empty one has no tokens', async () => {
    expect(await model.read('a car')).toBe(await model.read('a car'));
    expect(await model.read('')).toEqual([]);
    const parts = await readParts(model, [{ instruction: '', parts: [{ text: 'a car' }, { text: 'a car' }] }]);
    expect([...parts.keys()]).toEqual([partKey({ text: '' }), partKey({ text: 'a car' })]);
    expect(parts.get(partKey({ text: 'a car' }))).toBe(await model.read('a car'));
  });
});

describe('a folder that is not what it should be', () => {
  let n = 0;
  const folder = (file: string, change: (text: string) => string | null) => {
    const copy = join(place, String(n++));
    cpSync(fixture, copy, { recursive: true });
    const changed = change(readFileSync(join(copy, file), 'utf8'));
    if (changed === null) rmSync(join(copy, file));
    else writeFileSync(join(copy, file), changed);
    return copy;
  };
  const config = (more: object) => folder('config.json', (text) => JSON.stringify({ ...JSON.parse(text), ...more }));
  const words = (change: (tokenizer: { model: { vocab: Record<string, unknown> } }) => void) =>
    folder('tokenizer.json', (text) => {
      const value = JSON.parse(text);
      change(value);
      return JSON.stringify(value);
    });

  test.each<[string, () => string, string]>([
    ['no folder', () => join(place, 'none'), 'WEIGHTS_NOT_FOUND'],
    ['no config', () => folder('config.json', () => null), 'WEIGHTS_NOT_FOUND'],
    ['no tokenizer', () => folder('tokenizer.json', () => null), 'WEIGHTS_NOT_FOUND'],
    ['no net', () => folder('model.onnx', () => null), 'WEIGHTS_NOT_FOUND'],
    ['a config that is no JSON', () => folder('config.json', () => '{'), 'WEIGHTS_DAMAGED'],
    ['a config that is a list', () => folder('config.json', () => '[]'), 'WEIGHTS_DAMAGED'],
    ['a config of 2 MB', () => folder('config.json', (text) => text + ' '.repeat(2 ** 21)), 'WEIGHTS_DAMAGED'],
    ['a width of other nets', () => config({ hidden_size: 5 }), 'WEIGHTS_DAMAGED'],
    ['an endless width', () => config({ hidden_size: 1e300 }), 'WEIGHTS_DAMAGED'],
    ['a vocabulary that is text', () => config({ vocab_size: '9' }), 'WEIGHTS_DAMAGED'],
    ['a tokenizer that is no JSON', () => folder('tokenizer.json', () => 'tokens'), 'WEIGHTS_DAMAGED'],
    ['a tokenizer that is empty', () => folder('tokenizer.json', () => '{}'), 'WEIGHTS_DAMAGED'],
    [
      'a net of images',
      () => {
        const copy = folder('config.json', (text) => text);
        cpSync(join(fixture, '..', 'picture.onnx'), join(copy, 'model.onnx'));
        return copy;
      },
      'WEIGHTS_DAMAGED',
    ],
  ])('%s', async (_, make, code) => {
    await expect(openLanguageModel(make())).rejects.toMatchObject({ code });
  });

  test.each<[string, () => string]>([
    ['a token beyond the vocabulary', () => words(({ model }) => Object.assign(model.vocab, { dog: 10 }))],
    ['a token that is no number', () => words(({ model }) => Object.assign(model.vocab, { dog: 'dog' }))],
    ['a token below none', () => words(({ model }) => Object.assign(model.vocab, { dog: -1 }))],
    ['a smaller vocabulary', () => config({ vocab_size: 5 })],
  ])('%s shows when a text has it', async (_, make) => {
    const model = await openLanguageModel(make());
    await expect(model.read('a dog')).rejects.toMatchObject({ code: 'WEIGHTS_DAMAGED' });
    await model.close();
  });

  test('the sizes of a model of images and text lie one level down', async () => {
    const copy = folder('config.json', (text) => JSON.stringify({ text_config: JSON.parse(text) }));
    const model = await openLanguageModel(copy);
    expect(model.width).toBe(384);
    await model.close();
  });
});
