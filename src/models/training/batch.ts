import { drawNoiseLevel } from '../diffusion/noise-levels.js';
import { Random } from '../diffusion/random.js';
import { layoutCell } from '../networks/fit.js';
import { type PromptItem, promptItems, seenBy } from '../networks/prompt-input.js';
import type { Preset } from '../presets.js';
import { augmentItems, drawAugmentation, repaint } from './augment.js';
import type { Recipe, Stage } from './recipe.js';
import type { TrainingSample } from './samples.js';
import { subjectMask } from './subject-mask.js';

/** B clips with their prompts and their noise, as plain numbers. */
export interface Batch {
  B: number;
  T: number;
  side: number;
  /** [B, T, side, side, 3], -1 to 1. */
  x: Float32Array;
  /** Standard normal, of the same shape. */
  eps: Float32Array;
  sigma: number[];
  /** [B][T] */
  frames: number[][];
  fps: number[];
  prompts: PromptItem[][];
  /** Covered share of layout cells [B, T, cells] and of patches [B, T, patches]; null: not known. */
  masks: ({ cells: Float32Array; patches: Float32Array } | null)[];
  /** Whether the latents of a first pass are carried over. */
  selfCondition: boolean;
}

/**
 * The batch of a step: a function of (seed, step) and the samples alone, so that a resumed run goes on as if it had
 * never stopped.
 */
export function drawBatch(
  samples: readonly TrainingSample[],
  preset: Preset,
  stage: Stage,
  { dropout, augment }: Pick<Recipe, 'dropout' | 'augment'>,
  { seed, step }: { seed: number; step: number },
): Batch {
  const random = new Random(seed, step);
  const { frames: T, batch: B } = stage;
  const { side } = preset;
  const length = T * side * side * 3;
  const batch: Batch = {
    ...{ B, T, side, x: new Float32Array(B * length), eps: new Float32Array(0) },
    ...{ sigma: [], frames: [], fps: [], prompts: [], masks: [] },
    selfCondition: random.uniform() < stage.selfCondition,
  };
  for (let b = 0; b < B; b++) {
    const sample = samples[random.below(samples.length)]!;
    // A window as long as the model's clips, and in it T frames next to each other.
    const window = random.below(sample.count - preset.frames + 1);
    const first = random.below(preset.frames - T + 1);
    const augmentation = drawAugmentation(random, augment);
    const { items, mirrored } = augmentItems(promptItems(sample.prompt, preset), sample.contextCaptions, augmentation);
    const from = (window + first) * side * side * 3;
    const pixels = Float32Array.from(sample.frames.subarray(from, from + length), (v) => v / 127.5 - 1);
    const painted = repaint(pixels, side, mirrored, augmentation.channels);
    batch.x.set(painted, b * length);
    const cells = subjectMask(painted, T, side, layoutCell);
    const patches = cells && subjectMask(painted, T, side, preset.patch);
    batch.masks.push(cells && patches ? { cells, patches } : null);
    batch.frames.push(Array.from({ length: T }, (_, t) => first + t));
    batch.fps.push(sample.fps);
    batch.sigma.push(drawNoiseLevel(() => random.normal(), stage.noise));
    const u = random.uniform();
    const kept = u < dropout.all ? 'nothing' : u < dropout.all + dropout.images ? 'text' : 'all';
    batch.prompts.push(seenBy[kept](items));
  }
  batch.eps = random.normals(B * length);
  return batch;
}
