import { changes } from './changes.mjs';
import { colours, stands, standsOn } from './colours.mjs';
import { motions } from './motions.mjs';
import { alongForm, movement, movementsOf } from './paths.mjs';
import { pick } from './random.mjs';
import { inPixels, plain, poses } from './scene.mjs';

/*
 * Who plays in a clip, how, and on what: drawn from `random` alone.
 */

/**
 * @typedef {import('./subjects.mjs').Entity} Entity
 * @typedef {import('./backgrounds.mjs').Background} Background
 * @typedef {import('./scene.mjs').Actor & { entity: Entity, sprite: import('./sprite.mjs').Sprite,
 *   at: import('./motions.mjs').Pose[] }} Player an actor of a scene with its pose in each frame
 * @typedef {{ actors: Player[], background: import('./scene.mjs').Background, pixels: Float32Array,
 *   fence?: string, plain?: import('./sprite.mjs').Sprite }} Take `plain`: what an actor looks like whose appearance is changed
 * @typedef {{ random: () => number, frames: number, side: number, spriteOf: (entity: Entity) => Promise<import('./sprite.mjs').Sprite>,
 *   pixelsOf: (background: Background) => Promise<Float32Array> }} Stage
 */

/** Backgrounds drawn until one is found that all of the path stands off from; the best of them is taken else. */
const tries = 12;

/**
 * One subject on a colour.
 *
 * @param {Stage} stage
 * @param {Entity} entity
 * @returns {Promise<Take>}
 */
export async function alone(stage, entity) {
  const { random, side } = stage;
  const sprite = await stage.spriteOf(entity);
  const colour = colourBehind(random, sprite);
  const actor = play(stage, entity, sprite, pick(random, Object.keys(motions)), 'whole');
  return { actors: [actor], background: { colour }, pixels: plain(colour, side) };
}

/**
 * One subject on a colour, in a movement that only other clips of the world tell.
 *
 * @param {Stage} stage
 * @param {Entity} entity
 * @param {{ seed: string, heldOut: boolean }} world
 * @returns {Promise<Take>}
 */
export async function wandering(stage, entity, { seed, heldOut }) {
  const { random, side, frames } = stage;
  const sprite = await stage.spriteOf(entity);
  const colour = colourBehind(random, sprite);
  const motion = pick(random, movementsOf(heldOut));
  const { verb, form } = movement(seed, motion);
  const at = alongForm(random, frames, form);
  const actor = { phrase: entity.phrase, motion, verb, place: /** @type {const} */ ('whole'), entity, sprite, at };
  return { actors: [actor], background: { colour }, pixels: plain(colour, side) };
}

/** A colour that it stands off from. @param {() => number} random @param {import('./sprite.mjs').Sprite} sprite */
function colourBehind(random, sprite) {
  const [colour] = pick(
    random,
    Object.entries(colours).filter(([, rgb]) => stands(sprite, rgb)),
  );
  return colour;
}

/**
 * One subject on a colour, with another appearance than its image has. Both stand off from the background.
 *
 * @param {Stage} stage
 * @param {Entity} entity
 * @returns {Promise<Take>}
 */
export async function changed(stage, entity) {
  const { random, side } = stage;
  const sprite = await stage.spriteOf(entity);
  for (;;) {
    const change = pick(random, Object.keys(changes));
    const { look, scale = 1 } = /** @type {(typeof changes)[string]} */ (changes[change]);
    const looks = look ? look(sprite) : sprite;
    const seen = Object.entries(colours).filter(([, rgb]) => stands(sprite, rgb) && stands(looks, rgb));
    if (seen.length === 0) continue;
    const [colour] = pick(random, seen);
    const actor = play(stage, entity, looks, pick(random, Object.keys(motions)), 'whole');
    const at = actor.at.map((pose) => ({ ...pose, size: pose.size * scale }));
    return { actors: [{ ...actor, change, at }], background: { colour }, pixels: plain(colour, side), plain: sprite };
  }
}

/**
 * One subject on a colour, behind a fence of another.
 *
 * @param {Stage} stage
 * @param {Entity} entity
 * @returns {Promise<Take>}
 */
export async function behind(stage, entity) {
  const take = await alone(stage, entity);
  const ground = 'colour' in take.background ? take.background.colour : '';
  const { sprite } = /** @type {Player} */ (take.actors[0]);
  const others = Object.entries(colours).filter(([name]) => name !== ground && name !== 'orange');
  const seen = others.filter(([, rgb]) => stands(sprite, rgb));
  const [fence] = pick(stage.random, seen.length > 0 ? seen : others);
  return { ...take, fence };
}

/**
 * Two subjects on a colour, each in a half of its own, the left or upper one first; one of them at least moves.
 *
 * @param {Stage} stage
 * @param {Entity} entity
 * @param {readonly Entity[]} others
 * @returns {Promise<Take | null>} null: no colour shows both
 */
export async function together(stage, entity, others) {
  const { random, side } = stage;
  const other = pick(random, others);
  const [first, second] = random() < 0.5 ? [entity, other] : [other, entity];
  const sprites = [await stage.spriteOf(first), await stage.spriteOf(second)];
  const seen = Object.entries(colours).filter(([, rgb]) => sprites.every((sprite) => stands(sprite, rgb)));
  if (other === entity || seen.length === 0) return null;
  const [colour] = pick(random, seen);
  const halves = pick(random, /** @type {const} */ (['sides', 'bands']));
  const fitting = Object.keys(motions).filter((name) => motions[name]?.halves?.includes(halves));
  const moves = [pick(random, fitting), pick(random, fitting)];
  if (moves.every((move) => move === 'still')) return null;
  const [here, there] =
    halves === 'sides' ? /** @type {const} */ (['left', 'right']) : /** @type {const} */ (['top', 'bottom']);
  const actors = [
    play(stage, first, /** @type {any} */ (sprites[0]), /** @type {string} */ (moves[0]), here),
    play(stage, second, /** @type {any} */ (sprites[1]), /** @type {string} */ (moves[1]), there),
  ];
  return { actors, background: { colour }, pixels: plain(colour, side) };
}

/**
 * One subject in front of an image.
 *
 * @param {Stage} stage
 * @param {Entity} entity
 * @param {readonly Background[]} backgrounds
 * @returns {Promise<Take>}
 */
export async function inFront(stage, entity, backgrounds) {
  const { random, side } = stage;
  const sprite = await stage.spriteOf(entity);
  const actor = play(stage, entity, sprite, pick(random, Object.keys(motions)), 'whole');
  const path = [0, 0.5, 1].map((u) => inPixels(actor.at[Math.round(u * (actor.at.length - 1))], side));
  let best = { share: -1, phrase: '', pixels: /** @type {Float32Array} */ (new Float32Array(0)) };
  for (let i = 0; i < tries; i++) {
    const drawn = pick(random, backgrounds);
    if (drawn.code === entity.code) continue;
    const pixels = await stage.pixelsOf(drawn);
    const share = standsOn(sprite, path, pixels, side);
    if (share > best.share) best = { share, phrase: drawn.phrase, pixels };
    if (share >= 0.75) break;
  }
  return { actors: [actor], background: { image: best.phrase }, pixels: best.pixels };
}

/**
 * @param {Stage} stage
 * @param {Entity} entity
 * @param {import('./sprite.mjs').Sprite} sprite
 * @param {string} motion
 * @param {import('./scene.mjs').Actor['place']} place
 * @returns {Player}
 */
function play({ random, frames }, entity, sprite, motion, place) {
  return { phrase: entity.phrase, motion, place, entity, sprite, at: poses({ motion, place }, frames, random) };
}
