import { matteOf } from '../networks/extensions/matte.js';
import { borderPixels, isNear, plainColour } from '../networks/extensions/plain-border.js';
import type { PromptItem } from '../networks/prompt-input.js';

/*
 * Frames between two of a video whose images are known to move. Their plain mixture shows what moves twice, each time half
 * as strong. So both neighbours are moved along the way of each image first: what an image covers comes from where it lay
 * before and where it will lie; what it leaves or will hide comes from the neighbour in which it is to be seen.
 *
 * Places are those of a frame that is 1 wide and 1 high; a pose is placement.ts's: the middle of the image, ln of its size,
 * cosine and sine of its turn.
 */

/** How one of the prompt's images lies in each frame of a video, and what of it is its subject. */
export interface Way {
  /** [T, 5] */
  poses: Float32Array;
  /** [side, side] */
  matte: Float32Array;
  side: number;
}

/** A pixel's colour channel in a frame, at any place of it. */
export type Sample = (frame: number, x: number, y: number, channel: number) => number;

/** Around a subject, of the frame: where its edge has mixed with the background, and where a place is not known to the pixel. */
const margin = 1.5 / 32;
/** An image that covers this much of the frame is its background, which stays. */
const covers = 0.9;

/** The ways of those of a prompt's images whose place is known in every frame and that are not the background. */
export function waysOf(items: readonly PromptItem[], poses: readonly (Float32Array | null)[]): Way[] {
  const images = items.flatMap((item) => ('image' in item ? [item.image] : []));
  return images.flatMap((image, k) => {
    const side = Math.sqrt(image.length / 3);
    const known = poses[k];
    if (!known || known.length === 0) return [];
    const matte = matteOf(image, side);
    const share = matte.reduce((sum, v) => sum + v, 0) / matte.length;
    const size = Math.exp(known[2]!);
    return share * Math.min(1, size) ** 2 > covers ? [] : [{ poses: known, matte, side }];
  });
}

/**
 * The same where no image says what moves: before a plain background, of all that differs from it, as a box that moves and grows
 * with its middle and its spread. None where the background is not plain, or nothing is to be seen in some frame.
 * video [T, height, width, 3], -1 to 1.
 */
export function wayOfDifference(
  video: ArrayLike<number>,
  { frames, width, height }: { frames: number; width: number; height: number },
): Way[] {
  const plain = plainColour(video, borderPixels(width, frames, height), 0.15);
  if (!plain) return [];
  const poses = new Float32Array(frames * 5);
  for (let t = 0; t < frames; t++) {
    let [n, x, y, squares] = [0, 0, 0, 0];
    for (let i = 0; i < width * height; i++) {
      if (isNear(video, t * width * height + i, plain, 0.3)) continue;
      const [px, py] = [((i % width) + 0.5) / width, (Math.floor(i / width) + 0.5) / height];
      n++;
      x += px;
      y += py;
      squares += px * px + py * py;
    }
    if (n < 8) return [];
    const [mx, my] = [x / n, y / n];
    const spread = Math.sqrt(Math.max(1e-6, squares / n - mx * mx - my * my));
    // A square is 2.4 spreads wide: its corners and what stands out are inside.
    poses.set([mx, my, Math.log(4 * spread), 1, 0], t * 5);
  }
  return [{ poses, matte: Float32Array.of(1), side: 1 }];
}

/**
 * Draws frames between `before` and `after`, `later` of the way from the one to the other: the colours at a place go to `out`.
 */
export function betweenFrames(
  ways: readonly Way[],
  { before, after, later }: { before: number; after: number; later: number },
  sample: Sample,
): (x: number, y: number, out: Float64Array) => void {
  const moves = ways.map(({ poses, matte, side }) => {
    const [a, b] = [poseAt(poses, before), poseAt(poses, after)];
    return { from: lying(a), to: lying(b), now: lying(poseBetween(a, b, later)), matte: { values: matte, side } };
  });
  return (x, y, out) => {
    // The background: of each neighbour as much as is not hidden in it.
    let [first, second] = [1 - later, later];
    for (const { from, to, matte } of moves) {
      if (isCovered(matte, from, x, y)) first *= hidden;
      if (isCovered(matte, to, x, y)) second *= hidden;
    }
    const sum = first + second;
    for (let c = 0; c < 3; c++) out[c] = (first * sample(before, x, y, c) + second * sample(after, x, y, c)) / sum;
    for (const { from, to, now, matte } of moves) {
      if (!isCovered(matte, now, x, y)) continue;
      const [u, v] = now.into(x, y);
      const [ax, ay] = from.outOf(u, v);
      const [bx, by] = to.outOf(u, v);
      for (let c = 0; c < 3; c++) out[c] = (1 - later) * sample(before, ax, ay, c) + later * sample(after, bx, by, c);
    }
  };
}

/** What is left of a neighbour in which a place is hidden; where it is hidden in both, their mixture. */
const hidden = 1e-6;

export type Pose = readonly [x: number, y: number, logSize: number, cos: number, sin: number];

export const poseAt = (poses: Float32Array, frame: number) =>
  poses.subarray(frame * 5, frame * 5 + 5) as unknown as Pose;

/** On the way from one pose to another, turning the shorter way round. */
export function poseBetween(a: Pose, b: Pose, later: number): Pose {
  const turn = Math.atan2(a[4], a[3]) + later * Math.atan2(a[3] * b[4] - a[4] * b[3], a[3] * b[3] + a[4] * b[4]);
  const between = (i: 0 | 1 | 2) => a[i] + later * (b[i] - a[i]);
  return [between(0), between(1), between(2), Math.cos(turn), Math.sin(turn)];
}

interface Lying {
  size: number;
  /** A place of the frame in the image's own measure, 0 to 1 inside it; and back. */
  into(x: number, y: number): [number, number];
  outOf(u: number, v: number): [number, number];
}

function lying([middleX, middleY, logSize, c, s]: Pose): Lying {
  const length = Math.hypot(c, s) || 1;
  const [cos, sin, size] = [c / length, s / length, Math.exp(logSize)];
  return {
    size,
    into(x, y) {
      const [dx, dy] = [(x - middleX) / size, (y - middleY) / size];
      return [dx * cos + dy * sin + 0.5, dy * cos - dx * sin + 0.5];
    },
    outOf(u, v) {
      const [dx, dy] = [(u - 0.5) * size, (v - 0.5) * size];
      return [middleX + dx * cos - dy * sin, middleY + dx * sin + dy * cos];
    },
  };
}

/** Whether a subject is at this place of the frame, or nearer than the margin. */
function isCovered(matte: { values: Float32Array; side: number }, lies: Lying, x: number, y: number): boolean {
  for (const [dx, dy] of around) {
    const [u, v] = lies.into(x + dx * margin, y + dy * margin);
    const [column, row] = [Math.floor(u * matte.side), Math.floor(v * matte.side)];
    if (column < 0 || row < 0 || column >= matte.side || row >= matte.side) continue;
    if (matte.values[row * matte.side + column]! > 0) return true;
  }
  return false;
}

const diagonal = Math.SQRT1_2;
const around: readonly (readonly [number, number])[] = [
  [0, 0],
  ...([
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ] as const),
  ...([
    [diagonal, diagonal],
    [-diagonal, diagonal],
    [diagonal, -diagonal],
    [-diagonal, -diagonal],
  ] as const),
];
