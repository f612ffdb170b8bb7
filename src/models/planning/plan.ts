import { buildModel } from '../networks/model.js';
import { presetNamed } from '../presets/presets.js';
import { type Recipe, recipeOf, type Stage } from '../training/loop/recipe.js';
import { type Cost, costOf, optimizerCost, type Work } from './cost.js';

/** What a training run takes, before anything is allocated. */
export interface TrainingPlan {
  preset: string;
  parameters: number;
  steps: number;
  stages: StagePlan[];
  /** Floating point operations of the whole run. */
  flops: number;
  /** Bytes at the same time, in single precision; on the first device, if there are several. */
  memory: { weights: number; gradients: number; optimizer: number; activations: number };
  devices: number;
  /** Bytes that go to the other devices at a step, and that come from them in the stage of the most pieces. */
  exchange: { weights: number; gradients: number };
}

export interface StagePlan {
  stage: Stage;
  steps: number;
  /** Of one step: forward, backward (twice a forward), the first pass of self-conditioning, the optimizer. */
  flops: number;
}

/** The prompt that is counted with: a sentence for the retrieved document, one of the user's own, one image. */
export const usualPrompt = { words: 24, images: 1 };

/**
 * How many numbers are there at once, while a gradient is computed, for each that a matrix and an attention leave: norms,
 * activations, sums, and what they are computed from. Fitted to what nano allocates; a test holds it to that.
 */
export const kept = { matrices: 19, attentions: 4.5 };

/** For several devices the recipe is one that they can share (share-recipe.ts). MODEL_UNKNOWN. */
export function planTraining(name: string, steps: number, recipe?: Recipe, devices = 1): TrainingPlan {
  const preset = presetNamed(name);
  const model = buildModel(preset);
  const { stages: list } = recipe ?? recipeOf(preset);
  const ends = list.map((_, i) =>
    Math.ceil(steps * list.slice(0, i + 1).reduce((sum, { share }) => sum + share, 0) - 1e-6),
  );
  const optimizer = optimizerCost(model.specs);
  const stages = list.map((stage, i): StagePlan => {
    const { batch, selfCondition: p } = stage;
    const one = (carried: boolean) => costOf(model, workOf(stage, carried));
    const trained = (1 - p) * sum(one(false)) + p * sum(one(true));
    return {
      stage,
      steps: Math.min(steps, ends[i]!) - (i === 0 ? 0 : ends[i - 1]!),
      flops: batch * (3 * trained + p * one(false).denoise) + optimizer,
    };
  });
  const activations = list.map((stage) => {
    const { numbers } = costOf(model, workOf(stage, stage.selfCondition > 0));
    const perSample = kept.matrices * numbers.matrices + kept.attentions * numbers.attentions;
    return (4 * stage.batch * perSample) / (stage.accumulate ?? 1);
  });
  const size = 4 * model.parameters;
  const pieces = Math.max(...list.map(({ accumulate = 1 }) => accumulate));
  return {
    ...{ preset: name, parameters: model.parameters, steps, stages },
    flops: stages.reduce((total, { steps: n, flops }) => total + n * flops, 0),
    // As plain numbers and, while a step is computed, on the backend; the optimizer keeps the mean and two moments.
    memory: { weights: 2 * size, gradients: 2 * size, optimizer: 3 * size, activations: Math.max(...activations) },
    devices,
    exchange: { weights: (devices - 1) * size, gradients: ((devices - 1) / devices) * pieces * size },
  };

  function workOf({ frames }: Stage, carried: boolean): Work {
    return { frames, carried, ...usualPrompt };
  }
}

const sum = ({ encode, denoise }: Cost) => encode + denoise;
