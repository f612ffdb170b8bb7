import sharp from 'sharp';

/**
 * An image cut to what is opaque of it. `pixels`: premultiplied RGBA, colour 0 to 255, alpha 0 to 1, row by row.
 *
 * @typedef {{ width: number, height: number, pixels: Float32Array }} Sprite
 */

/** Fainter than this is no part of the subject (0 to 255). */
const faint = 16;

/**
 * @param {string} file a PNG with alpha
 * @returns {Promise<Sprite>}
 */
export async function readSprite(file) {
  const { data, info } = await sharp(file)
    .ensureAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const [sprite] = cut(data, info.width, info.height);
  if (!sprite) throw new Error(`${file} is wholly transparent`);
  return sprite;
}

/**
 * The frames of an animation, all cut to what is opaque in any of them, and for how long each is shown.
 *
 * @param {string} file a WebP or GIF
 * @param {number} side pixels to which its longer side is scaled
 * @returns {Promise<{ sprites: Sprite[], delays: number[] }>} delays in milliseconds; one frame of a still
 */
export async function readAnimation(file, side) {
  const { data, info } = await sharp(file, { animated: true })
    .resize(side, side, { fit: 'inside' })
    .ensureAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { delay, pages = 1 } = await sharp(file).metadata();
  const sprites = cut(data, info.width, info.height / pages);
  if (sprites.length === 0) throw new Error(`${file} is wholly transparent`);
  return { sprites, delays: delay ?? [Number.POSITIVE_INFINITY] };
}

/**
 * Images below each other, cut to what is opaque in any of them; none when nothing is.
 *
 * @param {Buffer} data RGBA, 8 bits
 * @param {number} across their width
 * @param {number} tall their height
 * @returns {Sprite[]}
 */
function cut(data, across, tall) {
  const images = data.length / (across * tall * 4);
  let [left, top, right, bottom] = [across, tall, -1, -1];
  for (let p = 0; p < images * across * tall; p++) {
    if (/** @type {number} */ (data[p * 4 + 3]) < faint) continue;
    const [x, y] = [p % across, Math.floor(p / across) % tall];
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  if (right < 0) return [];
  const [width, height] = [right - left + 1, bottom - top + 1];
  return Array.from({ length: images }, (_, n) => {
    const pixels = new Float32Array(width * height * 4);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const from = ((n * tall + y + top) * across + x + left) * 4;
        const to = (y * width + x) * 4;
        const a = /** @type {number} */ (data[from + 3]) / 255;
        for (let c = 0; c < 3; c++) pixels[to + c] = /** @type {number} */ (data[from + c]) * a;
        pixels[to + 3] = a;
      }
    return { width, height, pixels };
  });
}

/** Samples a side of an output pixel: 4 x 4 of them average away the steps of a moving edge. */
const samples = 4;

/**
 * Lays a sprite over a frame.
 *
 * @param {Float32Array} frame RGB 0 to 255, side x side x 3, changed in place
 * @param {number} side pixels
 * @param {Sprite} sprite
 * @param {{ x: number, y: number, size: number, angle: number }} pose centre and longer side in pixels; clockwise turn
 *   in radians
 */
export function draw(frame, side, sprite, pose) {
  const scale = Math.max(sprite.width, sprite.height) / pose.size;
  const [cos, sin] = [Math.cos(pose.angle), Math.sin(pose.angle)];
  const reach = Math.hypot(sprite.width, sprite.height) / scale / 2 + 1;
  const low = (/** @type {number} */ v) => Math.max(0, Math.floor(v - reach));
  const high = (/** @type {number} */ v) => Math.min(side, Math.ceil(v + reach));
  for (let y = low(pose.y); y < high(pose.y); y++)
    for (let x = low(pose.x); x < high(pose.x); x++) {
      const sum = [0, 0, 0, 0];
      for (let j = 0; j < samples; j++)
        for (let i = 0; i < samples; i++) {
          const dx = x + (i + 0.5) / samples - pose.x;
          const dy = y + (j + 0.5) / samples - pose.y;
          bilinear(
            sprite,
            (cos * dx + sin * dy) * scale + sprite.width / 2 - 0.5,
            (cos * dy - sin * dx) * scale + sprite.height / 2 - 0.5,
            sum,
          );
        }
      const at = (y * side + x) * 3;
      const n = samples * samples;
      const clear = 1 - /** @type {number} */ (sum[3]) / n;
      for (let c = 0; c < 3; c++)
        frame[at + c] = /** @type {number} */ (frame[at + c]) * clear + /** @type {number} */ (sum[c]) / n;
    }
}

/**
 * Adds the sprite's value at (u, v), in its own pixels, to `sum`; outside it there is nothing.
 *
 * @param {Sprite} sprite
 * @param {number} u
 * @param {number} v
 * @param {number[]} sum RGBA
 */
function bilinear(sprite, u, v, sum) {
  const [x, y] = [Math.floor(u), Math.floor(v)];
  for (let j = 0; j < 2; j++) {
    if (y + j < 0 || y + j >= sprite.height) continue;
    for (let i = 0; i < 2; i++) {
      if (x + i < 0 || x + i >= sprite.width) continue;
      const weight = (i ? u - x : 1 - u + x) * (j ? v - y : 1 - v + y);
      const at = ((y + j) * sprite.width + x + i) * 4;
      for (let c = 0; c < 4; c++)
        sum[c] = /** @type {number} */ (sum[c]) + weight * /** @type {number} */ (sprite.pixels[at + c]);
    }
  }
}
