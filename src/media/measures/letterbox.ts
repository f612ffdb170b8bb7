import type { RgbImage } from '../pixels.js';
import { isBlack } from './black.js';
import type { Measure } from './measure.js';
import { greyAt, whiteGrey } from './seen-frame.js';

/** Black rows and columns at the edges of an image, in pixels. */
export interface Bars {
  top: number;
  bottom: number;
  left: number;
  right: number;
}

/**
 * The share of the image that black bars cover, 0 to 1: rows and columns that are black in every one of two frames a
 * second (or of all, for who wants to cut them off), and as wide at both sides, give or take 2 pixels or a fiftieth. A dark sky above a light road is none. Black
 * frames show no bars.
 */
export function letterbox(fps: number, everyFrame = false): Measure<number> & { bars(): Bars } {
  const step = everyFrame ? 1 : Math.max(1, Math.round(fps / 2));
  let frames = 0;
  let bars: Bars | undefined;
  let size = { width: 1, height: 1 };
  return {
    see(frame) {
      if (frames++ % step > 0 || isBlack(frame)) return;
      size = frame.image;
      const seen = barsOf(frame.image);
      bars = bars ? inBoth(bars, seen) : seen;
    },
    found: () => (bars ? coveredBy(atBothSides(bars, size), size) : 0),
    bars: () => (bars ? atBothSides(bars, size) : { top: 0, bottom: 0, left: 0, right: 0 }),
  };
}

/** The lightest grey that a bar may show: black, with the noise of compression. */
const darkest = whiteGrey / 8;

/** How many rows and columns from each edge on show nothing but black. All of them, for a black image. */
export function barsOf({ data, width: W, height: H }: RgbImage): Bars {
  const isDark = (x: number, y: number) => greyAt(data, 3 * (y * W + x)) <= darkest;
  const row = (y: number) => {
    for (let x = 0; x < W; x++) if (!isDark(x, y)) return false;
    return true;
  };
  const column = (x: number) => {
    for (let y = 0; y < H; y++) if (!isDark(x, y)) return false;
    return true;
  };
  const first = (most: number, holds: (n: number) => boolean) => {
    let n = 0;
    while (n < most && holds(n)) n++;
    return n;
  };
  const [top, left] = [first(H, row), first(W, column)];
  return {
    ...{ top, left },
    bottom: first(H - top, (n) => row(H - 1 - n)),
    right: first(W - left, (n) => column(W - 1 - n)),
  };
}

function inBoth(a: Bars, b: Bars): Bars {
  return {
    top: Math.min(a.top, b.top),
    bottom: Math.min(a.bottom, b.bottom),
    left: Math.min(a.left, b.left),
    right: Math.min(a.right, b.right),
  };
}

function atBothSides({ top, bottom, left, right }: Bars, { width, height }: { width: number; height: number }): Bars {
  const upright = isPair(top, bottom, height) ? { top, bottom } : { top: 0, bottom: 0 };
  return { ...upright, ...(isPair(left, right, width) ? { left, right } : { left: 0, right: 0 }) };
}

function isPair(one: number, other: number, side: number): boolean {
  return Math.min(one, other) > 0 && Math.abs(one - other) <= Math.max(2, side / 50) && one + other < side;
}

function coveredBy({ top, bottom, left, right }: Bars, { width, height }: { width: number; height: number }): number {
  return 1 - ((width - left - right) * (height - top - bottom)) / (width * height);
}
