import { VimiError } from '../../core/errors.js';
import { inputScale, type Preconditioning, sigmaData } from '../diffusion/preconditioning.js';
import type { Preset } from './preset.js';
import { snapPresets } from './snap-presets.js';

export const presets: Record<string, Preset> = {
  // Held-out loss at sigma 3: .030 with its own prompt, .136 with another's, .045 with none (weights/nano/README.md).
  nano: {
    name: 'nano',
    frames: 8,
    side: 32,
    patch: 2,
    group: { rows: 8, columns: 8 },
    patchWidth: 64,
    width: 96,
    heads: 4,
    latents: 64,
    blocks: 2,
    layers: 2,
    ratio: 2,
    encoder: { layers: 2, vocabulary: 2048, words: 48, images: 3, imageSide: 32 },
    local: true,
    backgroundAfter: ['in', 'in front of'],
    unsaidBackground: 'on a white background',
    imagesForNames: true,
    fillingReferences: true,
    // 40 drowns a video at this input scale; what is left at .1 is grain.
    noise: { min: 0.1, max: 40 },
    // Words guided to the end push backgrounds away from their colour; so does dynamic thresholding.
    guidedAbove: { text: 2, image: 0 },
    thresholding: 'static',
    defaults: { fps: 8, steps: 20, method: 'multistep', guidance: { text: 3, image: 3.5 } },
  },
  // Nano's videos, twice as large and twice as smooth. The small video says nearly everything, so the noise need not
  // drown what it says, and few steps without guidance are enough.
  'nano-upsampler': {
    name: 'nano-upsampler',
    frames: 16,
    side: 64,
    patch: 4,
    group: { rows: 8, columns: 8 },
    patchWidth: 96,
    width: 96,
    heads: 4,
    latents: 64,
    blocks: 2,
    layers: 1,
    ratio: 2,
    encoder: { layers: 1, vocabulary: 2048, words: 48, images: 3, imageSide: 64 },
    local: true,
    low: { everyFrame: 2, everyPixel: 2, corruption: { most: 0.5, usual: 0.15 }, details: 0.2 },
    noise: { min: 0.15, max: 3 },
    // Details have no range of their own.
    thresholding: 'none',
    defaults: { fps: 16, steps: 4, method: 'multistep', guidance: { text: 1, image: 1 } },
  },
  ...snapPresets,
};

// Nano, told of the words by a frozen language model of 384 channels (all-MiniLM-L6-v2 has them). There are no weights:
// who trains it brings the language model.
const {
  backgroundAfter: _,
  unsaidBackground: __,
  imagesForNames: ___,
  fillingReferences: ____,
  ...nano
} = presets.nano!;
presets['nano-frozen'] = {
  ...nano,
  name: 'nano-frozen',
  encoder: { ...nano.encoder, vocabulary: 0, words: 64, external: 384 },
};

/** Channels of a preset's conditioning tokens. */
export const conditionWidth = ({ width, conditionWidth: own = width }: Preset) => own;

/** Width and height of a preset's videos. */
export const sizeOfVideo = ({ side, height = side }: Preset) => ({ width: side, height });

/** sigma_data and sigma_in of a preset's videos. */
export const preconditioningOf = ({ frames, side }: Preset): Preconditioning => ({
  sd: sigmaData,
  si: inputScale(frames, side),
});

/** MODEL_UNKNOWN when there is none of that name. */
export function presetNamed(name: string): Preset {
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (!preset)
    throw new VimiError('MODEL_UNKNOWN', 'No such model', { expected: Object.keys(presets).join(', '), found: name });
  return preset;
}
