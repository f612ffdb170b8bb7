import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBackend } from '../../../src/models/backends/backend.js';
import { Random } from '../../../src/models/numerics/random.js';

let description = '';
beforeAll(async () => {
  description = await openBackend('wasm');
});
afterAll(() => tf.removeBackend('wasm'));

const random = new Random(5);
const values = (shape: number[]) => [...random.normals(shape.reduce((a, b) => a * b, 1))];

/** The same computation on wasm and on plain JavaScript. */
async function both(compute: () => tf.Tensor): Promise<[wasm: Float32Array, cpu: Float32Array]> {
  tf.setBackend('wasm');
  const wasm = (await tf.tidy(compute).data()) as Float32Array;
  tf.setBackend('cpu');
  const cpu = (await tf.tidy(compute).data()) as Float32Array;
  tf.setBackend('wasm');
  return [wasm, cpu];
}

function expectClose(a: Float32Array, b: Float32Array, tolerance = 1e-5) {
  expect(a).toHaveLength(b.length);
  let scale = 0;
  for (const v of b) scale = Math.max(scale, Math.abs(v));
  for (const [i, v] of a.entries()) expect(Math.abs(v - b[i]!)).toBeLessThanOrEqual(tolerance * (scale + 1e-6));
}

test('the description names the backend', () => expect(description).toMatch(/^wasm \(SIMD/));

test('a backend that is not set up is BACKEND_UNAVAILABLE', async () => {
  const before = process.env.VIMI_TENSORFLOW;
  process.env.VIMI_TENSORFLOW = '/nowhere';
  try {
    await expect(openBackend('tensorflow')).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
  } finally {
    if (before === undefined) delete process.env.VIMI_TENSORFLOW;
    else process.env.VIMI_TENSORFLOW = before;
  }
});

describe('matrix products', () => {
  const cases = [false, true].flatMap((ta) => [false, true].map((tb) => [ta, tb] as const));
  test.each(cases)('batched, transposed a: %s, b: %s', async (ta, tb) => {
    const [m, k, n] = [19, 33, 21];
    const a = values([3, 2, ta ? k : m, ta ? m : k]);
    const b = values([3, 2, tb ? n : k, tb ? k : n]);
    const [wasm, cpu] = await both(() =>
      tf.matMul(tf.tensor(a, [3, 2, ta ? k : m, ta ? m : k]), tf.tensor(b, [3, 2, tb ? n : k, tb ? k : n]), ta, tb),
    );
    expectClose(wasm, cpu);
  });

  test('one operand for all entries', async () => {
    const a = values([4, 5, 6]);
    const b = values([1, 6, 7]);
    const [wasm, cpu] = await both(() => tf.matMul(tf.tensor(a, [4, 5, 6]), tf.tensor(b, [1, 6, 7])));
    expectClose(wasm, cpu);
  });

  test('a weight that changes in place of a disposed one is packed anew', () => {
    for (let i = 0; i < 5; i++) {
      const product = tf.tidy(() => tf.matMul(tf.ones([4, 4]), tf.fill([4, 4], i)).dataSync());
      expect([...product]).toEqual(new Array(16).fill(4 * i));
    }
  });

  test('nothing leaks', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => tf.matMul(tf.ones([3, 8, 4]), tf.ones([3, 8, 4]), true, false).dataSync());
    expect(tf.memory().numTensors).toBe(before);
  });
});

test('the gradients of a 3x3 convolution', async () => {
  const x = values([2, 6, 5, 3]);
  const filter = values([3, 3, 3, 4]);
  const weight = values([2, 6, 5, 4]);
  const [wasm, cpu] = await both(() => {
    const gradients = tf.grads((input, f) =>
      tf.sum(tf.mul(tf.conv2d(input as tf.Tensor4D, f as tf.Tensor4D, 1, 'same'), tf.tensor(weight, [2, 6, 5, 4]))),
    )([tf.tensor(x, [2, 6, 5, 3]), tf.tensor(filter, [3, 3, 3, 4])]);
    return tf.concat(gradients.map((g) => g.flatten()));
  });
  expectClose(wasm, cpu);
});
