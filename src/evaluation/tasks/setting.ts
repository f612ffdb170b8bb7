import type { InProcessPipeline } from '../../app/in-process-pipeline.js';
import { Random } from '../../models/numerics/random.js';
import type { ModelDescription } from '../../models/ports.js';
import type { World } from '../world-folder.js';

/** What every evaluation on the world is given. */
export interface Setting {
  serving: InProcessPipeline;
  model: ModelDescription;
  /** Videos a cell of the table. */
  n: number;
  /** Decides the clips, the wrong images and the noise: clip i has noise seed + i under every condition. */
  seed: number;
  /** Every steps with every guidance; undefined: the model's own. */
  steps: (number | undefined)[];
  guidance: (number | undefined)[];
  /** Requests under way at once, so that a model that batches can. */
  atOnce: number;
  signal: AbortSignal;
  onProgress(done: number, total: number, note: string): void;
}

/** A set of subjects by its name: `held-out`, `seen`. */
export interface NamedWorld {
  name: string;
  world: World;
}

/**
 * n clips, the motions in turn so that each has its share, drawn by the seed; all of them when there are no more.
 */
export function chooseClips<C extends { motion: string }>(clips: readonly C[], n: number, seed: number): C[] {
  const random = new Random(seed, 0xc11b);
  const byMotion = new Map<string, C[]>();
  for (const clip of shuffled(clips, random)) {
    const list = byMotion.get(clip.motion) ?? [];
    list.push(clip);
    byMotion.set(clip.motion, list);
  }
  const lists = [...byMotion.keys()].sort().map((motion) => byMotion.get(motion)!);
  const chosen: C[] = [];
  for (let round = 0; chosen.length < n; round++) {
    const next = lists.flatMap((list) => list[round] ?? []);
    if (next.length === 0) break;
    chosen.push(...next);
  }
  return chosen.slice(0, n);
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const out = [...list];
  for (let i = out.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

/** Applies `work` to all, at most `atOnce` at a time; results in the order of the input. The first failure ends it. */
export async function eachOf<T, R>(
  list: readonly T[],
  atOnce: number,
  work: (one: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(list.length);
  let next = 0;
  let failed = false;
  const worker = async () => {
    while (next < list.length && !failed) {
      const index = next++;
      try {
        results[index] = await work(list[index]!, index);
      } catch (thrown) {
        failed = true;
        throw thrown;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, atOnce) }, worker));
  return results;
}

/** Size and rate of the model's own videos, as requests and true clips share them. */
export function formatOf({ defaults: { frames, width, fps } }: ModelDescription) {
  return { frames, side: width, fps };
}
