import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { openBackend } from '../../src/models/backends/backend.js';
import { presets } from '../../src/models/presets/presets.js';
import { disagreement, layerCases, trial } from '../models/networks/layer-cases.js';
import { difference, lossAndGradients, nanoBatch, tiny, tinyBatch } from '../models/networks/tiny.js';

let description = '';
beforeAll(async () => {
  await openBackend('wasm');
  description = await openBackend('webgpu');
});

test('it says what it runs on', () => expect(description).toMatch(/^webgpu \(.+\)$/));

test.each(layerCases)('webgpu and plain JavaScript agree on %s, forward and backward', async (...layer) => {
  expect(await disagreement(trial(...layer), 'webgpu', 'cpu')).toBeLessThan(1e-4);
});

test('webgpu and wasm agree on the loss and every gradient of a small network with everything in it', async () => {
  expect(await difference(() => lossAndGradients(tiny, tinyBatch), 'webgpu', 'wasm')).toBeLessThan(1e-4);
});

test('webgpu and wasm agree on the loss and every gradient of nano', async () => {
  expect(await difference(() => lossAndGradients(presets.nano!, nanoBatch), 'webgpu', 'wasm')).toBeLessThan(1e-4);
  tf.setBackend('wasm');
});
