import { article } from './article.mjs';
import { colours } from './colours.mjs';
import { drawFence } from './fence.mjs';
import { motions, places, worldSide } from './motions.mjs';
import { draw } from './sprite.mjs';

/**
 * One clip to be made: one subject anywhere, or two in a half of the world each; on a plain colour or in front of a
 * image, which is named by its phrase. Its appearance may be changed (changes.mjs), and a fence of a colour may stand before it.
 *
 * @typedef {{ phrase: string, motion: string, place: keyof typeof places, change?: string, verb?: string }} Actor
 * `verb`: of a movement that is none of the ten motions (paths.mjs)
 * @typedef {{ colour: string } | { image: string }} Background
 * @typedef {{ actors: Actor[], background: Background, fence?: string }} Scene
 */

/** @type {Readonly<Record<keyof typeof places, string>>} */
const whereabouts = {
  whole: '',
  left: ' on the left',
  right: ' on the right',
  top: ' at the top',
  bottom: ' at the bottom',
};

/** @param {Scene} scene */
export function captionOf({ actors, background, fence }) {
  const acts = actors.map(
    ({ phrase, motion, place, change, verb = motions[motion]?.verb }) =>
      `${change ? `${phrase} ${change}` : phrase} ${verb}${whereabouts[place]}`,
  );
  const who = acts.join(' and ') + (acts.length > 1 ? ',' : '') + (fence ? ` behind a ${fence} fence` : '');
  if ('image' in background) return `${who} in front of ${background.image}`;
  return `${who} on ${article(background.colour)} ${background.colour} background`;
}

/**
 * Where a subject is in each frame, in units of the world (32 wide).
 *
 * @param {Omit<Actor, 'phrase'>} actor
 * @param {number} frames
 * @param {() => number} random
 */
export function poses({ motion, place }, frames, random) {
  const chosen = motions[motion];
  if (!chosen) throw new Error(`no such motion: ${motion}`);
  const path = chosen.path(random, frames, places[place]);
  return Array.from({ length: frames }, (_, f) => path(frames > 1 ? f / (frames - 1) : 0));
}

/**
 * What lies behind: RGB 0 to 255, [side, side, 3].
 *
 * @param {string} colour
 * @param {number} side pixels
 */
export function plain(colour, side) {
  const rgb = colours[colour];
  if (!rgb) throw new Error(`no such colour: ${colour}`);
  return Float32Array.from({ length: side * side * 3 }, (_, i) => /** @type {number} */ (rgb[i % 3]));
}

/**
 * The frames of a clip: RGB, 8 bits, [frames, side, side, 3]. Later subjects lie over earlier ones.
 *
 * @param {{ sprite: import('./sprite.mjs').Sprite, at: import('./motions.mjs').Pose[] }[]} cast
 * @param {Float32Array} background as `plain` gives it
 * @param {number} side pixels
 * @param {string} [fence] its colour
 */
export function render(cast, background, side, fence) {
  const frames = /** @type {{ at: unknown[] }} */ (cast[0]).at.length;
  const frame = new Float32Array(background.length);
  const clip = new Uint8ClampedArray(frames * frame.length);
  for (let f = 0; f < frames; f++) {
    frame.set(background);
    for (const { sprite, at } of cast) draw(frame, side, sprite, inPixels(at[f], side));
    if (fence) drawFence(frame, side, fence);
    clip.set(frame, f * frame.length);
  }
  return clip;
}

/** A pose in pixels. @param {import('./motions.mjs').Pose | undefined} pose @param {number} side */
export function inPixels(pose, side) {
  if (!pose) throw new Error('subjects of one clip have as many poses each');
  const unit = side / worldSide;
  return { x: pose.x * unit, y: pose.y * unit, size: pose.size * unit, angle: pose.angle };
}
