import * as tf from '@tensorflow/tfjs';
import { buildModel } from '../networks/model.js';
import { startValues, weightTensors } from '../networks/parameters.js';
import { Random } from '../numerics/random.js';
import type { Preset } from '../presets/preset.js';
import { presetNamed, sizeOfVideo } from '../presets/presets.js';
import { drawBatch, splitBatch } from '../training/data/batch.js';
import type { TrainingSample } from '../training/data/samples.js';
import { gradientsOf } from '../training/loop/gradients.js';
import { type Recipe, recipeOf } from '../training/loop/recipe.js';
import { startState, update } from '../training/optimizer/optimizer.js';
import { type TrainingPlan, usualPrompt } from './plan.js';

/** How long a planned training takes on the backend that is open. */
export interface PlannedTime {
  /** Rate of plain products of matrices, floating point operations a second. */
  rate: number;
  /** Of one step of each stage; whether it was run, or follows from its operations and `usualShare` of the rate. */
  secondsPerStep: number[];
  measured: boolean;
  /** Of the whole run. */
  seconds: number;
}

/** What whole steps reach of the rate of matrices, measured with nano (bench/README.md): attention and norms are slower. */
const usualShare = 0.4;
/** Steps are run when all of them together are expected to take no longer. */
const patienceSeconds = 60;
const largestMeasured = 20e6;

export async function measureTime(plan: TrainingPlan, recipe?: Recipe): Promise<PlannedTime> {
  const rate = await matrixRate();
  const expected = plan.stages.map(({ flops }) => flops / (usualShare * rate));
  // The first of two steps warms up.
  const patient = expected.reduce((total, seconds) => total + 2 * seconds, 0) < patienceSeconds;
  const measured = patient && plan.parameters <= largestMeasured && !presetNamed(plan.preset).encoder.external;
  const secondsPerStep = measured ? measureSteps(plan, recipe ?? recipeOf(presetNamed(plan.preset))) : expected;
  const seconds = plan.stages.reduce((total, { steps }, i) => total + steps * secondsPerStep[i]!, 0);
  return { rate, secondsPerStep, measured, seconds };
}

/** The best of a few products of 512 x 512 matrices. */
async function matrixRate(): Promise<number> {
  const n = 512;
  const a = tf.tensor2d(new Random(1).normals(n * n), [n, n]);
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 6; i++) {
    const began = performance.now();
    const product = tf.matMul(a, a);
    await product.data();
    product.dispose();
    best = Math.min(best, performance.now() - began);
  }
  a.dispose();
  return (2 * n ** 3) / (best / 1000);
}

/** Seconds of a real step of each stage, with random weights and clips. */
function measureSteps(plan: TrainingPlan, recipe: Recipe): number[] {
  const preset = presetNamed(plan.preset);
  const model = buildModel(preset);
  const state = startState(model.specs, startValues(model.specs, 1));
  const samples = [madeUp(preset)];
  return plan.stages.map(({ stage }) => {
    let seconds = 0;
    for (const step of [0, 1]) {
      const began = performance.now();
      const batch = drawBatch(samples, preset, stage, recipe, { seed: 1, step });
      const w = weightTensors(model.specs, state.weights);
      const { gradients } = gradientsOf(model, w, splitBatch(batch, stage.accumulate ?? 1), recipe);
      tf.dispose([...w.values()]);
      update(model.specs, state, gradients, step, plan.steps, recipe.optimizer);
      seconds = (performance.now() - began) / 1000;
    }
    return seconds;
  });
}

function madeUp(preset: Preset): TrainingSample {
  const { width, height } = sizeOfVideo(preset);
  const bytes = (n: number) => Uint8Array.from(new Random(2).normals(n), (v) => 128 + 40 * v);
  const pixels = { width: 32, height: 32, data: bytes(32 * 32 * 3) };
  const text = Array.from({ length: usualPrompt.words }, (_, i) => `word${i}`).join(' ');
  return {
    ...{ key: 'made-up', count: preset.frames, fps: preset.defaults.fps, contextCaptions: [] },
    frames: bytes(preset.frames * width * height * 3),
    prompt: { task: 'text-to-video', instruction: '', parts: [{ pixels, role: 'reference' }, { text }] },
  };
}
