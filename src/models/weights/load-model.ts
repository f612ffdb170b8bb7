import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { VimiError } from '../../core/errors.js';
import { buildModel, type Model } from '../networks/model.js';
import type { Weights } from '../networks/parameters.js';
import type { Preset } from '../presets/preset.js';
import { presetNamed, presets } from '../presets/presets.js';
import { checkWeights, readWeights } from './safetensors.js';

export interface LoadedModel {
  model: Model;
  weights: Weights;
  /** SHA-256 of the weights file. */
  sha256: string;
  /** The words of the prompts that they were trained with, where the file says so. */
  words?: string[];
  /** That of the frozen encoder that the weights were trained with. */
  encoder?: string;
  /** What the file says of itself. */
  metadata?: Readonly<Record<string, string>>;
}

/**
 * A preset by its name (weights/NAME/NAME.safetensors of this package) or a model by its file, whose metadata name the
 * preset. MODEL_UNKNOWN, WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED.
 */
export async function loadModel(name: string): Promise<LoadedModel> {
  const path = weightsPath(name);
  const file = await readWeights(path);
  const model = buildModel(presetOf(file.metadata, path));
  checkWeights(file, model.specs, path);
  const values = new Map([...file.tensors].map(([parameter, { values: numbers }]) => [parameter, numbers]));
  const { encoder, words } = file.metadata;
  return {
    ...{ model, weights: toTensors(model, values), sha256: file.sha256, encoder, metadata: file.metadata },
    ...(words !== undefined && { words: words.split(' ') }),
  };
}

/** Where a model's weights lie. A name with a slash or an ending is a path. */
export function weightsPath(name: string): string {
  if (/[\\/]|\.safetensors$/.test(name)) return name;
  presetNamed(name);
  return fileURLToPath(new URL(`../../../weights/${name}/${name}.safetensors`, import.meta.url));
}

function presetOf({ preset }: Record<string, string>, where: string): Preset {
  if (preset === undefined || !Object.hasOwn(presets, preset))
    throw new VimiError('WEIGHTS_DAMAGED', 'The weights do not name their preset', {
      expected: `metadata "preset": ${Object.keys(presets).join(', ')}`,
      found: preset,
      where,
    });
  return presets[preset]!;
}

function toTensors(model: Model, values: ReadonlyMap<string, Float32Array>): Weights {
  return new Map(model.specs.map((spec) => [spec.name, tf.keep(tf.tensor(values.get(spec.name)!, spec.shape))]));
}
