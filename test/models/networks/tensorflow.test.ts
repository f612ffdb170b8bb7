import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBackend, tensorflowPackage } from '../../../src/models/backends/backend.js';
import { presets } from '../../../src/models/presets/presets.js';
import { loadModel } from '../../../src/models/weights/load-model.js';
import { drawnAtOnce, longest } from '../sampling/drawn-at-once.js';
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

  test('on videos from a batch: each colour is within one level of what it is alone', async () => {
    await tf.setBackend('tensorflow');
    const models = { loaded: await loadModel('nano'), upsampler: undefined };
    const alone = await drawnAtOnce(models, { graphs: undefined, most: 1 });
    const together = await drawnAtOnce(models, { graphs: undefined, most: 4 });
    expect(together.largest).toBeGreaterThanOrEqual(longest);
    for (const [n, video] of alone.videos.entries()) {
      const other = together.videos[n]?.data;
      const apart = video?.data.reduce((most, v, i) => Math.max(most, Math.abs(v - other![i]!)), 0) ?? 0;
      expect(apart, `video ${n}`).toBeLessThanOrEqual(1);
    }
  });
});
