import { alignedCorrelation } from './aligned-correlation.js';
import { type Found, findSubject } from './find-subject.js';
import type { WorldFrame } from './world-frames.js';

/** The ten motions of examples/world, and `other`: a path that is none of them. */
export const motionNames = [
  'left',
  'right',
  'up',
  'down',
  'bounce',
  'grow',
  'shrink',
  'spin',
  'circle',
  'still',
] as const;
export type MotionName = (typeof motionNames)[number];
export const translations: readonly string[] = ['left', 'right', 'up', 'down'];

/** Where the subject is and how large, in world units, frame by frame. */
export type Path = Pick<Found, 'x' | 'y' | 'size'>[];

/** Position and size at frame t of T. */
export type Form = (t: number, T: number) => Path[number];

/**
 * The forms of paths: position and size at frame t of T, up to scale and start. Bounce and circle are timed as the world
 * times them: one frame before a whole round.
 */
export const forms: Readonly<Partial<Record<MotionName, Form>>> = {
  left: (t, T) => ({ x: -t / (T - 1), y: 0, size: 0 }),
  right: (t, T) => ({ x: t / (T - 1), y: 0, size: 0 }),
  up: (t, T) => ({ x: 0, y: -t / (T - 1), size: 0 }),
  down: (t, T) => ({ x: 0, y: t / (T - 1), size: 0 }),
  bounce: (t, T) => ({ x: 0, y: -Math.abs(Math.sin((2 * Math.PI * t) / T)), size: 0 }),
  grow: (t, T) => ({ x: 0, y: 0, size: t / (T - 1) }),
  shrink: (t, T) => ({ x: 0, y: 0, size: -t / (T - 1) }),
  circle: (t, T) => ({ x: Math.sin((2 * Math.PI * t) / T), y: -Math.cos((2 * Math.PI * t) / T), size: 0 }),
};

/**
 * Root mean square deviation from the mean pose, in units, below which nothing moves. A translation of 12 units has 3.9,
 * a circle of radius 6 has 6, growing by 10 has 3.2; the centre of mass of most that spins wobbles by 1 or 2.
 */
const leastPath = 2.3;
/** Above this it is no wobble: what spins may have its centre of mass far from the middle of its box. */
const mostWobble = 5;
/** By so much must frames agree better turned than unturned for a wobble to be a spin. */
const clearMargin = 0.1;
/** The share of a path's energy that its form must explain. */
const leastExplained = 0.5;

/** null where nothing is seen. */
export function pathOf(frames: readonly WorldFrame[], background: WorldFrame): (Found | null)[] {
  return frames.map((frame) => findSubject(frame, background));
}

/**
 * The motion whose form explains most of the path; below leastPath it is decided between spin and still by whether the frames
 * agree better when turned back by what a spin turns, and up to mostWobble whether it is a spin after all. `other` when the subject is missing in a third of the frames.
 * `scale`: of subjects and paths, against those of a subject that has the whole world.
 */
export function motionOf(frames: readonly WorldFrame[], background: WorldFrame, scale = 1): MotionName | 'other' {
  const seen = pathOf(frames, background);
  if (frames.length < 4 || seen.filter((one) => one === null).length * 3 >= frames.length) return 'other';
  const best = moveOf(seen, scale);
  if (best !== 'none' && sway(seen) >= mostWobble * scale) return best;
  const { turned, unturned } = turning(frames, background, seen);
  if (best !== 'none') return turned > unturned + clearMargin ? 'spin' : best;
  return turned > unturned ? 'spin' : 'still';
}

/** By position and size alone; `none` when it does not move. Frames without the subject are passed over. */
export const moveOf = (path: readonly (Path[number] | null)[], scale = 1): MotionName | 'other' | 'none' =>
  formOf(path, forms, scale);

/** The name of the form that explains most of the path. */
export function formOf<Name extends string>(
  path: readonly (Path[number] | null)[],
  forms: Readonly<Partial<Record<Name, Form>>>,
  scale = 1,
): Name | 'other' | 'none' {
  const T = path.length;
  const times = path.flatMap((pose, t) => (pose ? [t] : []));
  const own = centred(times.map((t) => path[t]!));
  const total = dot(own, own);
  if (Math.sqrt(total / times.length) < leastPath * scale) return 'none';
  let best: Name | 'other' = 'other';
  let most = leastExplained * total;
  for (const [name, form] of Object.entries<Form>(forms as Record<Name, Form>)) {
    const shape = centred(times.map((t) => form(t, T)));
    const along = Math.max(0, dot(own, shape));
    const explained = along ** 2 / dot(shape, shape);
    if (explained > most) [best, most] = [name as Name, explained];
  }
  return best;
}

/** Root mean square deviation from the mean pose, in units. */
function sway(path: readonly (Path[number] | null)[]): number {
  const own = centred(path.filter((pose) => pose !== null));
  return Math.sqrt((3 * dot(own, own)) / own.length);
}

/** The way of the centre of mass, in units. */
export function wayLength(path: readonly (Path[number] | null)[]): number {
  const seen = path.filter((pose) => pose !== null);
  let sum = 0;
  for (let t = 1; t < seen.length; t++) sum += Math.hypot(seen[t]!.x - seen[t - 1]!.x, seen[t]!.y - seen[t - 1]!.y);
  return sum;
}

/** Mean correlation of frames an eighth and a quarter of a clip apart: turned by as much of a round, and as they are. */
function turning(
  frames: readonly WorldFrame[],
  background: WorldFrame,
  path: readonly (Found | null)[],
): { turned: number; unturned: number } {
  const T = frames.length;
  let [turned, unturned, pairs] = [0, 0, 0];
  for (const lag of new Set([Math.max(1, Math.round(T / 8)), Math.max(1, Math.round(T / 4))]))
    for (let t = 0; t + lag < T; t++) {
      const [from, to] = [path[t], path[t + lag]];
      if (!from || !to) continue;
      const pair = { a: frames[t]!, b: frames[t + lag]!, background, from, to };
      turned += alignedCorrelation({ ...pair, angle: (2 * Math.PI * lag) / T });
      unturned += alignedCorrelation({ ...pair, angle: 0 });
      pairs++;
    }
  return pairs === 0 ? { turned: 0, unturned: 0 } : { turned: turned / pairs, unturned: unturned / pairs };
}

function centred(path: Path): number[] {
  const mean = (key: keyof Path[number]) => path.reduce((sum, pose) => sum + pose[key], 0) / path.length;
  const [x, y, size] = [mean('x'), mean('y'), mean('size')];
  return path.flatMap((pose) => [pose.x - x, pose.y - y, pose.size - size]);
}

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, v, i) => sum + v * b[i]!, 0);

/** Units between two paths at the same moments, where both are seen; NaN where they never are. */
export function pathDistance(a: readonly (Path[number] | null)[], b: readonly (Path[number] | null)[]): number {
  const both = a.flatMap((pose, t) => (pose && b[t] ? [Math.hypot(pose.x - b[t].x, pose.y - b[t].y)] : []));
  return both.length === 0 ? Number.NaN : both.reduce((sum, d) => sum + d, 0) / both.length;
}
