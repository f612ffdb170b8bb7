/*
 * Snap Video's sizes (arXiv 2402.14797, Table 8), to be trained by those who have the machines: there are no weights. The
 * table's numbers give the paper's counts (500 M and 3.9 G parameters, within 3 %) in this reading, ours where the paper is
 * silent: feed-forwards widen four times; conditioning tokens have 1,024 channels, those of the frozen text encoder, which
 * is outside and not counted; latents read patches in the patches' width. (Latents that read in their own width, told in
 * their own width, would make the larger model 4.14 G.) 16 heads, and places learned apart from times, are
 * ours too. 36 rows of pixels are padded to 40.
 */

/**
 * 128 tokens of a prompt encoder that is frozen and outside, and up to three images. Snap Video sees none, VIMI does; how it
 * reads them we do not know: as patches of 8x8 pixels beside the words, a token each (not from the paper), 0.2 M parameters.
 */
const encoder: EncoderSizes = {
  ...{ layers: 0, vocabulary: 0, words: 128, images: 3, imageSide: 64 },
  external: 1024,
};

const every = {
  frames: 16,
  patch: 4,
  heads: 16,
  blocks: 6,
  layers: 4,
  ratio: 4,
  conditionWidth: 1024,
  encoder,
  local: false,
  noise: { min: 0.002, max: 80 },
};
const small = { patchWidth: 768, readWidth: 768, width: 1024, latents: 512 };
const large = { patchWidth: 1024, readWidth: 1024, width: 3072, latents: 768 };
const base = {
  side: 64,
  height: 36,
  group: { rows: 5, columns: 4 },
  thresholding: 'dynamic' as const,
  defaults: { fps: 24, steps: 256, method: 'heun' as const, guidance: { text: 8, image: 8 } },
};

import type { EncoderSizes, Preset } from './preset.js';
export const snapPresets: Record<string, Preset> = {
  'snap-500m': { name: 'snap-500m', ...every, ...small, ...base },
  'snap-3.9b': { name: 'snap-3.9b', ...every, ...large, ...base },
  'snap-upsampler': {
    name: 'snap-upsampler',
    ...every,
    ...large,
    side: 512,
    height: 288,
    group: { rows: 18, columns: 16 },
    low: { everyFrame: 1, everyPixel: 8, corruption: { most: 0.5, usual: 0.1 } },
    thresholding: 'dynamic',
    defaults: { fps: 24, steps: 40, method: 'heun', guidance: { text: 1, image: 1 } },
  },
};
