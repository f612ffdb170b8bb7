import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBackend } from '../../../src/models/backends/backend.js';
import { attention } from '../../../src/models/networks/layers.js';
import { Declaration, sizeOf, startValues } from '../../../src/models/networks/parameters.js';
import { disagreement, layerCases, trial } from './layer-cases.js';
import { numbers } from './tiny.js';

beforeAll(async () => {
  await openBackend('wasm');
});
afterAll(() => tf.removeBackend('wasm'));

describe.each(layerCases)('%s', (...given) => {
  const layer = trial(...given);

  test('wasm and plain JavaScript agree, forward and backward', async () => {
    expect(await disagreement(layer, 'wasm', 'cpu')).toBeLessThan(1e-4);
  });

  test('the gradient is the slope: finite differences along random directions', async () => {
    tf.setBackend('cpu');
    const { gradients } = await layer.results();
    for (const seed of [1, 2, 3]) {
      const directions = layer.start.map((array, i) => numbers(array.length, 100 * seed + i));
      const h = 2e-3;
      const at = (side: number) =>
        layer.score(layer.start.map((array, i) => array.map((v, j) => v + side * h * directions[i]![j]!)));
      const measured = (at(1) - at(-1)) / (2 * h);
      const computed = gradients.reduce((sum, g, i) => sum + g.reduce((s, v, j) => s + v * directions[i]![j]!, 0), 0);
      expect(Math.abs(measured - computed)).toBeLessThan(0.01 * (Math.abs(computed) + 1));
    }
  });

  test('its parameters are counted without being made', () => {
    expect(layer.specs.reduce((n, spec) => n + sizeOf(spec), 0)).toBe(
      layer.start.slice(given[1].length).reduce((n, a) => n + a.length, 0),
    );
  });
});

test('a hidden token counts for nothing', () => {
  const declare = Declaration.root();
  const attend = attention(declare, { C: 8, D: 8, heads: 2 });
  const values = startValues(declare.specs, 1);
  const w = new Map(declare.specs.map(({ name, shape }) => [name, tf.tensor(values.get(name)!, shape)]));
  const x = tf.tensor(numbers(8), [1, 1, 8]);
  const seen = tf.tensor(numbers(16, 4), [1, 2, 8]);
  const more = tf.concat([seen, tf.tensor(numbers(8, 5), [1, 1, 8])], 1);
  const without = attend(w, x, seen).dataSync();
  const hiddenAway = attend(w, x, more, { bias: tf.tensor([0, 0, -1e9], [1, 1, 1, 3]) }).dataSync();
  for (const [i, v] of without.entries()) expect(hiddenAway[i]).toBeCloseTo(v, 6);
});

test('a wrong shape says which letters it should have had', () => {
  const declare = Declaration.root();
  const attend = attention(declare, { C: 8, D: 8, heads: 2 });
  expect(() => attend(new Map(), tf.zeros([1, 2, 7]), tf.zeros([1, 2, 8]))).toThrow(
    /expected \[B, N, C=8\], found \[1, 2, 7\]/,
  );
});
