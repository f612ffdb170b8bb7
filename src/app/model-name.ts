import { didYouMean } from '../core/did-you-mean.js';
import { VimiError } from '../core/errors.js';
import { presets } from '../models/presets/presets.js';

/** Whether a model is named by its file rather than as a preset. */
export function isWeightsFile(name: string): boolean {
  return /[\\/]|\.safetensors$/.test(name);
}

/** A preset's name as it is. MODEL_UNKNOWN, with the name that was probably meant; `where` it was named, and what else could be. */
export function presetName(name: string, where?: string, others: readonly string[] = []): string {
  if (Object.hasOwn(presets, name)) return name;
  const names = [...Object.keys(presets), ...others];
  throw new VimiError('MODEL_UNKNOWN', `There is no model '${name}'${didYouMean(name, names)}`, {
    expected: names.join(', '),
    where,
  });
}

/** A preset's name, a weights file's or `fake` as it is; MODEL_UNKNOWN for anything else. */
export function modelName(name: string, where?: string, others: readonly string[] = []): string {
  return name === 'fake' || isWeightsFile(name) ? name : presetName(name, where, others);
}
