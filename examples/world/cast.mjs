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
  const pair = await pairOf(stage, entity, others);
  if (!pair) return null;
  const seen = Object.entries(colours).filter(([, rgb]) => pair.every(({ sprite }) => stands(sprite, rgb)));
  if (seen.length === 0) return null;
  const [colour] = pick(random, seen);
  const actors = inHalves(stage, pair);
  return actors && { actors, background: { colour }, pixels: plain(colour, side) };
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
  const sprite = await stage.spriteOf(entity);
  const actor = play(stage, entity, sprite, pick(stage.random, Object.keys(motions)), 'whole');
  return beforeImage(stage, [actor], backgrounds);
}

/**
 * Two subjects as in `together`, in front of an image.
 *
 * @param {Stage} stage
 * @param {Entity} entity
 * @param {readonly Entity[]} others
 * @param {readonly Background[]} backgrounds
 * @returns {Promise<Take | null>}
 */
export async function togetherInFront(stage, entity, others, backgrounds) {
  const pair = await pairOf(stage, entity, others);
  const actors = pair && inHalves(stage, pair);
  return actors && beforeImage(stage, actors, backgrounds);
}

/** @typedef {{ entity: Entity, sprite: import('./sprite.mjs').Sprite }} Cast */

/**
 * A subject and another, in either order; null: the other is the same.
 *
 * @param {Stage} stage @param {Entity} entity @param {readonly Entity[]} others
 * @returns {Promise<[Cast, Cast] | null>}
 */
async function pairOf({ random, spriteOf }, entity, others) {
  const other = pick(random, others);
  const [first, second] = random() < 0.5 ? [entity, other] : [other, entity];
  if (other === entity) return null;
  return [
    { entity: first, sprite: await spriteOf(first) },
    { entity: second, sprite: await spriteOf(second) },
  ];
}

/**
 * Each in a half of its own, with a motion that fits into it; null: neither moves.
 *
 * @param {Stage} stage @param {[Cast, Cast]} pair
 * @returns {Player[] | null}
 */
function inHalves(stage, [first, second]) {
  const { random } = stage;
  const halves = pick(random, /** @type {const} */ (['sides', 'bands']));
  const fitting = Object.keys(motions).filter((name) => motions[name]?.halves?.includes(halves));
  const [here, there] = [pick(random, fitting), pick(random, fitting)];
  if (here === 'still' && there === 'still') return null;
  const places =
    halves === 'sides' ? /** @type {const} */ (['left', 'right']) : /** @type {const} */ (['top', 'bottom']);
  return [
    play(stage, first.entity, first.sprite, here, places[0]),
    play(stage, second.entity, second.sprite, there, places[1]),
  ];
}

/**
 * In front of the first of some images that all of them stand off from, or the best.
 *
 * @param {Stage} stage @param {Player[]} actors @param {readonly Background[]} backgrounds
 * @returns {Promise<Take>}
 */
async function beforeImage({ random, side, pixelsOf }, actors, backgrounds) {
  let best = { share: -1, phrase: '', pixels: /** @type {Float32Array} */ (new Float32Array(0)) };
  for (let i = 0; i < tries; i++) {
    const drawn = pick(random, backgrounds);
    if (actors.some(({ entity }) => drawn.code === entity.code)) continue;
    const pixels = await pixelsOf(drawn);
    const shares = actors.map(({ sprite, at }) => {
      const path = [0, 0.5, 1].map((u) => inPixels(at[Math.round(u * (at.length - 1))], side));
      return standsOn(sprite, path, pixels, side);
    });
    const share = Math.min(...shares);
    if (share > best.share) best = { share, phrase: drawn.phrase, pixels };
    if (share >= 0.75) break;
  }
  return { actors, background: { image: best.phrase }, pixels: best.pixels };
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
