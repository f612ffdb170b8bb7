import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBackend, tensorflowPackage } from '../../../src/models/backends/backend.js';
import { presets } from '../../../src/models/presets/presets.js';
import { disagreement, layerCases, trial } from './layer-cases.js';
import { difference, lossAndGradients, nanoBatch, tiny, tinyBatch } from './tiny.js';

// Runs where `npm run setup:tensorflow` has been run.
describe.skipIf(tensorflowPackage() === null)('tensorflow and wasm agree', () => {
  let description = '';
  beforeAll(async () => {
    await openBackend('wasm');
    description = await openBackend('tensorflow', { threads: 1 });
  });
  afterAll(() => tf.removeBackend('wasm'));

  test('it says which TensorFlow it is', () => expect(description).toMatch(/^tensorflow \d+\.\d+\.\d+ \((CPU|GPU)\)$/));

  test.each(layerCases)('on %s, forward and backward', async (...layer) => {
    expect(await disagreement(trial(...layer), 'tensorflow', 'wasm')).toBeLessThan(1e-4);
  });

  test('on the loss and every gradient of a small network with everything in it', async () => {
    expect(await difference(() => lossAndGradients(tiny, tinyBatch), 'tensorflow', 'wasm')).toBeLessThan(1e-4);
  });

  test('on the loss and every gradient of nano', async () => {
    expect(await difference(() => lossAndGradients(presets.nano!, nanoBatch), 'tensorflow', 'wasm')).toBeLessThan(1e-4);
  });
});
