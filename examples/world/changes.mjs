import sharp from 'sharp';
import { colours } from './colours.mjs';

/*
 * Changes of a subject's appearance that the words of a caption ask for. No document shows a subject so: the image shows it as it is, and
 * whoever lays the image into the frames has not done what was asked.
 */

/** @typedef {import('./sprite.mjs').Sprite} Sprite */

/** Of luminance, as sRGB weighs its channels. */
const weights = /** @type {const} */ ([0.299, 0.587, 0.114]);

/** @param {Sprite} sprite @param {(light: number) => readonly number[]} colourOf light and colours from 0 to 255 @returns {Sprite} */
function recoloured({ width, height, pixels }, colourOf) {
  const out = Float32Array.from(pixels);
  for (let p = 0; p < out.length; p += 4) {
    const alpha = /** @type {number} */ (pixels[p + 3]);
    if (alpha === 0) continue;
    const light = weights.reduce((sum, w, c) => sum + (w * /** @type {number} */ (pixels[p + c])) / alpha, 0);
    const colour = colourOf(light);
    for (let c = 0; c < 3; c++) out[p + c] = Math.min(255, /** @type {number} */ (colour[c])) * alpha;
  }
  return { width, height, pixels: out };
}

/** @param {Sprite} sprite @returns {Sprite} */
function upsideDown({ width, height, pixels }) {
  const out = new Float32Array(pixels.length);
  for (let row = 0; row < height; row++)
    out.set(pixels.subarray(row * width * 4, (row + 1) * width * 4), (height - 1 - row) * width * 4);
  return { width, height, pixels: out };
}

/** What can be painted: colours that a plain background has too, black and white aside. */
const paints = ['red', 'yellow', 'green', 'blue', 'purple'];

/**
 * By name, which is how the caption says it behind the subject.
 *
 * @type {Readonly<Record<string, { look?: (sprite: Sprite) => Sprite, scale?: number }>>}
 */
export const changes = {
  ...Object.fromEntries(
    paints.map((paint) => [
      `painted ${paint}`,
      {
        look: (/** @type {Sprite} */ sprite) =>
          recoloured(sprite, (light) =>
            /** @type {any} */ (colours[paint]).map((/** @type {number} */ v) => v * (0.35 + (0.9 * light) / 255)),
          ),
      },
    ]),
  ),
  'in grey': { look: (sprite) => recoloured(sprite, (light) => [light, light, light]) },
  'upside down': { look: upsideDown },
  /** Half as large as it would be. */
  'as a miniature': { scale: 0.5 },
};

/** What it is called when nothing is changed. */
export const asItIs = 'as it is';

/** Writes a sprite, which stays as large as it is. @param {Sprite} sprite @param {string} file */
export async function writeSprite({ width, height, pixels }, file) {
  const bytes = Buffer.alloc(pixels.length);
  for (let p = 0; p < pixels.length; p += 4) {
    const alpha = /** @type {number} */ (pixels[p + 3]);
    for (let c = 0; c < 3; c++)
      bytes[p + c] = alpha === 0 ? 0 : Math.min(255, Math.round(/** @type {number} */ (pixels[p + c]) / alpha));
    bytes[p + 3] = Math.round(alpha * 255);
  }
  await sharp(bytes, { raw: { width, height, channels: 4 } })
    .png()
    .toFile(file);
}
