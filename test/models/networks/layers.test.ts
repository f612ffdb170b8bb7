import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBackend } from '../../../src/models/backend/backend.js';
import {
  attention,
  feedForward,
  linear,
  neighbours,
  norm,
  repeat,
  transformerLayer,
} from '../../../src/models/networks/layers.js';
import { Declaration, sizeOf, startValues, type Weights } from '../../../src/models/networks/parameters.js';
import { numbers } from './tiny.js';

beforeAll(async () => {
  await openBackend('wasm');
});
afterAll(() => tf.removeBackend('wasm'));

/** A layer, the shapes of what it is given, and how it is called. */
type Case = [name: string, shapes: number[][], build: (d: Declaration) => (w: Weights, ...x: tf.Tensor[]) => tf.Tensor];

const cases: Case[] = [
  ['linear', [[2, 3, 4]], (d) => linear(d, 4, 5)],
  ['norm', [[2, 3, 4]], (d) => norm(d, 4)],
  ['feedForward', [[2, 3, 4]], (d) => feedForward(d, 4, 2)],
  ['transformerLayer', [[2, 3, 8]], (d) => transformerLayer(d, 8, 2, 2)],
  ['neighbours', [[2, 4, 3, 5]], (d) => neighbours(d, 5)],
  ['repeat', [[2, 1, 3, 1, 2]], () => (_, x) => repeat(x, [2, 4, 3, 2, 2])],
  [
    'attention with a place and a hidden token',
    [
      [2, 3, 8],
      [2, 5, 6],
    ],
    (d) => {
      const attend = attention(d, { C: 8, D: 6, heads: 2 });
      return (w, x, context) =>
        attend(w, x, context, {
          bias: tf.tensor([0, 0, -1e9, 0, 0, 0, -1e9, -1e9, 0, 0], [2, 1, 1, 5]),
          place: tf.tensor(numbers(24, 9), [3, 8]),
        });
    },
  ],
];

describe.each(cases)('%s', (_, shapes, build) => {
  const declare = Declaration.root();
  const layer = build(declare);
  const specs = declare.specs.map((spec) => (spec.start === 0 ? { ...spec, start: 0.3 } : spec));
  const values = startValues(specs, 1);
  // What is varied: the inputs, then the parameters.
  const start = [
    ...shapes.map((s, i) =>
      numbers(
        s.reduce((a, b) => a * b),
        20 + i,
      ),
    ),
    ...specs.map(({ name }) => values.get(name)!),
  ];
  const allShapes = [...shapes, ...specs.map(({ shape }) => shape)];
  const run = (all: tf.Tensor[]) =>
    layer(new Map(specs.map(({ name }, i) => [name, all[shapes.length + i]!])), ...all.slice(0, shapes.length));
  const tensors = (arrays: Float32Array[]) => arrays.map((array, i) => tf.tensor(array, allShapes[i]!));
  /** A number that every output moves: their sum with fixed weights. */
  const score = (all: tf.Tensor[]) => {
    const y = run(all);
    return y.mul(tf.tensor(numbers(y.size, 77), y.shape)).sum();
  };

  function results(backend: string): { y: Float32Array; grads: Float32Array[] } {
    tf.setBackend(backend);
    const inputs = tensors(start);
    const y = tf.tidy(() => run(inputs));
    const { grads } = tf.tidy(() => tf.valueAndGrads((...all: tf.Tensor[]) => score(all).asScalar())(inputs));
    const read = (t: tf.Tensor) => t.dataSync().slice() as Float32Array;
    const out = { y: read(y), grads: grads.map(read) };
    tf.dispose([...inputs, y, ...grads]);
    return out;
  }

  test('wasm and plain JavaScript agree, forward and backward', () => {
    const [wasm, cpu] = [results('wasm'), results('cpu')];
    for (const [a, b] of [[wasm.y, cpu.y], ...wasm.grads.map((g, i) => [g, cpu.grads[i]!])] as [
      Float32Array,
      Float32Array,
    ][]) {
      const scale = Math.max(...b.map(Math.abs), 1e-3);
      expect(a).toHaveLength(b.length);
      for (const [i, v] of a.entries()) expect(Math.abs(v - b[i]!) / scale).toBeLessThan(1e-4);
    }
  });

  test('the gradient is the slope: finite differences along random directions', () => {
    tf.setBackend('cpu');
    const { grads } = results('cpu');
    for (const seed of [1, 2, 3]) {
      const directions = start.map((array, i) => numbers(array.length, 100 * seed + i));
      const h = 2e-3;
      const at = (side: number) =>
        tf
          .tidy(() => score(tensors(start.map((array, i) => array.map((v, j) => v + side * h * directions[i]![j]!)))))
          .dataSync()[0]!;
      const measured = (at(1) - at(-1)) / (2 * h);
      const computed = grads.reduce((sum, g, i) => sum + g.reduce((s, v, j) => s + v * directions[i]![j]!, 0), 0);
      expect(Math.abs(measured - computed)).toBeLessThan(0.01 * (Math.abs(computed) + 1));
    }
  });

  test('its parameters are counted without being made', () => {
    expect(declare.specs.reduce((n, spec) => n + sizeOf(spec), 0)).toBe(
      start.slice(shapes.length).reduce((n, a) => n + a.length, 0),
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
