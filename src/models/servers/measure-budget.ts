import { setImmediate } from 'node:timers/promises';
import { asVimiError } from '../../core/errors.js';
import type { GraphRunner } from '../graphs/graph-runner.js';
import { compiledSizes } from '../graphs/run-together.js';
import type { PromptItem } from '../networks/prompt-input.js';
import { sizeOfVideo } from '../presets/presets.js';
import { byGraph } from '../sampling/by-graph.js';
import { byOperation } from '../sampling/by-operation.js';
import { Rounds } from '../sampling/rounds.js';
import type { LoadedModel } from '../weights/load-model.js';

export interface Budget {
  /** How many videos at once are worth it. */
  atOnce: number;
  /** How many times as fast so many are as one after the other. */
  gains: { atOnce: number; times: number }[];
}

/** Twice as many have to be so many times as fast: each of them takes longer for it. */
const leastGain = 1.1;
/** Of so many tries the fastest counts: others may have had the processor during the rest. */
const tries = 4;
/** Sizes that are tried, each only where the one before was worth it. */
const sizes = [2, 4, 8];

/** A step of so many videos, again and again. */
export interface Trial {
  /** Milliseconds that a step of all of them takes. */
  step(): Promise<number>;
  close(): void;
}

/** Finds how many videos at once are worth it. Too little memory ends the search. */
export async function measureBudget(trialOf: (atOnce: number) => Trial, most: number): Promise<Budget> {
  const fastest = async (atOnce: number) => {
    const trial = trialOf(atOnce);
    try {
      await trial.step(); // graphs are compiled, and memory is asked for
      const all: number[] = [];
      for (let n = 0; n < tries; n++) all.push(await trial.step());
      return Math.min(...all) / atOnce;
    } finally {
      trial.close();
    }
  };
  const budget: Budget = { atOnce: 1, gains: [] };
  let alone = await fastest(1);
  let before = alone;
  for (const atOnce of sizes.filter((size) => size <= most)) {
    let each: number;
    try {
      each = await fastest(atOnce);
    } catch (thrown) {
      if (asVimiError(thrown).code !== 'OUT_OF_MEMORY') throw thrown;
      break;
    }
    // Others may have had the processor all the while, so that a batch seems to gain more than it has videos.
    if (alone / each > atOnce) {
      alone = Math.min(alone, await fastest(1));
      if (budget.atOnce === 1) before = alone;
    }
    budget.gains.push({ atOnce, times: alone / each });
    if (before / each < leastGain) break;
    budget.atOnce = atOnce;
    before = each;
  }
  return budget;
}

export interface TrialOf {
  models: readonly LoadedModel[];
  graphs: GraphRunner | undefined;
  /** Has the model for itself while `piece` runs: a trial is many of them, so that the videos that are drawn meanwhile get on. */
  alone<R>(piece: () => Promise<R>): Promise<R>;
}

/** Videos of the usual shape, as the models of a cascade draw them: each model's step counts as often as it is run for a video. */
export function trialOf({ models, graphs, alone }: TrialOf, atOnce: number): Trial {
  const all = models.map((loaded) => {
    const { preset } = loaded.model;
    const { width, height } = sizeOfVideo(preset);
    const x = new Float32Array(preset.frames * width * height * 3).fill(0.5);
    const low = preset.low && { x, level: preset.low.corruption.usual, poses: [] };
    const video = { items: prompt, frames: preset.frames, width, height, fps: preset.defaults.fps, low };
    const rounds = new Rounds({ most: atOnce });
    const networks = Array.from({ length: atOnce }, () => {
      const seat = rounds.seat();
      const network = graphs ? byGraph(loaded, graphs, video, { seat }) : byOperation(loaded, video, { seat });
      return { seat, network };
    });
    const step = ({ network }: (typeof networks)[number]) => network.step(['all'], x, { sigma: 1, places: false });
    return { networks, rounds, step, steps: preset.defaults.steps };
  });
  let isFirst = true;
  return {
    async step() {
      let sum = 0;
      for (const { networks, rounds, step, steps } of all) {
        // Each reads its prompt, for which nobody waits in a batch.
        if (isFirst)
          for (const one of networks)
            await alone(async () => {
              await step(one);
              one.seat.rest();
            });
        const ms = await alone(async () => {
          const began = performance.now();
          let asked: Promise<unknown>[] = [];
          await rounds.between(async () => {
            asked = networks.map(step);
            await setImmediate(); // all of them have asked
          });
          await Promise.all(asked);
          return performance.now() - began;
        });
        sum += ms * steps;
      }
      isFirst = false;
      return sum;
    },
    close() {
      for (const { networks } of all) for (const { network } of networks) network.close();
    },
  };
}

const prompt: PromptItem[] = [{ word: 'a' }, { word: 'step' }];

/** What is never compiled is not tried. */
export const mostOf = (graphs: GraphRunner | undefined): number => (graphs ? compiledSizes[0] : sizes.at(-1)!);
