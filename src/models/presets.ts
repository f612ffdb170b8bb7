import { VimiError } from '../errors.js';

/** The sizes of a model. Letters in brackets are those of the networks. */
export interface Preset {
  name: string;
  /** What it makes: frames [T] of side x side pixels. */
  frames: number;
  side: number;
  /** Side of a patch in pixels; a patch is one frame deep (Snap Video: larger in time or space hurts). */
  patch: number;
  /** Patches of a group, in rows and columns; a group spans all frames. */
  group: { rows: number; columns: number };
  /** Channels of patch tokens [P] and of latents and conditioning [C]. */
  patchWidth: number;
  width: number;
  heads: number;
  /** Latents of all groups together [L]. */
  latents: number;
  /** Blocks of read, compute, write; self-attention layers a block. */
  blocks: number;
  layers: number;
  /** Widening of the feed-forwards. */
  ratio: number;
  encoder: {
    layers: number;
    /** Rows of the table of hashed word pieces. */
    vocabulary: number;
    /** Words and pictures read at most; what goes beyond is left out. */
    words: number;
    pictures: number;
    /** Pictures are read at this side, in patches of 8 (for meaning) and of 2 (for pixels). */
    pictureSide: number;
  };
  /** Own choices beside FIT, for models that must learn in the small (see fit.ts). */
  local: boolean;
  defaults: { fps: number; steps: number; guidance: { text: number; image: number } };
}

export const presets: Record<string, Preset> = {
  // Held-out loss at sigma 3: .047 with its own prompt, .237 with another's, .065 with none (weights/nano/README.md).
  // More guidance than 2 washes the ground out.
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
    defaults: { fps: 8, steps: 10, guidance: { text: 1.5, image: 1.5 } },
  },
};

/** MODEL_UNKNOWN when there is none of that name. */
export function presetNamed(name: string): Preset {
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (!preset)
    throw new VimiError('MODEL_UNKNOWN', 'No such model', { expected: Object.keys(presets).join(', '), found: name });
  return preset;
}
