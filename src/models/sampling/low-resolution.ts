import type { Random } from '../numerics/random.js';
import type { LowResolution } from '../presets/preset.js';
import { betweenFrames, poseAt, poseBetween, type Sample, type Way, wayOfDifference } from './between-frames.js';

/**
 * What an upsampler is given: a video of fewer frames and pixels, with noise on it, enlarged to its own size.
 *
 * The noise ("corruption"; Snap Video and Imagen train so) hides what a true small video has and a generated one has not:
 * the upsampler learns to keep what it sees and to draw its details anew. Its level is told to the network.
 *
 * Where a preset has `details` (not from the paper), what is diffused is not the video but what is missing in the small one when it
 * is made larger between its pixels, in this unit: a network that knows nothing yet adds nothing.
 */
interface Size {
  frames: number;
  width: number;
  height: number;
}

/**
 * A small video, [T', H', W', 3], -1 to 1, and for each of the prompt's images where it lies in it, [T', 5] (placement.ts);
 * null: not known.
 */
export interface SmallVideo {
  x: ArrayLike<number>;
  poses: readonly (Float32Array | null)[];
  /** How it painted each of them, [4, 3] (paint.ts); left out: as they are. */
  paints?: readonly Float32Array[];
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
 * sees what it was given and nothing made up). In frames between two the images are on their `ways` (between-frames.ts);
 * those after the last are the last.
 */
export function enlarge(video: ArrayLike<number>, size: Size, low: LowResolution, ways: readonly Way[] = []) {
  const { width, height } = lowSize(size, low);
  const place = (at: number, n: number) => Math.max(0, Math.min(n - 1, Math.floor(at * n + 1e-9)));
  return resampled(size, low, ways, (frame, x, y, c) => {
    const pixel = (frame * height + place(y, height)) * width + place(x, width);
    return video[pixel * 3 + c]!;
  });
}

/** The same, but between the middles of pixels their mixture: what details are added to. */
export function smooth(
  video: ArrayLike<number>,
  size: Size,
  low: LowResolution,
  ways: readonly Way[] = [],
  frames?: FrameRange,
) {
  const { width, height } = lowSize(size, low);
  const sample: Sample = (frame, x, y, c) => {
    const column = Math.max(0, Math.min(width - 1, x * width - 0.5));
    const row = Math.max(0, Math.min(height - 1, y * height - 0.5));
    const [left, top] = [Math.floor(column), Math.floor(row)];
    const [right, bottom] = [Math.min(left + 1, width - 1), Math.min(top + 1, height - 1)];
    const at = (rowOf: number, columnOf: number) => video[((frame * height + rowOf) * width + columnOf) * 3 + c]!;
    const [across, down] = [column - left, row - top];
    const upper = (1 - across) * at(top, left) + across * at(top, right);
    const lower = (1 - across) * at(bottom, left) + across * at(bottom, right);
    return (1 - down) * upper + down * lower;
  };
  return resampled(size, low, ways, sample, frames);
}

/** Frames `from` to `to`, which is not among them. */
interface FrameRange {
  from: number;
  to: number;
}

function resampled(
  size: Size,
  low: LowResolution,
  ways: readonly Way[],
  sample: Sample,
  { from, to }: FrameRange = { from: 0, to: size.frames },
): Float32Array {
  const small = lowSize(size, low);
  const { width, height } = size;
  const out = new Float32Array((to - from) * height * width * 3);
  const colours = new Float64Array(3);
  for (let t = from; t < to; t++) {
    const before = Math.floor(t / low.everyFrame);
    const after = Math.min(before + 1, small.frames - 1);
    const later = before === after ? 0 : (t % low.everyFrame) / low.everyFrame;
    const draw =
      later === 0
        ? (x: number, y: number) => {
            for (let c = 0; c < 3; c++) colours[c] = sample(before, x, y, c);
          }
        : betweenFrames(ways, { before, after, later }, sample);
    for (let row = 0; row < height; row++)
      for (let column = 0; column < width; column++) {
        draw((column + 0.5) / width, (row + 0.5) / height, colours);
        out.set(colours, (((t - from) * height + row) * width + column) * 3);
      }
  }
  return out;
}

/**
 * Where an image lies in the large video's frames: [T', 5] → [T, 5]. Between two frames it is on its way from the one to
 * the other; after the last it stays, as what it was laid into does.
 */
export function posesBetween(small: Float32Array, frames: number, { everyFrame }: LowResolution): Float32Array {
  const last = small.length / 5 - 1;
  const out = new Float32Array(frames * 5);
  for (let t = 0; t < frames; t++) {
    const before = Math.min(Math.floor(t / everyFrame), last);
    const after = Math.min(before + 1, last);
    const later = t / everyFrame - before;
    out.set(poseBetween(poseAt(small, before), poseAt(small, after), before === after ? 0 : later), t * 5);
  }
  return out;
}

/** What moves in a small video: the images on their ways, or where none is known what differs from a plain background. */
export const waysIn = (small: ArrayLike<number>, size: Size, low: LowResolution, known: readonly Way[]) =>
  known.length > 0 || low.everyFrame === 1 ? known : wayOfDifference(small, lowSize(size, low));

/**
 * What an upsampler is given of a clip in training, with noise of `level`, and what it is to draw: the clip, or where the
 * preset says so its details. All [T, H, W, 3]; the ways are those of the small video.
 */
export function lesson(
  clip: ArrayLike<number>,
  size: Size,
  low: LowResolution,
  { level, random, ways: known = [] }: { level: number; random: Random; ways?: readonly Way[] },
): { given: Float32Array; goal: Float32Array } {
  const small = reduce(clip, size, low);
  const ways = waysIn(small, size, low, known);
  const goal = detailsOf(clip, low.details === undefined ? [] : smooth(small, size, low, ways), low);
  return { given: enlarge(corrupt(small, level, random), size, low, ways), goal };
}

/** What is drawn where a video is to come out: itself, or what `smoothed` lacks of it. */
export function detailsOf(
  video: ArrayLike<number>,
  smoothed: ArrayLike<number>,
  { details }: LowResolution,
): Float32Array {
  return Float32Array.from(video, (v, i) => (details === undefined ? v : (v - smoothed[i]!) / details));
}

/** A video of what was drawn: itself, or the small video made larger with these details; -1 to 1. */
export function drawnOver(
  small: ArrayLike<number>,
  drawn: Float64Array,
  size: Size,
  low: LowResolution,
  ways: readonly Way[] = [],
): Float64Array {
  return overBase(small, drawn, size, low, ways, { from: 0, to: size.frames });
}

/** One frame of the same. */
export function frameDrawnOver(
  small: ArrayLike<number>,
  drawn: Float64Array,
  size: Size,
  low: LowResolution,
  t: number,
  ways: readonly Way[] = [],
): Float64Array {
  const n = size.height * size.width * 3;
  return overBase(small, drawn.subarray(t * n, (t + 1) * n), size, low, ways, { from: t, to: t + 1 });
}

function overBase(
  small: ArrayLike<number>,
  drawn: Float64Array,
  size: Size,
  low: LowResolution,
  ways: readonly Way[],
  frames: FrameRange,
): Float64Array {
  if (low.details === undefined) return drawn;
  const base = smooth(small, size, low, ways, frames);
  return drawn.map((v, i) => Math.max(-1, Math.min(1, base[i]! + low.details! * v)));
}
