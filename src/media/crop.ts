import type { Bars } from './measures/letterbox.js';
import type { RgbImage } from './pixels.js';

/** A part of an image, in pixels. */
export interface Window {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** A smaller image is not worth keeping. */
const leastSide = 16;
/** Rows and columns beside a bar that its black bleeds into: colour is coded at half the size, and edges may have been scaled. */
const bled = 2;

/**
 * What is left of an image without its bars and the two rows or columns beside each, of even sides: one more goes where one would be
 * odd. undefined: there are no bars, or too little would be left.
 */
export function without(bars: Bars, { width, height }: { width: number; height: number }): Window | undefined {
  const [top, bottom, left, right] = [bars.top, bars.bottom, bars.left, bars.right].map((bar) =>
    bar > 0 ? bar + bled : 0,
  ) as [number, number, number, number];
  if (top + bottom + left + right === 0) return undefined;
  const even = (whole: number, cut: number) => (cut > 0 ? (whole - cut) & ~1 : whole);
  const window = { left, top, width: even(width, left + right), height: even(height, top + bottom) };
  return Math.min(window.width, window.height) < leastSide ? undefined : window;
}

export function cut({ data, width: from }: RgbImage, { left, top, width, height }: Window): RgbImage {
  const result = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const at = ((top + y) * from + left) * 3;
    result.set(data.subarray(at, at + width * 3), y * width * 3);
  }
  return { width, height, data: result };
}

/** The score of what was cut off, 0 to 1, where cutting is on. */
export function cropped(
  { crop }: { crop: boolean },
  { width, height }: { width: number; height: number },
  window: Window | undefined,
): { cropped?: number } {
  if (!crop) return {};
  return { cropped: window ? 1 - (window.width * window.height) / (width * height) : 0 };
}
