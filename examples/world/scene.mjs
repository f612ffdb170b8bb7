import { colours } from './colours.mjs';
import { motions, WORLD } from './motions.mjs';
import { draw } from './sprite.mjs';

/**
 * One clip to be made: who, how, on what, and the numbers that its path is drawn from.
 *
 * @typedef {{ phrase: string, motion: string, colour: string }} Scene
 */

/** @param {Scene} scene */
export const captionOf = ({ phrase, motion, colour }) =>
  `${phrase} ${motions[motion]?.verb} on ${colour === 'orange' ? 'an' : 'a'} ${colour} background`;

/**
 * Where the subject is in each frame, in units of the world (32 wide).
 *
 * @param {Scene} scene
 * @param {number} frames
 * @param {() => number} random
 */
export function poses(scene, frames, random) {
  const motion = motions[scene.motion];
  if (!motion) throw new Error(`no such motion: ${scene.motion}`);
  const path = motion.path(random, frames);
  return Array.from({ length: frames }, (_, f) => path(frames > 1 ? f / (frames - 1) : 0));
}

/**
 * The frames of a clip: RGB, 8 bits, [frames, side, side, 3].
 *
 * @param {import('./sprite.mjs').Sprite} sprite
 * @param {string} colour
 * @param {import('./motions.mjs').Pose[]} at
 * @param {number} side pixels
 */
export function render(sprite, colour, at, side) {
  const ground = colours[colour];
  if (!ground) throw new Error(`no such colour: ${colour}`);
  const unit = side / WORLD;
  const frame = new Float32Array(side * side * 3);
  const clip = new Uint8ClampedArray(at.length * frame.length);
  at.forEach((pose, f) => {
    for (let i = 0; i < frame.length; i++) frame[i] = /** @type {number} */ (ground[i % 3]);
    draw(frame, side, sprite, { x: pose.x * unit, y: pose.y * unit, size: pose.size * unit, angle: pose.angle });
    clip.set(frame, f * frame.length);
  });
  return clip;
}
