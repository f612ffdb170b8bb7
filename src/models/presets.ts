import { VimiError } from '../errors.js';
import type { GuidedAbove } from './diffusion/guidance.js';
import { inputScale, type Preconditioning, sigmaData } from './diffusion/preconditioning.js';
import type { Method } from './diffusion/sampler.js';
import type { Thresholding } from './diffusion/thresholding.js';
import { snapPresets } from './snap-presets.js';

/** The sizes of a model. Letters in brackets are those of the networks. */
export interface Preset {
  name: string;
  /** What it makes: frames [T] of `side` x `height` pixels; square where there is no height. */
  frames: number;
  side: number;
  height?: number;
  /** Side of a patch in pixels; a patch is one frame deep (Snap Video: larger in time or space hurts). */
  patch: number;
  /** Patches of a group, in rows and columns; a group spans all frames. */
  group: { rows: number; columns: number };
  /** Channels of patch tokens [P] and of latents [C]. */
  patchWidth: number;
  width: number;
  /** Channels of the conditioning tokens; C if not given. */
  conditionWidth?: number;
  /** Channels, of all heads together, in which latents read patches; C if not given. */
  readWidth?: number;
  heads: number;
  /** Latents of all groups together [L]. */
  latents: number;
  /** Blocks of read, compute, write; self-attention layers a block. */
  blocks: number;
  layers: number;
  /** Widening of the feed-forwards. */
  ratio: number;
  encoder: EncoderSizes;
  /** Own choices beside FIT, for models that must learn in the small (see fit.ts). */
  local: boolean;
  /** Of an upsampler: the smaller video that it is given. */
  low?: LowResolution;
  /** Noise levels of the sampler. */
  noise: { min: number; max: number };
  /** The noise levels down to which the words, and the pictures, are guided; everywhere if not given. */
  guidedAbove?: GuidedAbove;
  /** What becomes of what guidance drives out of [-1, 1]. */
  thresholding: Thresholding;
  defaults: {
    fps: number;
    steps: number;
    method: Method;
    guidance: { text: number; image: number };
  };
}

export interface EncoderSizes {
  layers: number;
  /** Rows of the table of hashed word pieces. */
  vocabulary: number;
  /** Words and pictures read at most; of words what goes beyond is left out. Requests of more pictures are refused. */
  words: number;
  pictures: number;
  /** Pictures are read at this side, in patches of 8. */
  pictureSide: number;
  /** Channels of the tokens that a frozen encoder outside makes of the words; pictures are read here. */
  external?: number;
}

export interface LowResolution {
  /** When what is drawn are the details that the smaller video lacks: how large they are, their deviation over sigma_data. */
  details?: number;
  /** Whole numbers of the upsampler's own frames, and of its pixels to each side, that one of these stands for. */
  everyFrame: number;
  everyPixel: number;
  /** Noise laid over it, its deviation where pixels go from -1 to 1: up to `most` in training, `usual` when generating. */
  corruption: { most: number; usual: number };
}

export const presets: Record<string, Preset> = {
  // Held-out loss at sigma 3: .025 with its own prompt, .113 with another's, .044 with none (weights/nano/README.md).
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
    encoder: { layers: 2, vocabulary: 2048, words: 48, pictures: 3, pictureSide: 32 },
    local: true,
    // 40 drowns a video at this input scale; what is left at .1 is grain.
    noise: { min: 0.1, max: 40 },
    // Words guided to the end push grounds away from their colour; so does dynamic thresholding.
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
    encoder: { layers: 1, vocabulary: 2048, words: 48, pictures: 3, pictureSide: 64 },
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
const { nano } = presets;
presets['nano-frozen'] = {
  ...nano!,
  name: 'nano-frozen',
  encoder: { ...nano!.encoder, vocabulary: 0, words: 64, external: 384 },
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
