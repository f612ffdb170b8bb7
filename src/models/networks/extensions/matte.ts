import { borderPixels, isNear, plainColour } from './plain-border.js';

/**
 * What of an image is its subject: 1, or 0 where its own background is to be seen through. That is what hangs together with
 * the image's border in one colour: white of any share of the border (names are shown by images on white), another
 * colour of three quarters of it. White inside a subject stays. Not from the paper: told what of an image to lay into a frame, the
 * model need not learn it for each white figure anew. RGB from -1 to 1, [side, side, 3] → [side, side].
 */
export function matteOf(image: Float32Array, side: number): Float32Array {
  const border = borderPixels(side);
  const matte = new Float32Array(side * side).fill(1);
  empty(matte, image, side, border, [1, 1, 1]);
  const plain = plainColour(image, border, tolerance);
  if (plain) empty(matte, image, side, border, plain);
  return matte;
}

/** The smallest rectangle that holds the subject, in pixels, right and bottom just outside; of none: left beyond right. */
export function boxOf(matte: Float32Array, side: number): { left: number; top: number; right: number; bottom: number } {
  let [left, top, right, bottom] = [side, side, 0, 0];
  for (const [i, opaque] of matte.entries()) {
    if (!opaque) continue;
    const [x, y] = [i % side, Math.floor(i / side)];
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x + 1), Math.max(bottom, y + 1)];
  }
  return { left, top, right, bottom };
}

/** How far a channel may be off and still be the background, of -1 to 1. */
const tolerance = 0.15;

/** Sets to 0 what hangs together with the border pixels in this colour. */
function empty(
  matte: Float32Array,
  image: Float32Array,
  side: number,
  border: readonly number[],
  colour: readonly number[],
): void {
  const open = border.filter((i) => isNear(image, i, colour, tolerance));
  const seen = new Set(open);
  for (let i = open.pop(); i !== undefined; i = open.pop()) {
    matte[i] = 0;
    const x = i % side;
    for (const next of [x > 0 ? i - 1 : -1, x < side - 1 ? i + 1 : -1, i - side, i + side])
      if (next >= 0 && next < side * side && !seen.has(next) && isNear(image, next, colour, tolerance)) {
        seen.add(next);
        open.push(next);
      }
  }
}
