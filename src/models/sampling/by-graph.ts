import { Readings } from '../encoders/known-readings.js';
import type { GraphRunner } from '../graphs/graph-runner.js';
import { shapesOf } from '../graphs/networks.js';
import { runTogether } from '../graphs/run-together.js';
import type { Numbers } from '../networks/numbers.js';
import { roomFor, seenBy } from '../networks/prompt-input.js';
import { promptKey } from '../networks/prompt-key.js';
import type { LoadedModel } from '../weights/load-model.js';
import type { Branch } from './guidance.js';
import { frameNumbers, type GuidedNetwork, type GuidedVideo, laidOf, placesOf } from './guided-network.js';
import { modelKey } from './model-key.js';
import { type Pass, Rounds, type Seat } from './rounds.js';

type Named = Record<string, Numbers>;

/**
 * As graphs, each branch for itself: a branch without images needs no part of the network that looks at them, and the graphs are
 * the same whatever other branches there are.
 */
export function byGraph(
  loaded: LoadedModel,
  graphs: GraphRunner,
  video: GuidedVideo,
  { seat = new Rounds().seat(), readings = new Readings() }: { seat?: Seat; readings?: Readings } = {},
): GuidedNetwork {
  const { items, frames: T, width: W, height: H, fps, low } = video;
  const { model } = loaded;
  const { latents: L, width: C } = model.preset;
  const words = roomFor(items);
  const one = (values: Float32Array, ...shape: number[]): Numbers => ({ values, shape: [1, ...shape] });

  const prompts = new Map<Branch, Promise<Named>>();
  const promptOf = (branch: Branch) => {
    const there = prompts.get(branch);
    if (there) return there;
    const seen = seenBy[branch](items);
    const reading = readings.of<Named>({
      key: `graph ${modelKey(loaded)} ${words} ${promptKey(seen)}`,
      read: () => graphs.run('prompt', loaded, model.prompt.told([seen], { words })),
      bytesOf: (named) => Object.values(named).reduce((sum, { values }) => sum + 4 * values.length, 0),
    });
    prompts.set(branch, reading);
    return reading;
  };
  const latents = new Map<Branch, Numbers>();
  const passOf = (input: Named): Pass<Named, Named> => ({
    key: `${modelKey(loaded)} ${JSON.stringify(shapesOf(input))}`,
    input,
    run: (inputs) => runTogether(graphs, 'denoising', loaded, inputs),
  });
  return {
    async step(branches, x, { sigma, places }) {
      const passes: Pass<Named, Named>[] = [];
      for (const branch of branches) {
        const before = latents.get(branch);
        const told = model.fit.told({
          ...{ sigma: [sigma], frames: [frameNumbers(T)], fps: [fps] },
          low: low && { level: [low.level] },
        });
        passes.push(
          passOf({
            ...told,
            ...(await promptOf(branch)),
            x: one(x, T, H, W, 3),
            latents: before ?? one(new Float32Array(L * C), L, C),
            carried: one(Float32Array.of(before ? 1 : 0), 1, 1),
            ...(low && { low: one(low.x, T, H, W, 3), ...placesOf(video, seenBy[branch](items)) }),
          }),
        );
      }
      const results = await seat.ask(passes);
      for (const [n, branch] of branches.entries()) latents.set(branch, results[n]!.carry!);
      const { placed, paint } = (places && results[branches.indexOf('all')]) || {};
      return { f: results.map(({ f }) => f!.values), ...laidOf(placed?.values, paint?.values, T) };
    },
    close: () => seat.rest(),
  };
}
