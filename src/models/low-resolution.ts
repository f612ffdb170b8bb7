import type { Random } from './diffusion/random.js';
import type { LowResolution } from './presets.js';

/**
 * What an upsampler is given: a video of fewer frames and pixels, with noise on it, enlarged to its own size.
 *
 * The noise ("corruption"; Snap Video and Imagen train so) hides what a true small video has and a generated one has not:
 * the upsampler learns to keep what it sees and to draw its details anew. Its level is told to the network.
 *
 * Where a preset has `details` (own choice), what is diffused is not the video but what is missing in the small one when it
 * is made larger between its pixels, in this unit: a network that knows nothing yet adds nothing.
 */
interface Size {
  frames: number;
  width: number;
  height: number;
}

/**
 * A small video, [T', H', W', 3], -1 to 1, and for each of the prompt's pictures where it lies in it, [T', 5] (placement.ts);
 * null: not known.
 */
export interface SmallVideo {
  x: ArrayLike<number>;
  poses: readonly (Float32Array | null)[];
}

/** Frames and pixels of the small video that belongs to one of this size. A last frame that is half seen counts. */
export const lowSize = ({ frames, width, height }: Size, { everyFrame, everyPixel }: LowResolution): Size => ({
  frames: Math.ceil(frames / everyFrame),
  width: width / everyPixel,
  height: height / everyPixel,
});

/** Every n-th frame, pixels averaged over areas: [T, H, W, 3] → [T', H', W', 3]. */
export function reduce(video: ArrayLike<number>, size: Size, low: LowResolution): Float32Array {
  const { frames, width, height } = lowSize(size, low);
  const n = low.everyPixel;
  const out = new Float32Array(frames * height * width * 3);
  let at = 0;
  for (let t = 0; t < frames; t++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let c = 0; c < 3; c++) {
          let sum = 0;
          for (let dy = 0; dy < n; dy++)
            for (let dx = 0; dx < n; dx++)
              sum += video[((t * low.everyFrame * size.height + y * n + dy) * size.width + x * n + dx) * 3 + c]!;
          out[at++] = sum / n ** 2;
        }
  return out;
}

/** Noise of deviation `level` on it, in place. */
export function corrupt(video: Float32Array, level: number, random: Random): Float32Array {
  for (let i = 0; i < video.length; i++) video[i]! += level * random.normal();
  return video;
}

/**
 * The small video in the large one's frames and pixels: [T', H', W', 3] → [T, H, W, 3]. Each pixel is repeated (the network
 * sees what it was given and nothing made up); frames between two are their mixture, those after the last are the last.
 */
export function enlarge(video: ArrayLike<number>, size: Size, low: LowResolution): Float32Array {
  const nearest = (n: number): Mixture[] =>
    Array.from({ length: n }, (_, i) => {
      const one = Math.floor(i / low.everyPixel);
      return { one, other: one, share: 0 };
    });
  return resampled(video, size, low, nearest);
}

/** The same, but between the middles of pixels their mixture: what details are added to. */
export function smooth(video: ArrayLike<number>, size: Size, low: LowResolution): Float32Array {
  const between = (n: number): Mixture[] =>
    Array.from({ length: n }, (_, i) => {
      const at = Math.max(0, (i + 0.5) / low.everyPixel - 0.5);
      const one = Math.min(Math.floor(at), n / low.everyPixel - 1);
      return { one, other: Math.min(one + 1, n / low.everyPixel - 1), share: at - one };
    });
  return resampled(video, size, low, between);
}

/** A pixel between two: (1 - share) of the one and share of the other. */
interface Mixture {
  one: number;
  other: number;
  share: number;
}

function resampled(
  video: ArrayLike<number>,
  size: Size,
  low: LowResolution,
  along: (n: number) => Mixture[],
): Float32Array {
  const small = lowSize(size, low);
  const out = new Float32Array(size.frames * size.height * size.width * 3);
  const [rows, columns] = [along(size.height), along(size.width)];
  let at = 0;
  for (let t = 0; t < size.frames; t++) {
    const before = Math.floor(t / low.everyFrame);
    const after = Math.min(before + 1, small.frames - 1);
    const later = (t % low.everyFrame) / low.everyFrame;
    const pixel = (row: number, column: number, c: number) => {
      const place = (row * small.width + column) * 3 + c;
      const frame = small.height * small.width * 3;
      return (1 - later) * video[before * frame + place]! + later * video[after * frame + place]!;
    };
    for (const y of rows)
      for (const x of columns)
        for (let c = 0; c < 3; c++) {
          const across = (row: number) =>
            x.share === 0
              ? pixel(row, x.one, c)
              : (1 - x.share) * pixel(row, x.one, c) + x.share * pixel(row, x.other, c);
          out[at++] = y.share === 0 ? across(y.one) : (1 - y.share) * across(y.one) + y.share * across(y.other);
        }
  }
  return out;
}

/**
 * Where a picture lies in the large video's frames: [T', 5] → [T, 5]. Between two frames it is on its way from the one to
 * the other, the shorter way round; after the last it goes on.
 */
export function posesBetween(small: Float32Array, frames: number, { everyFrame }: LowResolution): Float32Array {
  const last = small.length / 5 - 1;
  const out = new Float32Array(frames * 5);
  for (let t = 0; t < frames; t++) {
    const before = Math.max(0, Math.min(Math.floor(t / everyFrame), last - 1));
    const later = t / everyFrame - before;
    const at = (n: number) => small.subarray(n * 5, n * 5 + 5) as unknown as [number, number, number, number, number];
    const [a, b] = [at(before), at(Math.min(before + 1, last))];
    for (const i of [0, 1, 2] as const) out[t * 5 + i] = a[i] + later * (b[i] - a[i]);
    const between = Math.atan2(a[3] * b[4] - a[4] * b[3], a[3] * b[3] + a[4] * b[4]);
    const turn = Math.atan2(a[4], a[3]) + later * between;
    out.set([Math.cos(turn), Math.sin(turn)], t * 5 + 3);
  }
  return out;
}

/**
 * What an upsampler is given of a clip in training, with noise of `level`, and what it is to draw: the clip, or where the
 * preset says so its details. All [T, H, W, 3].
 */
export function lesson(
  clip: ArrayLike<number>,
  size: Size,
  low: LowResolution,
  level: number,
  random: Random,
): { given: Float32Array; goal: Float32Array } {
  const small = reduce(clip, size, low);
  const goal = Float32Array.from(clip);
  if (low.details !== undefined) {
    const base = smooth(small, size, low);
    for (let i = 0; i < goal.length; i++) goal[i] = (goal[i]! - base[i]!) / low.details;
  }
  return { given: enlarge(corrupt(small, level, random), size, low), goal };
}

/** A video of what was drawn: itself, or the small video made larger with these details; -1 to 1. */
export function drawnOver(small: ArrayLike<number>, drawn: Float64Array, size: Size, low: LowResolution): Float64Array {
  if (low.details === undefined) return drawn;
  const base = smooth(small, size, low);
  return drawn.map((v, i) => Math.max(-1, Math.min(1, base[i]! + low.details! * v)));
}
