import { clipFramesOf } from '../../../media/clip-frames.js';
import type { RgbVideo } from '../../../media/pixels.js';

/**
 * Where what moves in a clip is, at moments spread evenly over all of it: x and y of each, [points, 2], in a frame that is 1 wide and 1
 * high. What it looks like is not in it.
 */
export type MotionPath = Float32Array;

/** Pixels to each side in which clips are looked at. */
const side = 32;
/** A clip of a prompt is a few seconds long. */
const mostFrames = 1024;
/** Of these, evenly spread, the background is told. */
const mostLooked = 64;
/** By how much a channel, 0 to 255, must differ from the background: what is less is noise of the codec. */
const leastDifference = 24;
/** Border pixels this near to the middle of them, in each channel, are of one colour with it. */
const sameColour = 20;
/** The share of border pixels that is of one colour where the background is plain. */
const plainShare = 0.75;

/** The path in an MP4, of the square in its middle. MEDIA_*. */
export async function readMotionPath(
  mp4: Uint8Array,
  points: number,
  { workDir, signal }: { workDir: string; signal: AbortSignal },
): Promise<MotionPath | null> {
  const clip = await clipFramesOf(mp4, { width: side, height: side, most: mostFrames, workDir, signal });
  return motionPath(clip, points);
}

/**
 * The centre of what differs from the background: from the colour of the border where it has one, else from what each
 * pixel shows most of the time, so a place that is covered for half of the clip misleads there. Moments in which nothing differs have the place of the moment before. null: nothing ever differs.
 */
export function motionPath({ data, frames, width, height }: RgbVideo, points: number): MotionPath | null {
  const size = width * height * 3;
  const looks = Math.min(frames, mostLooked);
  const looked = Array.from({ length: looks }, (_, n) => Math.floor((n * frames) / looks));
  const background = plainBackground(data, looked, { width, height }) ?? usualPixels(data, looked, size);
  const path = new Float32Array(points * 2);
  let seen = -1;
  for (let point = 0; point < points; point++) {
    const from = Math.floor((point * frames) / points) * size;
    let [sum, x, y] = [0, 0, 0];
    for (let i = 0; i < size; i++) {
      const weight = Math.abs(data[from + i]! - background[i]!) - leastDifference;
      if (weight <= 0) continue;
      const pixel = Math.floor(i / 3);
      sum += weight;
      x += weight * ((pixel % width) + 0.5);
      y += weight * (Math.floor(pixel / width) + 0.5);
    }
    if (sum > 0) {
      path.set([x / sum / width, y / sum / height], 2 * point);
      if (seen < 0)
        for (let before = 0; before < point; before++) path.copyWithin(2 * before, 2 * point, 2 * point + 2);
      seen = point;
    } else if (seen >= 0) path.copyWithin(2 * point, 2 * seen, 2 * seen + 2);
  }
  return seen < 0 ? null : path;
}

/** One colour everywhere, where most of the border has it. */
function plainBackground(
  data: Uint8Array,
  frames: readonly number[],
  { width, height }: Pick<RgbVideo, 'width' | 'height'>,
): Uint8Array | null {
  const size = width * height * 3;
  const border = Array.from({ length: width * height }, (_, i) => i).filter((i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    return row === 0 || column === 0 || row === height - 1 || column === width - 1;
  });
  const places = frames.flatMap((t) => border.map((i) => t * size + 3 * i));
  const colour = [0, 1, 2].map((channel) => median(places.map((place) => data[place + channel]!)));
  const alike = places.filter((place) =>
    colour.every((value, channel) => Math.abs(data[place + channel]! - value) <= sameColour),
  );
  if (alike.length < plainShare * places.length) return null;
  return Uint8Array.from({ length: size }, (_, i) => colour[i % 3]!);
}

/** Of each channel of each pixel the middle of what it is over time. */
const usualPixels = (data: Uint8Array, frames: readonly number[], size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => median(frames.map((t) => data[t * size + i]!)));

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;
