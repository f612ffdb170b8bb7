import { between } from './random.mjs';

/*
 * Ten motions in a world that is 32 units wide, whatever its pixels. A motion draws its own start, size and path from
 * `random`, within a place, and gives the pose at time u, from 0 (first frame) to 1 (last). The start of a translation
 * follows from its direction: what moves left starts at the right edge.
 */

export const worldSide = 32;

/** The shortest path of a translation: shorter ones look like standing still. */
const shortestPath = 12;

/** @typedef {{ x: number, y: number, size: number, angle: number }} Pose */
/** @typedef {(u: number) => Pose} Path */

/**
 * Where a subject may be, in units: a box, and how large subjects are in it (`small` and `large` are the ends of what
 * grows or shrinks).
 *
 * @typedef {{ left: number, top: number, width: number, height: number, size: [number, number],
 *   small: [number, number], large: [number, number] }} Place
 */

/** @type {Pick<Place, 'size' | 'small' | 'large'>} */
const half = { size: [11, 14], small: [6, 7.5], large: [13, 15.5] };

/** @type {Readonly<Record<'whole' | 'left' | 'right' | 'top' | 'bottom', Place>>} */
export const places = {
  whole: { left: 0, top: 0, width: worldSide, height: worldSide, size: [14, 20], small: [7, 9], large: [18, 22] },
  left: { left: 0, top: 0, width: worldSide / 2, height: worldSide, ...half },
  right: { left: worldSide / 2, top: 0, width: worldSide / 2, height: worldSide, ...half },
  top: { left: 0, top: 0, width: worldSide, height: worldSide / 2, ...half },
  bottom: { left: 0, top: worldSide / 2, width: worldSide, height: worldSide / 2, ...half },
};

/**
 * A centre at least `reach` from the place's edges.
 *
 * @param {() => number} random
 * @param {Place} place
 * @param {number} reach
 */
const within = (random, { left, top, width, height }, reach) => ({
  x: between(random, left + reach, left + width - reach),
  y: between(random, top + reach, top + height - reach),
});

/**
 * @param {() => number} random
 * @param {Place} place
 * @param {number} dx -1, 0 or 1
 * @param {number} dy -1, 0 or 1
 * @returns {Path}
 */
function translation(random, place, dx, dy) {
  const { left, top, width, height } = place;
  const size = between(random, ...place.size);
  const path = between(random, shortestPath, (dx === 0 ? height : width) - size);
  const across = within(random, place, size / 2);
  const along = (/** @type {number} */ d, /** @type {number} */ low, /** @type {number} */ length) =>
    d > 0 ? low + size / 2 : low + length - size / 2;
  const x = dx === 0 ? across.x : along(dx, left, width);
  const y = dy === 0 ? across.y : along(dy, top, height);
  return (u) => ({ x: x + dx * path * u, y: y + dy * path * u, size, angle: 0 });
}

/**
 * @param {() => number} random
 * @param {Place} place
 * @param {number} from
 * @param {number} to
 * @returns {Path}
 */
function zoom(random, place, from, to) {
  const centre = within(random, place, Math.max(from, to) / 2);
  return (u) => ({ ...centre, size: from + (to - from) * u, angle: 0 });
}

/**
 * By name: how a caption says it, and how it moves. `halves`: whether it fits into half of the world, and into which.
 *
 * @type {Readonly<Record<string, { verb: string, halves?: ('sides' | 'bands')[],
 *   path: (random: () => number, frames: number, place: Place) => Path }>>}
 */
export const motions = {
  left: { verb: 'moves left', halves: ['bands'], path: (random, _, place) => translation(random, place, -1, 0) },
  right: { verb: 'moves right', halves: ['bands'], path: (random, _, place) => translation(random, place, 1, 0) },
  up: { verb: 'moves up', halves: ['sides'], path: (random, _, place) => translation(random, place, 0, -1) },
  down: { verb: 'moves down', halves: ['sides'], path: (random, _, place) => translation(random, place, 0, 1) },
  bounce: {
    verb: 'bounces',
    halves: ['sides'],
    // Two hops. The path is timed so that a clip of 8 or 16 frames has its floor and its summits on frames.
    path: (random, frames, place) => {
      const size = between(random, ...place.size);
      const { x } = within(random, place, size / 2);
      const floor = place.top + place.height - size / 2;
      const height = between(random, shortestPath, place.height - size);
      const last = (frames - 1) / frames;
      return (u) => ({ x, y: floor - height * Math.abs(Math.sin(2 * Math.PI * u * last)), size, angle: 0 });
    },
  },
  grow: {
    verb: 'grows',
    halves: ['sides', 'bands'],
    path: (random, _, place) => zoom(random, place, between(random, ...place.small), between(random, ...place.large)),
  },
  shrink: {
    verb: 'shrinks',
    halves: ['sides', 'bands'],
    path: (random, _, place) => zoom(random, place, between(random, ...place.large), between(random, ...place.small)),
  },
  spin: {
    verb: 'spins',
    halves: ['sides', 'bands'],
    path: (random, frames, place) => {
      const size = Math.min(between(random, ...place.size), Math.min(place.width, place.height) * Math.SQRT1_2);
      const centre = within(random, place, size * Math.SQRT1_2);
      const turn = 2 * Math.PI * ((frames - 1) / frames);
      return (u) => ({ ...centre, size, angle: turn * u });
    },
  },
  circle: {
    verb: 'circles',
    path: (random, frames, place) => {
      const size = between(random, ...place.size);
      const radius = between(random, 6, (Math.min(place.width, place.height) - size) / 2);
      const { x, y } = within(random, place, size / 2 + radius);
      const turn = 2 * Math.PI * ((frames - 1) / frames);
      return (u) => ({ x: x + radius * Math.sin(turn * u), y: y - radius * Math.cos(turn * u), size, angle: 0 });
    },
  },
  still: {
    verb: 'stays still',
    halves: ['sides', 'bands'],
    path: (random, _, place) => {
      const size = between(random, ...place.size);
      const centre = within(random, place, size / 2);
      return () => ({ ...centre, size, angle: 0 });
    },
  },
};
