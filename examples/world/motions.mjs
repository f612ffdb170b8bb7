import { between } from './random.mjs';

/*
 * Ten motions in a world that is 32 units wide, whatever its pixels. A motion draws its own start, size and path from
 * `random` and gives the pose at time u, from 0 (first frame) to 1 (last). The start of a translation follows from its
 * direction: what moves left starts at the right edge.
 */

export const WORLD = 32;

/** The shortest path of a translation: shorter ones look like standing still. */
const SHORTEST = 12;

/** @typedef {{ x: number, y: number, size: number, angle: number }} Pose */
/** @typedef {(u: number) => Pose} Path */

/**
 * @param {() => number} random
 * @param {number} dx -1, 0 or 1
 * @param {number} dy -1, 0 or 1
 * @returns {Path}
 */
function translation(random, dx, dy) {
  const size = between(random, 14, 20);
  const room = WORLD - size;
  const path = between(random, SHORTEST, room);
  const across = between(random, size / 2, WORLD - size / 2);
  const along = (/** @type {number} */ d, /** @type {number} */ u) =>
    d === 0 ? across : d > 0 ? size / 2 + path * u : WORLD - size / 2 - path * u;
  return (u) => ({ x: along(dx, u), y: along(dy, u), size, angle: 0 });
}

/**
 * @param {() => number} random
 * @param {number} from
 * @param {number} to
 * @returns {Path}
 */
function zoom(random, from, to) {
  const half = Math.max(from, to) / 2;
  const x = between(random, half, WORLD - half);
  const y = between(random, half, WORLD - half);
  return (u) => ({ x, y, size: from + (to - from) * u, angle: 0 });
}

/**
 * By name: how a caption says it, and how it moves.
 *
 * @type {Readonly<Record<string, { verb: string, path: (random: () => number, frames: number) => Path }>>}
 */
export const motions = {
  left: { verb: 'moves left', path: (random) => translation(random, -1, 0) },
  right: { verb: 'moves right', path: (random) => translation(random, 1, 0) },
  up: { verb: 'moves up', path: (random) => translation(random, 0, -1) },
  down: { verb: 'moves down', path: (random) => translation(random, 0, 1) },
  bounce: {
    verb: 'bounces',
    // Two hops. The path is timed so that a clip of 8 frames has its floor and its summits on frames.
    path: (random, frames) => {
      const size = between(random, 14, 18);
      const x = between(random, size / 2, WORLD - size / 2);
      const floor = WORLD - size / 2;
      const height = between(random, SHORTEST, WORLD - size);
      const last = (frames - 1) / frames;
      return (u) => ({ x, y: floor - height * Math.abs(Math.sin(2 * Math.PI * u * last)), size, angle: 0 });
    },
  },
  grow: { verb: 'grows', path: (random) => zoom(random, between(random, 7, 9), between(random, 18, 22)) },
  shrink: { verb: 'shrinks', path: (random) => zoom(random, between(random, 18, 22), between(random, 7, 9)) },
  spin: {
    verb: 'spins',
    path: (random, frames) => {
      const size = between(random, 14, 20);
      const half = size * Math.SQRT1_2;
      const x = between(random, half, WORLD - half);
      const y = between(random, half, WORLD - half);
      const turn = 2 * Math.PI * ((frames - 1) / frames);
      return (u) => ({ x, y, size, angle: turn * u });
    },
  },
  circle: {
    verb: 'circles',
    path: (random, frames) => {
      const size = between(random, 14, 18);
      const radius = between(random, 6, (WORLD - size) / 2);
      const x = between(random, size / 2 + radius, WORLD - size / 2 - radius);
      const y = between(random, size / 2 + radius, WORLD - size / 2 - radius);
      const turn = 2 * Math.PI * ((frames - 1) / frames);
      return (u) => ({ x: x + radius * Math.sin(turn * u), y: y - radius * Math.cos(turn * u), size, angle: 0 });
    },
  },
  still: {
    verb: 'stays still',
    path: (random) => {
      const size = between(random, 14, 20);
      const x = between(random, size / 2, WORLD - size / 2);
      const y = between(random, size / 2, WORLD - size / 2);
      return () => ({ x, y, size, angle: 0 });
    },
  },
};
