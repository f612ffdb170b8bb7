import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { VimiError } from '../errors.js';
import { buildModel, type Model } from './networks/model.js';
import { startValues, type Weights } from './networks/parameters.js';
import { type Preset, presetNamed, presets } from './presets.js';
import { checkWeights, readWeights } from './weights.js';

export interface LoadedModel {
  model: Model;
  weights: Weights;
  /** SHA-256 of the weights file. */
  sha256: string;
  /** The words of the prompts that they were trained with, where the file says so. */
  words?: string[];
  /** That of the frozen encoder that the weights were trained with. */
  encoder?: string;
}

/**
 * A preset by its name (weights/NAME/NAME.safetensors of this package) or a model by its file, whose metadata name the
 * preset. `randomSeed`: start values instead of weights, for tests of everything around the model.
 * MODEL_UNKNOWN, WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED.
 */
export async function loadModel(name: string, { randomSeed }: { randomSeed?: number } = {}): Promise<LoadedModel> {
  if (randomSeed !== undefined) {
    const model = buildModel(presetNamed(name));
    const values = startValues(model.specs, randomSeed);
    const hash = createHash('sha256');
    for (const array of values.values()) hash.update(new Uint8Array(array.buffer));
    return { model, weights: toTensors(model, values), sha256: hash.digest('hex') };
  }
  const path = weightsPath(name);
  const file = await readWeights(path);
  const model = buildModel(presetOf(file.metadata, path));
  checkWeights(file, model.specs, path);
  const values = new Map([...file.tensors].map(([parameter, { values: numbers }]) => [parameter, numbers]));
  const { encoder, words } = file.metadata;
  return {
    ...{ model, weights: toTensors(model, values), sha256: file.sha256, encoder },
    ...(words !== undefined && { words: words.split(' ') }),
  };
}

/** Where a model's weights lie. A name with a slash or an ending is a path. */
export function weightsPath(name: string): string {
  if (/[\\/]|\.safetensors$/.test(name)) return name;
  presetNamed(name);
  return fileURLToPath(new URL(`../../weights/${name}/${name}.safetensors`, import.meta.url));
}

function presetOf({ preset }: Record<string, string>, where: string): Preset {
  if (preset === undefined || !Object.hasOwn(presets, preset))
    throw new VimiError('WEIGHTS_DAMAGED', 'The weights do not say which preset they are of', {
      expected: `metadata "preset": ${Object.keys(presets).join(', ')}`,
      found: preset,
      where,
    });
  return presets[preset]!;
}

function toTensors(model: Model, values: ReadonlyMap<string, Float32Array>): Weights {
  return new Map(model.specs.map((spec) => [spec.name, tf.keep(tf.tensor(values.get(spec.name)!, spec.shape))]));
}
