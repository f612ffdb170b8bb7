import type { GraphRunner } from '../graphs/graph-runner.js';
import type { Numbers } from '../networks/numbers.js';
import { type PromptItem, seenBy } from '../networks/prompt-input.js';
import type { LoadedModel } from '../weights/load-model.js';
import type { Branch } from './guidance.js';
import { eachPlace, frameNumbers, type GuidedNetwork, type GuidedVideo, placesOf } from './guided-network.js';

/** Words are given room for a multiple of this: prompts of nearly the same length share a graph. */
const wordRoom = 16;

/**
 * As graphs, one branch after the other: a branch without images needs no part of the network that looks at them, and the
 * graphs are the same whatever other branches there are.
 */
export function byGraph(loaded: LoadedModel, graphs: GraphRunner, video: GuidedVideo): GuidedNetwork {
  const { items, frames: T, width: W, height: H, fps, low } = video;
  const { model } = loaded;
  const { latents: L, width: C } = model.preset;
  const told = items.filter((item) => !('image' in item)).length;
  const words = wordRoom * Math.ceil(told / wordRoom);
  const one = (values: Float32Array, ...shape: number[]): Numbers => ({ values, shape: [1, ...shape] });

  const prompts = new Map<Branch, Promise<Record<string, Numbers>>>();
  const promptOf = (branch: Branch) => {
    const read =
      prompts.get(branch) ?? graphs.run('prompt', loaded, model.prompt.told([seenBy[branch](items)], { words }));
    prompts.set(branch, read);
    return read;
  };
  const hasImages = (branch: Branch) => seenBy[branch](items).some((item: PromptItem) => 'image' in item);
  const latents = new Map<Branch, Numbers>();
  return {
    async step(branches, x, { sigma, places }) {
      const f: Float32Array[] = [];
      let poses: Float32Array[] = [];
      for (const branch of branches) {
        const before = latents.get(branch);
        const result = await graphs.run('denoising', loaded, {
          ...model.fit.told({
            ...{ sigma: [sigma], frames: [frameNumbers(T)], fps: [fps] },
            low: low && { level: [low.level] },
          }),
          ...(await promptOf(branch)),
          x: one(x, T, H, W, 3),
          latents: before ?? one(new Float32Array(L * C), L, C),
          carried: one(Float32Array.of(before ? 1 : 0), 1, 1),
          ...(low && { low: one(low.x, T, H, W, 3), ...(hasImages(branch) && placesOf(video)) }),
        });
        f.push(result.f!.values);
        latents.set(branch, result.carry!);
        if (places && branch === 'all' && result.placed) poses = eachPlace(result.placed.values, T);
      }
      return { f, poses };
    },
    close: () => {},
  };
}
