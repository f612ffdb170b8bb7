import type { Numbers } from '../networks/numbers.js';
import type { PromptItem } from '../networks/prompt-input.js';
import type { Branch } from './guidance.js';

/**
 * A model's networks as a sampler uses them for one video: what each branch of guidance sees in the noisy video, step by
 * step. Latents carry over from one step to the next; branches may fall away and do not come back. Two ways of computing
 * it: operation by operation (by-operation.ts), and as graphs (by-graph.ts).
 */
export interface GuidedNetwork {
  /**
   * F of each branch for x [T, H, W, 3], and with `places` where it laid each image of `all`, [T, 5], and how it painted it, [4, 3].
   */
  step(
    branches: readonly Branch[],
    x: Float32Array,
    at: { sigma: number; places: boolean },
  ): Promise<{ f: Float32Array[] } & Laid>;
  close(): void;
}

/** Of each of the prompt's images where it lies in the frames, [T, 5], and how it is painted, [4, 3]; none where it is not told. */
export interface Laid {
  poses: Float32Array[];
  paints: Float32Array[];
}

/** What stays the same for all steps. */
export interface GuidedVideo {
  items: PromptItem[];
  frames: number;
  width: number;
  height: number;
  fps: number;
  /** Of upsamplers: the enlarged smaller video, [T, H, W, 3], the level of its noise, and where each image is, [T, 5]. */
  low?: { x: Float32Array; level: number; poses: readonly (Float32Array | null)[] };
}

/**
 * Where the images that a branch sees are in the smaller video, with room for K: pose [1, K, T, 5], known [1, K, T]; none
 * without room.
 */
export function placesOf(
  { items, frames: T, low }: GuidedVideo,
  seen: readonly PromptItem[],
  K = imagesOf(seen).length,
): { pose: Numbers; known: Numbers } | undefined {
  if (K === 0) return undefined;
  const poses = new Map(imagesOf(items).map((image, k) => [image, low?.poses[k]]));
  const [pose, known] = [new Float32Array(K * T * 5), new Float32Array(K * T)];
  for (const [k, image] of imagesOf(seen).entries()) {
    const one = poses.get(image);
    if (!one) continue;
    pose.set(one, k * T * 5);
    known.fill(1, k * T, (k + 1) * T);
  }
  return { pose: { values: pose, shape: [1, K, T, 5] }, known: { values: known, shape: [1, K, T] } };
}

const imagesOf = (items: readonly PromptItem[]) => items.filter((item) => 'image' in item);

export const frameNumbers = (T: number): number[] => Array.from({ length: T }, (_, t) => t);

/** Places of K images [K, T, 5] and their paint [K, 4, 3], image by image. */
export const laidOf = (placed: Float32Array | undefined, paint: Float32Array | undefined, T: number): Laid => ({
  poses: inPieces(placed, T * 5),
  paints: inPieces(paint, 12),
});

const inPieces = (values: Float32Array | undefined, length: number): Float32Array[] =>
  Array.from({ length: (values?.length ?? 0) / length }, (_, k) => values!.slice(k * length, (k + 1) * length));
