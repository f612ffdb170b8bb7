import { colours } from './colours.mjs';
import { worldSide } from './motions.mjs';

/*
 * Posts that stand before everything. A subject passes behind them: it is seen between the posts alone.
 */

/** From where to where each post goes, in units of the world. */
export const posts = [2.5, 10.5, 18.5, 26.5].map((left) => /** @type {const} */ ([left, left + 3]));

/**
 * Draws the posts over a frame; the parts of pixels that they cover are mixed.
 *
 * @param {Float32Array} frame RGB 0 to 255, side x side x 3, changed in place
 * @param {number} side pixels
 * @param {string} colour
 */
export function drawFence(frame, side, colour) {
  const rgb = /** @type {readonly number[]} */ (colours[colour]);
  const unit = side / worldSide;
  for (let x = 0; x < side; x++) {
    const covered = posts.reduce(
      (sum, [from, to]) => sum + Math.max(0, Math.min(x + 1, to * unit) - Math.max(x, from * unit)),
      0,
    );
    if (covered === 0) continue;
    for (let y = 0; y < side; y++)
      for (let c = 0; c < 3; c++) {
        const at = (y * side + x) * 3 + c;
        frame[at] = /** @type {number} */ (frame[at]) * (1 - covered) + /** @type {number} */ (rgb[c]) * covered;
      }
  }
}
