import type { GuidedAbove } from '../sampling/guidance.js';
import type { Method } from '../sampling/sampler.js';
import type { Thresholding } from '../sampling/thresholding.js';

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
  /** Parts beside FIT that are not from the paper, for models that must learn in the small (see fit.ts). */
  local: boolean;
  /** Of an upsampler: the smaller video that it is given. */
  low?: LowResolution;
  /** The words after which training showed images as backgrounds; sampling puts the first before one that stands after none of them. */
  backgroundAfter?: readonly string[];
  /** Training named a background in every caption; sampling names this one where a prompt names none. */
  unsaidBackground?: string;
  /** Training showed subject-driven prompts; sampling reads retrieved images in the place of their names where a prompt names several. */
  imagesForNames?: boolean;
  /** Training showed only references that fill their image; sampling cuts others to what they show. */
  fillingReferences?: boolean;
  /** Noise levels of the sampler. */
  noise: { min: number; max: number };
  /** The noise levels down to which the words, and the images, are guided; everywhere if not given. */
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
  /** Words and images read at most; of words what goes beyond is left out. Requests of more images are refused. */
  words: number;
  images: number;
  /** Images are read at this side, in patches of 8. */
  imageSide: number;
  /** Channels of the tokens that a frozen encoder outside makes of the words; images are read here. */
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
