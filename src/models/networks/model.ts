import type { Preset } from '../presets/preset.js';
import { fit } from './fit.js';
import { countParameters, Declaration, type ParameterSpec } from './parameters.js';
import { promptEncoder } from './prompt-encoder.js';

/** A preset's networks: functions of weights, and the list of what the weights must hold. */
export interface Model {
  preset: Preset;
  specs: readonly ParameterSpec[];
  parameters: number;
  /** Prompts → conditioning. Independent of the noise level: once a sample is enough. */
  encode: PromptEncoder['encode'];
  /** F of the preconditioning. */
  denoise: Fit['denoise'];
  /**
   * The same two taken apart: what they are told as numbers by name, and networks of tensors alone. Nothing else of a
   * request is in a network, so one that was run once is known.
   */
  prompt: Pick<PromptEncoder, 'told' | 'network'>;
  fit: Pick<Fit, 'told' | 'network' | 'features'>;
}

type PromptEncoder = ReturnType<typeof promptEncoder>;
type Fit = ReturnType<typeof fit>;

export function buildModel(preset: Preset): Model {
  const declare = Declaration.root();
  const prompt = promptEncoder(declare.at('prompt'), preset);
  const denoiser = fit(declare.at('fit'), preset);
  return {
    ...{ preset, specs: declare.specs, parameters: countParameters(declare.specs) },
    ...{ encode: prompt.encode, denoise: denoiser.denoise, prompt, fit: denoiser },
  };
}
