import type { PlannedTime } from '../../models/planning/measure.js';
import type { TrainingPlan } from '../../models/planning/plan.js';
import { duration } from '../progress.js';
import { scaled } from '../scaled.js';
import { readRecipe, type TrainCommandOptions } from './train.js';

/** Prints what a training takes: parameters, computation, memory, and time on this machine. Trains nothing. */
export async function planTrain(options: TrainCommandOptions, out: NodeJS.WritableStream): Promise<void> {
  const { openBackend } = await import('../../models/backends/backend.js');
  const { planTraining } = await import('../../models/planning/plan.js');
  const { measureTime } = await import('../../models/planning/measure.js');
  const { recipeOf } = await import('../../models/training/loop/recipe.js');
  const { presetNamed } = await import('../../models/presets/presets.js');
  const { shareRecipe } = await import('../../models/training/devices/share-recipe.js');
  const { devices } = options;
  const whole =
    options.recipe === undefined
      ? recipeOf(presetNamed(options.preset), options.stage)
      : await readRecipe(options.recipe, options);
  const recipe = devices ? shareRecipe(whole, devices) : whole;
  const plan = planTraining(options.preset, options.steps, recipe, devices?.length);
  const backend = await openBackend(options.backend, { threads: options.threads, device: devices?.[0] });
  out.write(planText(plan, await measureTime(plan, recipe), backend));
}

export function planText(plan: TrainingPlan, time: PlannedTime, backend: string): string {
  const { weights, gradients, optimizer, activations } = plan.memory;
  const { devices, exchange } = plan;
  const lines = [
    `preset       ${plan.preset}, ${scaled(plan.parameters, '')} parameters`,
    ...plan.stages.map(({ stage, steps, flops }, i) => {
      const { frames, batch, accumulate = 1 } = stage;
      const pieces = accumulate > 1 ? ` in ${accumulate} pieces` : '';
      const each = `${scaled(flops, 'FLOP')} and ${duration(time.secondsPerStep[i]!)} each`;
      return `part ${i + 1}       ${steps} steps of ${batch} x ${frames} frames${pieces}: ${each}`;
    }),
    `computation  ${scaled(plan.flops, 'FLOP')} in all`,
    `memory       ${scaled(weights + gradients + optimizer + activations, 'B')}: weights ${scaled(weights, 'B')}, gradients ${scaled(gradients, 'B')}, optimizer ${scaled(optimizer, 'B')}, activations about ${scaled(activations, 'B')}`,
    `time         ${duration(time.seconds)} on ${backend}, ${time.measured ? 'measured by a step of each part' : 'estimated from the rate below'}; products of matrices run at ${scaled(time.rate, 'FLOP')}/s`,
    ...(devices > 1
      ? [
          `devices      ${devices} share this; memory is that of the first, and the others need no optimizer; time is that of one. A step sends ${scaled(exchange.weights, 'B')} of weights, and brings up to ${scaled(exchange.gradients, 'B')} of gradients`,
        ]
      : []),
  ];
  return `${lines.join('\n')}\n`;
}
