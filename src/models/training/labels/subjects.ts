import { matteOf } from '../../networks/extensions/matte.js';
import { borderPixels, plainColour } from '../../networks/extensions/plain-border.js';
import { readImage } from '../../networks/prompt-input.js';
import type { RgbImage } from '../../ports.js';
import { layFirstFrame } from '../../sampling/first-frame.js';
import { cutOut, matchPose, type Pose } from './match.js';
import { momentsOf } from './moments.js';

/**
 * Which pixels of a clip show which of its prompt's images, as far as that can be told from the pixels: for clips before
 * a plain background (their borders are one colour) or before one of the images (their borders are that image's). What
 * differs from the background is the subject; two subjects are told apart where an empty line lies between them, and which is
 * which by what their images explain. Where an image lies and how it is turned is searched for (match.ts). Not from the paper,
 * for rendered worlds; other clips are not known, and get no layout loss.
 */
export interface Subjects {
  /** For each pixel of [count, side, side]: 0 the background, k + 1 image k, `somebody` a subject of unknown image. */
  labels: Uint8Array;
  /** The image that is the background, or -1. */
  background: number;
  /** How each image lies in each frame, [images][count]; null: it does not, or that is not known. */
  poses: (Pose | null)[][];
}

export const somebody = 255;

/** A pose is believed when it leaves less than this of what differs from the background. */
const unexplained = 0.5;
/** How far a border's channels may be from its median, and it is still one colour. */
const nearlyPlain = 19;
const everywhere: Pose = { x: 0.5, y: 0.5, size: 1, turn: 0 };

type Rgb = [number, number, number];

/** frames [count, side, side, 3] of bytes; images of the prompt in their order, at any size. Null: not known. */
export function findSubjects(
  frames: Uint8Array,
  { count, side }: { count: number; side: number },
  images: readonly RgbImage[],
): Subjects | null {
  const plain = plainColour(frames, borderPixels(side, count), nearlyPlain);
  const views = images.map((image) => scaled(image, side));
  const background = backgroundOf(frames, { count, width: side, height: side }, images);
  if (!plain && background < 0) return null;
  const labels = new Uint8Array(count * side * side);
  const behind = (i: number) => plain ?? pixel(views[background]!, i % (side * side));
  for (let i = 0; i < labels.length; i++) if (apart(pixel(frames, i), behind(i)) > 38) labels[i] = somebody;
  const others = images.flatMap((_, k) => (k === background ? [] : [k]));
  if (others.length === 1) name(labels, () => others[0]! + 1);
  const match = matcher(frames, { count, side }, behind, views);
  if (others.length === 2) tellApart(labels, count, side, [others[0]!, others[1]!], match);
  const poses = images.map((_, k) =>
    Array.from({ length: count }, (_, t) => {
      if (k === background) return everywhere;
      const found = match(labels, k + 1, k, t);
      return found && found.left < unexplained ? found.pose : null;
    }),
  );
  return { labels, background, poses };
}

/** The image that a clip is shown before: what its borders are; -1 where they are one colour, or none of them. */
export function backgroundOf(
  frames: Uint8Array,
  { count, width, height }: { count: number; width: number; height: number },
  images: readonly RgbImage[],
): number {
  const border = borderPixels(width, count, height);
  if (plainColour(frames, border, nearlyPlain)) return -1;
  return images.findIndex((image) => {
    const view = layFirstFrame(image, { width, height }, { width, height }).data;
    const near = border.filter((i) => apart(pixel(frames, i), pixel(view, i % (width * height))) < 26);
    return near.length >= 0.75 * border.length;
  });
}

function name(labels: Uint8Array, of: (i: number) => number): void {
  for (let i = 0; i < labels.length; i++) if (labels[i]) labels[i] = of(i);
}

/**
 * Gives two subjects their images, when an upright or level line that both never cross lies between them: whichever way
 * round their images explain the frames better.
 */
