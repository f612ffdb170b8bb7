import { z } from 'zod';
import type { Preset } from '../../presets/preset.js';

const positive = z.number().positive();
const share = z.number().min(0).max(1);

/** A part of the training: what the model sees and how much of it at once. */
export const stage = z
  .strictObject({
    /** Part of all steps; the stages' shares sum to 1. */
    share,
    /** Frames of each clip, next to each other. Single frames are far cheaper and teach looks first. */
    frames: z.number().int().min(1),
    batch: z.number().int().min(1),
    /** ln sigma ~ N(mean, std^2). */
    noise: z.strictObject({ mean: z.number(), std: positive }),
    /** How often the latents of a first pass are carried over (Snap Video: 0.9; it costs a third more). */
    selfCondition: share,
    /** Pieces in which a batch is computed, when memory does not hold all of it or devices share it; the step is the same. */
    accumulate: z.number().int().min(1).optional(),
    /** Part of the samples that are stills, videos of endless frames a second; left out: as many as the shards hold. */
    stills: share.optional(),
  })
  .refine(({ batch, accumulate = 1 }) => batch % accumulate === 0, 'accumulate must divide batch');
export type Stage = z.infer<typeof stage>;

/** Everything that decides a training run but the shards and the preset. */
export const recipe = z.strictObject({
  stages: z
    .array(stage)
    .min(1)
    .refine((stages) => Math.abs(stages.reduce((sum, one) => sum + one.share, 0) - 1) < 1e-6, 'shares must sum to 1'),
  optimizer: z.strictObject({
    /** Highest rate of AdamW, for everything but the matrices of the blocks. */
    rate: positive,
    /** Highest rate of Muon, for those. 0: AdamW for all. */
    muonRate: z.number().min(0),
    warmup: z.number().int().min(0),
    /** The rate falls as a cosine over the last part of the steps. */
    decay: share,
    weightDecay: z.number().min(0),
    clip: positive,
    ema: share,
    /** Parameters that alone learn, by AdamW: all of each, or some of its rows; all parameters when left out. What else there is stays to the bit. */
    only: z.record(z.string(), z.union([z.literal('all'), z.array(z.number().int().min(0)).min(1)])).optional(),
  }),
  /** What of the prompt is withheld, as parts of the samples: images and what came with them; everything. */
  dropout: z.strictObject({ images: share, all: share }),
  /** See augment.ts. */
  augment: z.strictObject({
    ...{ hideNames: share, mirror: share, colours: share, strangeWords: share.optional() },
    /** See references.ts. */
    ...{ wrongContexts: share.optional(), turnedImages: share.optional() },
  }),
  /** Weight of the layout's loss. */
  layout: z.number().min(0),
  /** Weight of the placement's. More than a hundredth, and its gradient drowns what the pixels teach. */
  placement: z.number().min(0),
  /** How often each task of VIMI's stage 2 comes (see tasks.ts); left out: samples stay as they are. */
  tasks: z
    .strictObject({
      'text-to-video': z.number().min(0),
      'subject-driven': z.number().min(0),
      prediction: z.number().min(0),
    })
    .refine((weights) => Object.values(weights).some((weight) => weight > 0), 'one weight at least must be above 0')
    .optional(),
});
export type Recipe = z.infer<typeof recipe>;

const first: Recipe = {
  stages: [
    { share: 0.45, frames: 1, batch: 32, noise: { mean: 0, std: 1.4 }, selfCondition: 0 },
    { share: 0.2, frames: 4, batch: 8, noise: { mean: 0.5, std: 1.4 }, selfCondition: 0 },
    { share: 0.35, frames: 8, batch: 4, noise: { mean: 0.5, std: 1.4 }, selfCondition: 0.5 },
  ],
  optimizer: { rate: 2e-3, muonRate: 0.02, warmup: 100, decay: 0.5, weightDecay: 0.01, clip: 1, ema: 0.997 },
  dropout: { images: 0.1, all: 0.1 },
  augment: { hideNames: 0.6, mirror: 0.5, colours: 0.3 },
  layout: 0.1,
  placement: 0.01,
};

/**
 * An upsampler is told where everything is: single frames for the drawing, then whole clips for what lies between them. More
 * noise than its input scale of 4 asks for: what to make of the small video is decided early, in few steps.
 */
const upsampler: Recipe = {
  ...first,
  stages: [
    { share: 0.5, frames: 1, batch: 16, noise: { mean: 0, std: 1.4 }, selfCondition: 0 },
    { share: 0.5, frames: 16, batch: 2, noise: { mean: 0, std: 1.4 }, selfCondition: 0.5 },
  ],
  augment: { hideNames: 0.3, mirror: 0.5, colours: 0.5 },
  layout: 0,
  placement: 0,
};

/** Whole clips of all three tasks, gently: what stage 1 learned is to stay. */
const second: Recipe = {
  ...first,
  stages: [{ share: 1, frames: 8, batch: 4, noise: { mean: 0.5, std: 1.4 }, selfCondition: 0.5 }],
  optimizer: { ...first.optimizer, rate: 1e-3, muonRate: 0.01, decay: 0.8 },
};
const tasks = { 'text-to-video': 2, 'subject-driven': 1, prediction: 1 };

/**
 * Snap Video's training (Sec. 4, App. D) as far as it is told: 2,048 videos and 2,048 images a step, self-conditioning of
 * 90 %, label dropout of 10 %, EMA with a half-life of 6,000 steps, 10,000 steps of warm-up, cosine. Theirs is LAMB at
 * 5e-3; AdamW at a lower rate is ours.
 */
const snap: Recipe = {
  stages: [
    {
      ...{ share: 1, frames: 16, batch: 4096, accumulate: 1024, noise: { mean: -1.2, std: 1.2 } },
      ...{ selfCondition: 0.9, stills: 0.5 },
    },
  ],
  optimizer: { rate: 3e-4, muonRate: 0, warmup: 10_000, decay: 1, weightDecay: 0.01, clip: 1, ema: 0.5 ** (1 / 6000) },
  dropout: { images: 0, all: 0.1 },
  augment: { hideNames: 0, mirror: 0, colours: 0 },
  layout: 0,
  placement: 0,
};

/** The recipe of a preset when none is given. VIMI's stages: 1 conditioned pretraining, 2 the three tasks. */
export function recipeOf(preset: Preset, vimiStage: 1 | 2 = 1): Recipe {
  const small = preset.low ? upsampler : vimiStage === 2 ? second : first;
  const recipe = preset.local ? small : snap;
  // Stages of whole clips are as long as the preset's.
  const stages = recipe.stages.map((one) => ({ ...one, frames: Math.min(one.frames, preset.frames) }));
  // What a frozen encoder has read cannot be hidden, mirrored or given another colour any more.
  const still = preset.encoder.external && { augment: { hideNames: 0, mirror: 0, colours: 0 } };
  return { ...recipe, ...(vimiStage === 2 && { tasks }), ...still, stages };
}
