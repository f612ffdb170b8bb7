import { draw } from './sprite.mjs';

/**
 * The backgrounds on which subjects move: sRGB, 0 to 255.
 *
 * @type {Readonly<Record<string, readonly [number, number, number]>>}
 */
export const colours = {
  red: [214, 48, 49],
  orange: [240, 140, 40],
  yellow: [246, 214, 70],
  green: [60, 160, 75],
  blue: [55, 110, 215],
  purple: [140, 75, 190],
  white: [245, 245, 245],
  black: [20, 20, 22],
};

/** Two colours closer than this look alike at 16 pixels (CIE 1976 difference). */
const leastDistance = 30;

/** A pair is left out unless this share of the sprite stands off from the background. */
const leastShare = 0.75;

/**
 * Whether a sprite can be seen on a background: most of its opaque pixels differ clearly from it.
 *
 * @param {import('./sprite.mjs').Sprite} sprite
 * @param {readonly [number, number, number]} background
 */
export function stands(sprite, background) {
  const [L, a, b] = lab(...background);
  let opaque = 0;
  let distinct = 0;
  for (let p = 0; p < sprite.pixels.length; p += 4) {
    const alpha = /** @type {number} */ (sprite.pixels[p + 3]);
    if (alpha < 0.5) continue;
    const [l, m, n] = lab(
      /** @type {number} */ (sprite.pixels[p]) / alpha,
      /** @type {number} */ (sprite.pixels[p + 1]) / alpha,
      /** @type {number} */ (sprite.pixels[p + 2]) / alpha,
    );
    opaque++;
    if (Math.hypot(l - L, m - a, n - b) >= leastDistance) distinct++;
  }
  return distinct >= leastShare * opaque;
}

/**
 * The least share, over some poses, of a sprite's pixels that differ clearly from the image behind them.
 *
 * @param {import('./sprite.mjs').Sprite} sprite
 * @param {{ x: number, y: number, size: number, angle: number }[]} poses in pixels
 * @param {Float32Array} background RGB 0 to 255, [side, side, 3]
 * @param {number} side
 */
export function standsOn(sprite, poses, background, side) {
  let opaque = 0;
  for (let p = 3; p < sprite.pixels.length; p += 4) if (/** @type {number} */ (sprite.pixels[p]) >= 0.5) opaque++;
  const shares = poses.map((pose) => {
    const frame = Float32Array.from(background);
    draw(frame, side, sprite, pose);
    let distinct = 0;
    for (let p = 0; p < frame.length; p += 3) {
      const [l, m, n] = labAt(frame, p);
      const [L, a, b] = labAt(background, p);
      if (Math.hypot(l - L, m - a, n - b) >= leastDistance) distinct++;
    }
    return distinct / (opaque * (pose.size / Math.max(sprite.width, sprite.height)) ** 2);
  });
  return Math.min(...shares);
}

/** @param {Float32Array} pixels RGB @param {number} p */
function labAt(pixels, p) {
  const [r = 0, g = 0, b = 0] = pixels.subarray(p, p + 3);
  return lab(r, g, b);
}

/**
 * CIE L*a*b* (D65) of an sRGB colour.
 *
 * @param {number} r 0 to 255
 * @param {number} g 0 to 255
 * @param {number} b 0 to 255
 * @returns {[number, number, number]}
 */
function lab(r, g, b) {
  const linear = (/** @type {number} */ v) => (v <= 10.31475 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const [R, G, B] = [linear(r), linear(g), linear(b)];
  const f = (/** @type {number} */ t) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  const x = f((0.4124 * R + 0.3576 * G + 0.1805 * B) / 0.9505);
  const y = f(0.2126 * R + 0.7152 * G + 0.0722 * B);
  const z = f((0.0193 * R + 0.1192 * G + 0.9505 * B) / 1.089);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
