import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openBackend } from '../../../src/models/backends/backend.js';
import type { FitInput } from '../../../src/models/networks/fit.js';
import { buildModel } from '../../../src/models/networks/model.js';
import {
  hidden,
  type PromptItem,
  promptItems,
  readImage,
  wordRows,
} from '../../../src/models/networks/prompt-input.js';
import { presets } from '../../../src/models/presets/presets.js';
import { lossOf } from '../../../src/models/training/loop/loss.js';
import { tinyBatch as batch, image, items, numbers, randomWeights, tiny } from './tiny.js';

beforeAll(async () => {
  await openBackend('wasm');
});
beforeEach(() => {
  tf.setBackend('wasm');
});
afterAll(() => tf.removeBackend('wasm'));

const model = buildModel(tiny);

test('[kind 13] the images of the user come before those that were retrieved, all in their order', () => {
  const pixels = (value: number) => ({ width: 2, height: 2, data: new Uint8Array(12).fill(value) });
  const reference = (value: number) => ({ pixels: pixels(value), role: 'reference' as const });
  const prompt = {
    ...{ task: 'subject-driven' as const, instruction: '' },
    parts: [reference(0), reference(51), reference(102), { pixels: pixels(255), role: 'subject' as const }],
  };
  const seen = (parts: typeof prompt.parts) =>
    promptItems({ ...prompt, parts }, tiny).flatMap((item) =>
      'image' in item ? [`${item.role} ${item.image[0]!.toFixed(1)}`] : [],
    );
  expect(tiny.encoder.images).toBe(2);
  expect(seen(prompt.parts)).toEqual(['reference -1.0', 'subject 1.0']);
  expect(seen(prompt.parts.slice(0, 3))).toEqual(['reference -1.0', 'reference -0.6']);
});

test('nano has the size that its README says', () => {
  const { parameters } = buildModel(presets.nano!);
  expect(parameters).toBe(1_649_552);
});

test('the whole loss and its gradient agree on wasm and plain JavaScript, and with finite differences', () => {
  const results = (backend: string) => {
    tf.setBackend(backend);
    const w = randomWeights(model.specs);
    const { value, grads } = tf.tidy(() =>
      tf
        .engine()
        .gradients(
          () => lossOf(model, w, batch, { layout: 0.1, placement: 0.1 }).total,
          [...w.values()],
          undefined,
          true,
        ),
    );
    return { loss: value.dataSync()[0]!, grads: grads.map((g) => (g ? (g.dataSync().slice() as Float32Array) : null)) };
  };
  const [wasm, cpu] = [results('wasm'), results('cpu')];
  expect(wasm.loss).toBeCloseTo(cpu.loss, 4);
  const scale = Math.max(...cpu.grads.map((g) => (g ? Math.max(...g.map(Math.abs)) : 0)));
  for (const [i, g] of cpu.grads.entries()) {
    // Both images and both passes are in the batch: every parameter has a part in the loss.
    expect(g, model.specs[i]!.name).not.toBeNull();
    for (const [j, v] of g!.entries()) expect(Math.abs(wasm.grads[i]![j]! - v) / scale).toBeLessThan(1e-4);
  }

  tf.setBackend('cpu');
  const base = new Map([...randomWeights(model.specs)].map(([name, t]) => [name, t.dataSync()]));
  const direction = new Map(model.specs.map((spec, i) => [spec.name, numbers(base.get(spec.name)!.length, 500 + i)]));
  // The first pass of self-conditioning lends its latents without a gradient: leave it out of this comparison.
  const plain = { ...batch, selfCondition: false };
  const lossAt = (h: number) => {
    const w = new Map(
      model.specs.map(({ name, shape }) => [
        name,
        tf.tensor(base.get(name)!.map((v, j) => v + h * direction.get(name)![j]!) as Float32Array, shape),
      ]),
    );
    const out = tf.tidy(() => lossOf(model, w, plain, { layout: 0.1, placement: 0.1 }).total);
    return out.dataSync()[0]!;
  };
  const w = randomWeights(model.specs);
  const { grads } = tf.tidy(() =>
    tf
      .engine()
      .gradients(
        () => lossOf(model, w, plain, { layout: 0.1, placement: 0.1 }).total,
        [...w.values()],
        undefined,
        true,
      ),
  );
  const slope = grads.reduce((sum, g, i) => {
    if (!g) return sum;
    const d = direction.get(model.specs[i]!.name)!;
    return sum + (g.dataSync() as Float32Array).reduce((s, v, j) => s + v * d[j]!, 0);
  }, 0);
  const h = 1e-3;
  expect(Math.abs((lossAt(h) - lossAt(-h)) / (2 * h) - slope)).toBeLessThan(0.02 * (Math.abs(slope) + 1));
});

test('a longer neighbour in the batch does not change what a prompt means', () => {
  const w = randomWeights(model.specs);
  const alone = model.encode(w, [items]);
  const beside = model.encode(w, [items, [...items, { word: 'more' }, { image: image(9), role: 'background' }]]);
  const [, N] = alone.tokens.shape as [number, number, number];
  // Words come first, then images: the padding lies between them.
  const words = 1 + 4;
  const pick = (t: tf.Tensor, from: number, n: number) => [...t.slice([0, from, 0], [1, n, -1]).dataSync()];
  const near = (a: number[], b: number[]) => {
    for (const [i, v] of a.entries()) expect(b[i]).toBeCloseTo(v, 4);
  };
  near(pick(alone.tokens, 0, words), pick(beside.tokens, 0, words));
  near(pick(alone.tokens, words, N - words), pick(beside.tokens, words + 1, N - words));
  expect([...alone.images!.pixels.dataSync()]).toEqual([...beside.images!.pixels.slice([0, 0], [1, 1]).dataSync()]);
  near(pick(alone.images!.meaning, 0, 1), pick(beside.images!.meaning, 0, 1));
  expect([...beside.images!.present.dataSync()]).toEqual([1, 0, 1, 1]);
});

