import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBackend } from '../../../../src/models/backends/backend.js';
import { Random } from '../../../../src/models/numerics/random.js';
import { isMuonMatrix } from '../../../../src/models/training/optimizer/muon.js';
import { startState, update } from '../../../../src/models/training/optimizer/optimizer.js';
import { rateAt } from '../../../../src/models/training/optimizer/schedule.js';

beforeAll(async () => {
  await openBackend('wasm');
});
afterAll(() => tf.removeBackend('wasm'));

const settings = { rate: 0.1, muonRate: 0, warmup: 0, decay: 0, weightDecay: 0, clip: 1e9, ema: 0.9 };
const vector = [{ name: 'v', shape: [3], start: 0 }];

test('AdamW: the first step is the rate against the sign, whatever the gradient; the second follows the formula', () => {
  const state = startState(vector, new Map([['v', Float32Array.of(1, 1, 1)]]));
  update(vector, state, new Map([['v', Float32Array.of(1e-3, -5, 40)]]), 0, 10, settings);
  for (const [i, w] of [0.9, 1.1, 0.9].entries()) expect(state.weights.get('v')![i]).toBeCloseTo(w, 4);
  update(vector, state, new Map([['v', Float32Array.of(3e-3, -5, -40)]]), 1, 10, settings);
  // By hand for the first number: m = .9 * .1 * g1 + .1 * g2, v = .98 * .02 * g1^2 + .02 * g2^2, both debiased.
  const m = (0.09 * 1e-3 + 0.1 * 3e-3) / (1 - 0.81);
  const v = (0.98 * 0.02 * 1e-6 + 0.02 * 9e-6) / (1 - 0.98 ** 2);
  expect(state.weights.get('v')![0]).toBeCloseTo(0.9 - (0.1 * m) / (Math.sqrt(v) + 1e-8), 4);
});

test('AdamW ends in the minimum of a quadratic', () => {
  const goal = [3, -2, 0.5];
  const state = startState(vector, new Map([['v', new Float32Array(3)]]));
  for (let step = 0; step < 400; step++) {
    const w = state.weights.get('v')!;
    update(vector, state, new Map([['v', w.map((x, i) => x - goal[i]!)]]), step, 400, { ...settings, decay: 0.5 });
  }
  for (const [i, g] of goal.entries()) {
    expect(state.weights.get('v')![i]).toBeCloseTo(g, 2);
    expect(state.ema.get('v')![i]).toBeCloseTo(g, 2);
  }
});

test('Muon moves a matrix by an almost orthogonal one', () => {
  const spec = [{ name: 'block0.x.matrix', shape: [32, 16], start: 1 }];
  expect(isMuonMatrix(spec[0]!)).toBe(true);
  const start = new Random(1).normals(512);
  const state = startState(spec, new Map([['block0.x.matrix', start.slice()]]));
  update(spec, state, new Map([['block0.x.matrix', new Random(2).normals(512)]]), 0, 10, {
    ...settings,
    muonRate: 0.5,
  });
  const moved = state.weights.get('block0.x.matrix')!.map((w, i) => (start[i]! - w) / 0.5);
  // Columns: near length 1 and near right angles (Newton-Schulz with these factors stays within about a third of 1).
  for (let a = 0; a < 16; a++)
    for (let b = a; b < 16; b++) {
      let dot = 0;
      for (let row = 0; row < 32; row++) dot += moved[row * 16 + a]! * moved[row * 16 + b]!;
      if (a === b) expect(Math.abs(dot - 1)).toBeLessThan(0.6);
      else expect(Math.abs(dot)).toBeLessThan(0.4);
    }
});

test('[kind 13] what alone learns moves as if it were all there is; everything else stays to the bit', () => {
  const specs = [
    { name: 'block0.x.matrix', shape: [16, 16], start: 1 },
    { name: 'table', shape: [3, 2], start: 1 },
  ];
  const begin = new Map(specs.map(({ name, shape }) => [name, new Random(1).normals(shape[0]! * shape[1]!)]));
  const gradients = new Map(specs.map(({ name, shape }) => [name, new Random(2).normals(shape[0]! * shape[1]!)]));
  const state = startState(specs, new Map([...begin].map(([name, v]) => [name, v.slice()])));
  const only = { ...settings, muonRate: 0.5, weightDecay: 0.1, clip: 1, only: { table: [1] } };
  const norm = update(specs, state, gradients, 0, 10, only);
  expect(state.weights.get('block0.x.matrix')).toEqual(begin.get('block0.x.matrix'));
  for (const values of [state.weights.get('table')!, state.ema.get('table')!])
    for (const i of [0, 1, 4, 5]) expect(values[i]).toBe(begin.get('table')![i]);

  // The row by itself.
  const row = [{ name: 'row', shape: [1, 2], start: 1 }];
  const part = (of: ReadonlyMap<string, Float32Array>) => new Map([['row', of.get('table')!.slice(2, 4)]]);
  const alone = startState(row, part(begin));
  expect(update(row, alone, part(gradients), 0, 10, { ...only, only: undefined })).toBe(norm);
  expect(state.weights.get('table')!.slice(2, 4)).toEqual(alone.weights.get('row'));
  expect(state.ema.get('table')!.slice(2, 4)).toEqual(alone.ema.get('row'));
});

test('tables, heads and vectors are not for Muon', () => {
  expect(isMuonMatrix({ name: 'prompt.words', shape: [2048, 96], start: 1 })).toBe(false);
  expect(isMuonMatrix({ name: 'fit.head.matrix', shape: [64, 48], start: 1 })).toBe(false);
  expect(isMuonMatrix({ name: 'fit.block0.read.norm.gain', shape: [96], start: 1 })).toBe(false);
});

test('the gradient is clipped to the given norm, which is told before', () => {
  const far = startState(vector, new Map([['v', new Float32Array(3)]]));
  const near = startState(vector, new Map([['v', new Float32Array(3)]]));
  expect(
    update(vector, far, new Map([['v', Float32Array.of(300, 400, 0)]]), 0, 10, { ...settings, clip: 1 }),
  ).toBeCloseTo(500, 3);
  update(vector, near, new Map([['v', Float32Array.of(0.6, 0.8, 0)]]), 0, 10, settings);
  for (const [i, m] of near.first.get('v')!.entries()) expect(far.first.get('v')![i]).toBeCloseTo(m, 5);
});

test('the rate warms up, stays, and falls as a cosine to a hundredth', () => {
  const rates = Array.from({ length: 100 }, (_, step) => rateAt(step, 100, { warmup: 10, decay: 0.5 }));
  expect(rates[0]).toBeCloseTo(0.1, 6);
  expect(rates[9]).toBe(1);
  expect(rates[50]).toBe(1);
  expect(rates[75]).toBeCloseTo(0.505, 3);
  expect(rates[99]).toBeLessThan(0.012);
  for (let i = 51; i < 100; i++) expect(rates[i]).toBeLessThanOrEqual(rates[i - 1]!);
});
