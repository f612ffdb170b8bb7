import { worldSide } from './motions.mjs';
import { between, pick, seeded } from './random.mjs';

/*
 * Movements that words do not tell: each verb stands for a path of its own, drawn from the verb and the seed of the world.
 * Whoever reads "a fox wanders" must have seen something else wander. The four of `heldOut` are in no training world.
 */

/** @typedef {(u: number, frames: number) => { x: number, y: number }} Form from -1 to 1; u from 0 (first frame) to 1 (last) */

/** Plain forms of verbs whose -s form vimi knows for a verb (src/language), none of them a motion of motions.mjs. */
const verbs =
  `wander march race hop leap drift float glide slide roll tumble crawl creep climb dive swim run walk gallop trot
  dance skip stumble hover stroll ride drive sail paddle skate ski surf flap play look hunt chase follow fight
  jump rise fall sink arrive leave enter exit pass cross travel nod clap sing speak talk laugh cry smile wait
  sleep sit stand kneel lie hang lean push pull lift carry throw catch kick hit cook eat drink bake cut chop pour
  stir wash clean draw write read build dig pick`
    .split(/\s+/)
    .filter(Boolean);

const round = 2 * Math.PI;
/** Up and down between -1 and 1, beginning at -1. @param {number} u */
const triangle = (u) => 1 - 2 * Math.abs(1 - 2 * (u - Math.floor(u)));

/** @type {Readonly<Record<string, { verb: string, form: Form }>>} */
export const heldOut = {
  zigzag: { verb: 'zigzags', form: (u) => ({ x: 2 * u - 1, y: triangle(2 * u) }) },
  // The other way round than what circles, and from below.
  orbit: {
    verb: 'orbits',
    form: (u, frames) => {
      const turn = (round * u * (frames - 1)) / frames;
      return { x: Math.sin(turn), y: Math.cos(turn) };
    },
  },
  swing: {
    verb: 'swings',
    form: (u, frames) => {
      const x = Math.sin((round * u * (frames - 1)) / frames);
      return { x, y: 0.25 - x ** 2 / 2 };
    },
  },
  // Every second frame of 16 is one of a clip of 8: there it is at one end and at the other.
  shake: { verb: 'shakes', form: (u, frames) => ({ x: Math.cos((Math.PI * u * (frames - 1)) / 2), y: 0 }) },
};

/** The movements of a world. @param {boolean} isHeldOut */
export const movementsOf = (isHeldOut) => (isHeldOut ? Object.keys(heldOut) : verbs);

/**
 * How a caption says a movement, and how it goes.
 *
 * @param {string} seed of the world
 * @param {string} name
 * @returns {{ verb: string, form: Form }}
 */
export function movement(seed, name) {
  const known = heldOut[name];
  if (known) return known;
  const verb = name.replace(/(?<=[^aeiou])y$/, 'ie').replace(/(?<=s|x|z|ch|sh|o)$/, 'e');
  return { verb: `${verb}s`, form: drawn(seeded(seed, 'movement', name)) };
}

/**
 * Where a subject is that moves so: the form fills most of the world.
 *
 * @param {() => number} random
 * @param {number} frames
 * @param {Form} form
 */
export function alongForm(random, frames, form) {
  const size = between(random, 11, 15);
  const room = (worldSide - size) / 2;
  const reach = room * between(random, 0.8, 1);
  const centre = () => worldSide / 2 + between(random, reach - room, room - reach);
  const [x, y] = [centre(), centre()];
  return Array.from({ length: frames }, (_, f) => {
    const at = form(frames > 1 ? f / (frames - 1) : 0, frames);
    return { x: x + reach * at.x, y: y + reach * at.y, size, angle: 0 };
  });
}

/** How finely a form is looked at to fit it into its square. */
const looks = 64;
/** Root mean square distance from the middle, below which nothing moves. */
const leastSway = 0.45;

/** @param {() => number} random @returns {Form} */
function drawn(random) {
  for (;;) {
    const raw = pick(random, [waves, ways, ends])(random);
    const at = Array.from({ length: looks }, (_, i) => raw(i / (looks - 1), 16));
    const [left, right] = [Math.min(...at.map(({ x }) => x)), Math.max(...at.map(({ x }) => x))];
    const [top, bottom] = [Math.min(...at.map(({ y }) => y)), Math.max(...at.map(({ y }) => y))];
    const half = Math.max(right - left, bottom - top) / 2;
    /** @type {Form} */
    const form = (u, frames) => {
      const { x, y } = raw(u, frames);
      return { x: (x - (left + right) / 2) / half, y: (y - (top + bottom) / 2) / half };
    };
    const sway = Math.sqrt(
      at.reduce((sum, _, i) => {
        const { x, y } = form(i / (looks - 1), 16);
        return sum + x ** 2 + y ** 2;
      }, 0) / looks,
    );
    if (sway >= leastSway) return form;
  }
}

/** Sums of two sines. @param {() => number} random @returns {Form} */
function waves(random) {
  const axis = () => {
    const size = random() < 0.25 ? 0 : between(random, 0.5, 1);
    const parts = [1, 0.5].map((most) => ({
      ...{ size: size * between(random, 0, most), phase: round * random() },
      rate: pick(random, [0.5, 1, 1, 1.5, 2, 2, 3]),
    }));
    return (/** @type {number} */ u) =>
      parts.reduce((sum, { size, rate, phase }) => sum + size * Math.sin(round * rate * u + phase), 0);
  };
  const [x, y] = [axis(), axis()];
  return (u) => ({ x: x(u), y: y(u) });
}

/** From place to place, straight. @param {() => number} random @returns {Form} */
function ways(random) {
  const point = () => ({ x: between(random, -1, 1), y: between(random, -1, 1) });
  const points = Array.from({ length: 3 + Math.floor(4 * random()) }, point);
  return (u) => {
    const way = u * (points.length - 1);
    const n = Math.min(points.length - 2, Math.floor(way));
    const [from, to] = [/** @type {any} */ (points[n]), /** @type {any} */ (points[n + 1])];
    return { x: from.x + (to.x - from.x) * (way - n), y: from.y + (to.y - from.y) * (way - n) };
  };
}

/** Between two places, again and again, fast. @param {() => number} random @returns {Form} */
function ends(random) {
  const [x, y, phase] = [between(random, -1, 1), between(random, -1, 1), round * random()];
  const rate = pick(random, [1, 2, 2.5, 3.75]);
  const drift = { x: between(random, -0.3, 0.3), y: between(random, -0.3, 0.3) };
  return (u) => {
    const side = Math.cos(round * rate * u + phase);
    return { x: x * side + drift.x * u, y: y * side + drift.y * u };
  };
}
