import { borderPixels, isNear, plainColour } from './plain-border.js';

/**
 * What of a picture is its subject: 1, or 0 where its own ground is to be seen through. That is what hangs together with
 * the picture's border in one colour: white of any share of the border (names are shown by pictures on white), another
 * colour of three quarters of it. White inside a subject stays. Own choice: told what of a picture to lay into a frame, the
 * model need not learn it for each white figure anew. RGB from -1 to 1, [side, side, 3] → [side, side].
 */
export function matteOf(picture: Float32Array, side: number): Float32Array {
  const border = borderPixels(side);
  const matte = new Float32Array(side * side).fill(1);
  empty(matte, picture, side, border, [1, 1, 1]);
  const plain = plainColour(picture, border, tolerance);
  if (plain) empty(matte, picture, side, border, plain);
  return matte;
}

/** How far a channel may be off and still be the ground, of -1 to 1. */
const tolerance = 0.15;

/** Sets to 0 what hangs together with the border pixels in this colour. */
function empty(
  matte: Float32Array,
  picture: Float32Array,
  side: number,
  border: readonly number[],
  colour: readonly number[],
): void {
  const open = border.filter((i) => isNear(picture, i, colour, tolerance));
  const seen = new Set(open);
  for (let i = open.pop(); i !== undefined; i = open.pop()) {
    matte[i] = 0;
    const x = i % side;
    for (const next of [x > 0 ? i - 1 : -1, x < side - 1 ? i + 1 : -1, i - side, i + side])
      if (next >= 0 && next < side * side && !seen.has(next) && isNear(picture, next, colour, tolerance)) {
        seen.add(next);
        open.push(next);
      }
  }
}