function tellApart(labels: Uint8Array, count: number, side: number, [a, b]: [number, number], match: Match): void {
  const taken = { x: new Uint8Array(side), y: new Uint8Array(side) };
  const place = (i: number) => ({ x: i % side, y: Math.floor(i / side) % side });
  for (let i = 0; i < labels.length; i++)
    if (labels[i]) {
      const { x, y } = place(i);
      taken.x[x] = 1;
      taken.y[y] = 1;
    }
  for (const axis of ['x', 'y'] as const) {
    const inside = [...taken[axis].keys()].filter((n) => taken[axis][n]);
    const free = [...taken[axis].keys()].filter((n) => !taken[axis][n] && n > inside[0]! && n < inside.at(-1)!);
    const line = free.sort((m, n) => Math.abs(m - side / 2) - Math.abs(n - side / 2))[0];
    if (line === undefined || Math.abs(line - side / 2) > side / 5) continue;
    const halves = labels.map((label, i) => (label ? (place(i)[axis] > line ? 2 : 1) : 0));
    const left = (image: number, half: number) =>
      [0, count >> 1].reduce((sum, t) => sum + (match(halves, half, image, t)?.left ?? 1), 0);
    const straight = left(a, 1) + left(b, 2);
    const crossed = left(b, 1) + left(a, 2);
    if (Math.min(straight, crossed) >= 0.85 * Math.max(straight, crossed)) return;
    const [low, high] = straight < crossed ? [a, b] : [b, a];
    name(labels, (i) => (halves[i] === 2 ? high : low) + 1);
    return;
  }
}

type Match = (labels: Uint8Array, label: number, image: number, t: number) => { pose: Pose; left: number } | null;

/** No search is finer than this many pixels to a side. */
const searched = 32;

/** How an image lies on what bears a label in frame t; null where too little does. */
function matcher(
  frames: Uint8Array,
  { count, side }: { count: number; side: number },
  behind: (i: number) => Rgb,
  views: readonly Uint8Array[],
): Match {
  const step = Math.max(1, Math.floor(side / searched));
  const n = side / step;
  const cuts = views.map((view) => {
    const image = Float32Array.from(view, (v) => v / 127.5 - 1);
    const matte = matteOf(image, side);
    return { cut: cutOut(image, matte, side), shown: momentsOf(side, (i) => matte[i]! > 0) };
  });
  const reduced = (of: (i: number) => Rgb) => {
    const out = new Float32Array(n * n * 3);
    for (let i = 0; i < side * side; i++) {
      const to = (Math.floor(i / side / step) * n + Math.floor((i % side) / step)) * 3;
      const colour = of(i);
      for (let c = 0; c < 3; c++) out[to + c]! += (colour[c]! / 127.5 - 1) / step ** 2;
    }
    return out;
  };
  const background = reduced(behind);
  const seen = Array.from({ length: count }, (_, t) => reduced((i) => pixel(frames, t * side * side + i)));
  return (labels, label, image, t) => {
    const { cut, shown } = cuts[image]!;
    const there = momentsOf(side, (i) => labels[t * side * side + i] === label);
    if (!shown || !there) return null;
    const at = (i: number) => labels[t * side * side + Math.floor(i / n) * step * side + (i % n) * step]!;
    const pixels = aroundOf(n, at, label);
    if (pixels.length === 0) return null;
    return matchPose(cut, { side: n, frame: seen[t]!, behind: background, pixels }, shown, there);
  };
}

/** The pixels in the box around a label, two wider to each side; without those that bear another. */
function aroundOf(n: number, at: (i: number) => number, label: number): number[] {
  let [left, top, right, bottom] = [n, n, -1, -1];
  for (let i = 0; i < n * n; i++)
    if (at(i) === label) {
      const [x, y] = [i % n, Math.floor(i / n)];
      [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
    }
  const out: number[] = [];
  for (let y = Math.max(0, top - 2); y <= Math.min(n - 1, bottom + 2); y++)
    for (let x = Math.max(0, left - 2); x <= Math.min(n - 1, right + 2); x++) {
      const found = at(y * n + x);
      if (found === 0 || found === label) out.push(y * n + x);
    }
  return out;
}

const scaled = (image: RgbImage, side: number) =>
  Uint8Array.from(readImage(image, side), (v) => Math.round((v + 1) * 127.5));

const pixel = (x: Uint8Array, i: number): Rgb => [x[3 * i]!, x[3 * i + 1]!, x[3 * i + 2]!];
const apart = (a: Rgb, b: Rgb) => Math.max(Math.abs(a[0] - b[0]), Math.abs(a[1] - b[1]), Math.abs(a[2] - b[2]));
