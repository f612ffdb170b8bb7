import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FrozenEncoder } from '../../src/models/encoders/frozen-encoder.js';
import { openLanguageModel } from '../../src/models/encoders/onnx/language-model.js';
import { openEmbedder } from '../../src/models/encoders/open-embedder.js';
import { buildModel } from '../../src/models/networks/model.js';
import { startValues } from '../../src/models/networks/parameters.js';
import { presets } from '../../src/models/presets/presets.js';
import { createDenoiser } from '../../src/models/servers/denoiser.js';
import { writeWeights } from '../../src/models/weights/safetensors.js';

/** all-MiniLM-L6-v2 in 8-bit numbers, fetched by infra/setup-minilm.mjs. */
const folder = resolve(process.env.VIMI_MINILM ?? '.cache/minilm');

describe('a real language model', () => {
  let model: FrozenEncoder;
  beforeAll(async () => {
    model = await openLanguageModel(folder);
  });
  afterAll(() => model?.close());

  // Python: onnxruntime 1.32.0 and tokenizers 0.23.3 on the same files. Three channels of the first token, the second and
  // the last, the number of tokens, and the root of the sum of all squares.
  test.each([
    ['a dog', 4, [-0.11518, -0.05926, 0.36256, -0.32221, 0.06334, 0.00058, -0.05576, 0.16118, 0.13579], 14.7531],
    [
      'A mushroom moves left, on a blue-green background!',
      14,
      [0.45652, 0.31792, 0.36075, 0.23143, 0.26032, -0.18413, 0.57371, 0.29401, -0.00375],
      31.0468,
    ],
    [
      'Café señor: 3 unbelievably tiny 犬 …',
      15,
      [0.36254, -0.18901, 0.2971, 0.37982, -0.1686, -0.03938, 0.50897, -0.33507, 0.21265],
      32.4687,
    ],
  ])('%s: the vectors that Python gives', async (text, count, python, size) => {
    const vectors = await model.read(text);
    expect(vectors).toHaveLength(count);
    expect(model.width).toBe(384);
    const found = [vectors[0]!, vectors[1]!, vectors.at(-1)!].flatMap((vector) => [...vector.subarray(0, 3)]);
    for (const [i, v] of found.entries()) expect(Math.abs(v - python[i]!)).toBeLessThan(1e-4);
    const squares = vectors.reduce((sum, vector) => sum + vector.reduce((s, v) => s + v * v, 0), 0);
    expect(Math.abs(Math.sqrt(squares) - size)).toBeLessThan(1e-3);
  });

  test('a dog is nearer to a puppy than to a car', async () => {
    const [dog, puppy, car] = await Promise.all(['a dog', 'a puppy', 'a car'].map(meaning));
    // By Python: 0.7667 and 0.3347.
    expect(cosine(dog!, puppy!)).toBeCloseTo(0.7667, 3);
    expect(cosine(dog!, car!)).toBeCloseTo(0.3347, 3);
  });

  const meaning = async (text: string) => {
    const vectors = await model.read(text);
    return Array.from({ length: model.width }, (_, k) => vectors.reduce((sum, vector) => sum + vector[k]!, 0));
  };
});

test('as the encoder of retrieval it finds by meaning what no word says', async () => {
  const { embedder, close } = await openEmbedder(folder);
  const captions = ['a butterfly', 'an elephant', 'a fire truck', 'a violin', 'a bowl of ramen'];
  const vectors = await Promise.all(captions.map((caption) => embedder.text(caption)));
  for (const [prompt, caption] of [
    ['an insect', 'a butterfly'],
    ['a motor vehicle', 'a fire truck'],
    ['noodle soup', 'a bowl of ramen'],
    ['a musical instrument', 'a violin'],
  ] as const) {
    const asked = await embedder.text(prompt);
    const likeness = vectors.map((vector) => cosine(asked, vector));
    expect(captions[likeness.indexOf(Math.max(...likeness))], prompt).toBe(caption);
  }
  expect(embedder.dimensions).toEqual({ text: 384, image: 128 });
  await close();
});

test('a model makes its video of what it reads', async () => {
  const { specs } = buildModel(presets['nano-frozen']!);
  const values = startValues(specs, 1);
  const weights = join(await mkdtemp(join(tmpdir(), 'vimi-')), 'untrained.safetensors');
  await writeWeights(weights, new Map(specs.map(({ name, shape }) => [name, { shape, values: values.get(name)! }])), {
    metadata: { preset: 'nano-frozen' },
  });
  const denoiser = await createDenoiser({ model: weights, encoder: folder, backend: 'wasm' });
  const video = async (text: string) => {
    const { video } = await denoiser.generate(
      {
        prompt: { task: 'text-to-video', instruction: '', parts: [{ text }] },
        ...{ frames: 1, width: 32, height: 32, fps: 8, steps: 1, guidance: { text: 1, image: 1 }, seed: 5 },
      },
      { signal: new AbortController().signal },
    );
    return Buffer.from(video.data);
  };
  try {
    const dog = await video('a dog');
    expect(dog.equals(await video('a dog'))).toBe(true);
    expect(dog.equals(await video('a car'))).toBe(false);
  } finally {
    await denoiser.close();
  }
});

function cosine(a: number[], b: number[]): number {
  const product = (x: number[], y: number[]) => x.reduce((sum, v, i) => sum + v * y[i]!, 0);
  return product(a, b) / Math.sqrt(product(a, a) * product(b, b));
}
