import type { Preset } from '../presets.js';
import { fit } from './fit.js';
import { countParameters, Declaration, type ParameterSpec } from './parameters.js';
import { promptEncoder } from './prompt-encoder.js';

/** A preset's networks: functions of weights, and the list of what the weights must hold. */
export interface Model {
  preset: Preset;
  specs: readonly ParameterSpec[];
  parameters: number;
  /** Prompts → conditioning. Independent of the noise level: once a sample is enough. */
  encode: ReturnType<typeof promptEncoder>;
  /** F of the preconditioning. */
  denoise: ReturnType<typeof fit>;
}

export function buildModel(preset: Preset): Model {
  const declare = Declaration.root();
  const encode = promptEncoder(declare.at('prompt'), preset);
  const denoise = fit(declare.at('fit'), preset);
  return { preset, specs: declare.specs, parameters: countParameters(declare.specs), encode, denoise };
}
