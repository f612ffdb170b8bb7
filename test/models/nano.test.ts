import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBackend } from '../../src/models/backend/backend.js';
import { createDenoiser } from '../../src/models/denoiser.js';
import { type LoadedModel, loadModel } from '../../src/models/load-model.js';
import { evaluate, type Probe } from '../../src/models/training/evaluate.js';
import { readSamples } from '../../src/models/training/samples.js';

/*
 * The shipped weights, on held-out samples that the corpus pipeline wrote: subjects that never moved in training, whose
 * pictures come from retrieval alone.
 */
const fixture = fileURLToPath(new URL('./fixtures/held-out-1.tar', import.meta.url));
const weightsFolder = new URL('../../weights/nano/', import.meta.url);

let loaded: LoadedModel;
let probes: Probe[];
beforeAll(async () => {
  await openBackend('wasm');
  loaded = await loadModel('nano');
  const { preset } = loaded.model;
  const samples = await readSamples([fixture], { side: preset.side, frames: preset.frames });
  expect(samples.length).toBeGreaterThanOrEqual(12);
  probes = evaluate(loaded.model, loaded.weights, samples, { levels: [1, 4] });
}, 240_000);
afterAll(() => tf.removeBackend('wasm'));

describe('nano on held-out samples', () => {
  test('its own prompt helps, a wrong one misleads', () => {
    for (const { right, wrong, nothing } of probes) {
      expect(right).toBeLessThan(0.9 * wrong);
      expect(right).toBeLessThan(nothing);
    }
  });
});

test('the card in the weights says what they were made from', async () => {
  const recipe = JSON.parse(await readFile(new URL('stage-2f.recipe.json', weightsFolder), 'utf8'));
  const denoiser = await createDenoiser({ model: 'nano', backend: 'wasm' });
  const description = await denoiser.describe();
  await denoiser.close();
  expect(description.parameters).toBe(recipe.parameters);
  expect(description.weights).toBe(loaded.sha256);
  const log = (await readFile(new URL('stage-2f.log.jsonl', weightsFolder), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(log.at(-1).step).toBe(recipe.steps);
});
