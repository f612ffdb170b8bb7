import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBackend, tensorflowPackage } from '../../../src/models/backend/backend.js';
import { buildModel } from '../../../src/models/networks/model.js';
import type { Batch } from '../../../src/models/training/batch.js';
import { lossOf } from '../../../src/models/training/loss.js';
import { difference, items, numbers, picture, randomWeights, tiny } from './tiny.js';

// Runs where `npm run setup:tensorflow` has been run.
describe.skipIf(tensorflowPackage() === null)('tensorflow and wasm agree', () => {
  let description = '';
  beforeAll(async () => {
    await openBackend('wasm');
    description = await openBackend('tensorflow', { threads: 1 });
  });
  afterAll(() => tf.removeBackend('wasm'));

  test('it says which TensorFlow it is', () => expect(description).toMatch(/^tensorflow \d+\.\d+\.\d+ \((CPU|GPU)\)$/));

  test('on the loss and every gradient of the whole network', () => {
    const model = buildModel(tiny);
    const batch: Batch = {
      ...{
        B: 2,
        T: 2,
        side: 8,
        sigma: [0.5, 3],
        frames: [
          [0, 1],
          [0, 1],
        ],
        fps: [8, 24],
        selfCondition: true,
      },
      x: numbers(2 * 2 * 8 * 8 * 3, 31),
      eps: numbers(2 * 2 * 8 * 8 * 3, 32),
      prompts: [items, [{ word: 'sun' }, { picture: picture(2), role: 'subject' }]],
      masks: [{ cells: new Float32Array(8).fill(0.25), patches: new Float32Array(32).fill(1) }, null],
    };
    const compute = () => {
      const w = randomWeights(model.specs);
      const loss = () => lossOf(model, w, batch, { layout: 0.1 }).total;
      const { value, grads } = tf.engine().gradients(loss, [...w.values()], undefined, true);
      return [value, ...grads];
    };
    expect(difference(compute, 'tensorflow', 'wasm')).toBeLessThan(1e-4);
  });
});