test('how far a word stands from an image can decide alone what is read of it', () => {
  const { encode, specs } = buildModel({ ...tiny, encoder: { ...tiny.encoder, layers: 1 } });
  const w = new Map(randomWeights(specs));
  for (const name of ['prompt.distance', 'prompt.beside.distance']) {
    const [rows, heads] = w.get(name)!.shape as [number, number];
    const oneBehind = Float32Array.from({ length: rows * heads }, (_, i) =>
      Math.floor(i / heads) === (rows - 1) / 2 + 1 ? 100 : 0,
    );
    w.set(name, tf.tensor(oneBehind, [rows, heads]));
  }
  const meaning = (...words: string[]) => {
    const prompt: PromptItem[] = [{ image: image(1), role: 'subject' }, ...words.map((word) => ({ word }))];
    return [...encode(w, [prompt]).images!.meaning.dataSync()];
  };
  expect(meaning('runs', 'and', 'sits')).toEqual(meaning('runs', 'or', 'falls'));
  expect(meaning('runs', 'and', 'sits')).not.toEqual(meaning('sits', 'and', 'runs'));
});

const condition = (prompt: PromptItem[], w = randomWeights(model.specs)) => [
  ...model.encode(w, [prompt]).tokens.slice([0, 0, 0], [1, 1, -1]).dataSync(),
];

test('words, their order, the place of an image among them, its role and its pixels all count', () => {
  const base = condition(items);
  const [fox, ref, a, , runs] = items as [PromptItem, PromptItem & object, PromptItem, PromptItem, PromptItem];
  const others: PromptItem[][] = [
    [fox, ref, a, { word: 'wolf' }, runs],
    [fox, ref, a, runs, fox],
    [ref, fox, a, fox, runs],
    [fox, { image: image(1), role: 'subject' }, a, fox, runs],
    [fox, { image: image(2), role: 'reference' }, a, fox, runs],
    [fox, a, fox, runs],
    [{ word: hidden }, ref, a, { word: hidden }, runs],
  ];
  for (const other of others) {
    const found = condition(other);
    expect(Math.max(...found.map((v, i) => Math.abs(v - base[i]!)))).toBeGreaterThan(1e-4);
  }
});

test('noise level, rate, frame numbers and the latents of the step before reach the output', () => {
  const w = randomWeights(model.specs);
  const cond = model.encode(w, [items]);
  const given: FitInput = {
    x: tf.tensor(numbers(2 * 8 * 8 * 3), [1, 2, 8, 8, 3]),
    ...{ sigma: [1], frames: [[0, 1]], fps: [8], condition: cond },
  };
  const f = (change: Partial<FitInput>) => [...model.denoise(w, { ...given, ...change }).f.dataSync()];
  const base = f({});
  expect(base).toHaveLength(2 * 8 * 8 * 3);
  const latents = tf.tensor(numbers(64, 8), [1, 8, 8]);
  for (const change of [
    { sigma: [2] },
    { fps: [24] },
    { fps: [Number.POSITIVE_INFINITY] },
    { frames: [[0, 5]] },
    { latents },
  ])
    expect(Math.max(...f(change).map((v, i) => Math.abs(v - base[i]!)))).toBeGreaterThan(1e-5);
  expect(() => f({ x: tf.zeros([1, 2, 8, 6, 3]) })).toThrow(expect.objectContaining({ code: 'SHAPE_MISMATCH' }));
});

test('without what is not from the paper it is a plain FIT', () => {
  const plain = buildModel({ ...tiny, local: false });
  expect(plain.specs.some(({ name }) => /local|layout|drawn|place\.|near/.test(name))).toBe(false);
  const w = randomWeights(plain.specs);
  const out = plain.denoise(w, {
    x: tf.zeros([1, 2, 8, 8, 3]),
    ...{ sigma: [1], frames: [[0, 1]], fps: [8], condition: plain.encode(w, [[]]) },
  });
  expect(out.f.shape).toEqual([1, 2, 8, 8, 3]);
  expect(out.planned).toBeUndefined();
});

test('long texts share the words that are read; the last part keeps its share', () => {
  const prompt = {
    task: 'text-to-video' as const,
    instruction: 'make a video',
    parts: [{ text: 'retrieved '.repeat(500) }, { text: 'a fox runs' }],
  };
  const read = promptItems(prompt, tiny).map((item) => ('word' in item ? item.word : 'image'));
  expect(read).toHaveLength(8);
  expect(read.slice(-2)).toEqual(['a', 'fox']);
});

test('images are laid on a white square', () => {
  const wide = readImage({ width: 32, height: 16, data: new Uint8Array(32 * 16 * 3) }, 16);
  expect(wide[0]).toBeCloseTo(1, 5); // above the image
  expect(wide[8 * 16 * 3]).toBeCloseTo(-1, 5); // the middle row
});

test('no word is unknown, and the hidden word is like no other', () => {
  for (const word of ['fox', 'x', '火狐', 'ä', ''])
    expect(wordRows(word, 32).every((row) => row >= 1 && row < 32)).toBe(true);
  expect(wordRows(hidden, 32)).toEqual([0]);
});
