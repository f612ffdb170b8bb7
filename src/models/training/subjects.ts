import { readPicture } from '../networks/prompt-input.js';
import type { RgbImage } from '../ports.js';

/**
 * Which pixels of a clip show which of its prompt's pictures, as far as that can be told from the pixels: for clips before
 * a plain ground (their borders are one colour) or before one of the pictures (their borders are that picture's). What
 * differs from the ground is the subject; two subjects are told apart where an empty line lies between them, and which is
 * which by their colours. Own choice, for rendered worlds; other clips are not known, and get no layout loss.
 */
export interface Subjects {
  /** For each pixel of [count, side, side]: 0 the ground, k + 1 picture k, `somebody` a subject of unknown picture. */
  labels: Uint8Array;
  /** The picture that is the ground, or -1. */
  ground: number;
}

export const somebody = 255;

type Rgb = [number, number, number];

/** frames [count, side, side, 3] of bytes; pictures of the prompt in their order, at any size. Null: not known. */
export function findSubjects(
  frames: Uint8Array,
  { count, side }: { count: number; side: number },
  pictures: readonly RgbImage[],
): Subjects | null {
  const border = borderPixels(count, side);
  const plain = plainGround(frames, border);
  const views = pictures.map((picture) => scaled(picture, side));
  const ground = plain ? -1 : views.findIndex((view) => isGround(frames, view, border, side));
  if (!plain && ground < 0) return null;
  const labels = new Uint8Array(count * side * side);
  for (let i = 0; i < labels.length; i++) {
    const behind = plain ?? pixel(views[ground]!, i % (side * side));
    if (apart(pixel(frames, i), behind) > 38) labels[i] = somebody;
  }
  const others = pictures.flatMap((_, k) => (k === ground ? [] : [k]));
  if (others.length === 1) name(labels, () => others[0]! + 1);
  if (others.length === 2) tellApart(labels, frames, side, [others[0]!, others[1]!], views);
  return { labels, ground };
}

function name(labels: Uint8Array, of: (i: number) => number): void {
  for (let i = 0; i < labels.length; i++) if (labels[i]) labels[i] = of(i);
}

/** Gives two subjects their pictures, when an upright or level line that both never cross lies between them. */
function tellApart(
  labels: Uint8Array,
  frames: Uint8Array,
  side: number,
  [a, b]: [number, number],
  views: readonly Uint8Array[],
): void {
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
    const means: [Rgb, Rgb] = [0, 1].map((half) =>
      meanColour(frames, (i) => labels[i]! > 0 && place(i)[axis] > line === (half === 1)),
    ) as [Rgb, Rgb];
    const [first, second] = [a, b].map((k) => meanColour(views[k]!, (i) => apart(pixel(views[k]!, i), white) > 38));
    const straight = apart(means[0], first!) + apart(means[1], second!);
    const crossed = apart(means[0], second!) + apart(means[1], first!);
    if (Math.min(straight, crossed) >= 0.7 * Math.max(straight, crossed)) return;
    const [low, high] = straight < crossed ? [a, b] : [b, a];
    name(labels, (i) => (place(i)[axis] > line ? high : low) + 1);
    return;
  }
}

/** Where something is in a picture that is 1 wide and 1 high, and how far it spreads (root of the variance). */
export interface Moments {
  x: number;
  y: number;
  spread: number;
}

/** Of the pixels [side, side] that belong; null when there are fewer than 8. */
export function momentsOf(side: number, belongs: (i: number) => boolean): Moments | null {
  let [n, x, y, squares] = [0, 0, 0, 0];
  for (let i = 0; i < side * side; i++)
    if (belongs(i)) {
      const [px, py] = [((i % side) + 0.5) / side, (Math.floor(i / side) + 0.5) / side];
      n++;
      x += px;
      y += py;
      squares += px * px + py * py;
    }
  if (n < 8) return null;
  const [mx, my] = [x / n, y / n];
  return { x: mx, y: my, spread: Math.sqrt(Math.max(1e-6, squares / n - mx * mx - my * my)) };
}

/** Of a picture's subject: what is not white. RGB from -1 to 1, [side, side, 3]. */
export const momentsOfPicture = (picture: Float32Array, side: number) =>
  momentsOf(side, (i) => [0, 1, 2].some((c) => picture[3 * i + c]! < 0.7));

const scaled = (picture: RgbImage, side: number) =>
  Uint8Array.from(readPicture(picture, side), (v) => Math.round((v + 1) * 127.5));

const white: Rgb = [255, 255, 255];
const pixel = (x: Uint8Array, i: number): Rgb => [x[3 * i]!, x[3 * i + 1]!, x[3 * i + 2]!];
const apart = (a: Rgb, b: Rgb) => Math.max(Math.abs(a[0] - b[0]), Math.abs(a[1] - b[1]), Math.abs(a[2] - b[2]));

function meanColour(x: Uint8Array, belongs: (i: number) => boolean): Rgb {
  const sum: Rgb = [0, 0, 0];
  let n = 0;
  for (let i = 0; i < x.length / 3; i++)
    if (belongs(i)) {
      n++;
      for (let c = 0; c < 3; c++) sum[c]! += x[3 * i + c]!;
    }
  return sum.map((s) => s / Math.max(1, n)) as Rgb;
}

function borderPixels(count: number, side: number): number[] {
  const border: number[] = [];
  for (let t = 0; t < count; t++)
    for (let n = 0; n < side; n++)
      for (const [y, x] of [
        [0, n],
        [side - 1, n],
        [n, 0],
        [n, side - 1],
      ] as const)
        border.push((t * side + y) * side + x);
  return border;
}

/** The median colour of the borders if three quarters of the border pixels are near it. */
function plainGround(frames: Uint8Array, border: readonly number[]): Rgb | null {
  const median = [0, 1, 2].map((c) => {
    const sorted = border.map((i) => frames[3 * i + c]!).sort((a, b) => a - b);
    return sorted[sorted.length >> 1]!;
  }) as Rgb;
  const near = border.filter((i) => apart(pixel(frames, i), median) < 19);
  return near.length >= 0.75 * border.length ? median : null;
}

function isGround(frames: Uint8Array, view: Uint8Array, border: readonly number[], side: number): boolean {
  const near = border.filter((i) => apart(pixel(frames, i), pixel(view, i % (side * side))) < 26);
  return near.length >= 0.75 * border.length;
}
