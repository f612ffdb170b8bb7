// @ts-nocheck: a plain script
import { seeded } from '../chaos/random.mjs';

const subjects = ['a fox', 'a boat', 'a house', 'a star', 'a tree'];
const ways = ['moves left', 'moves right', 'moves up', 'grows', 'turns'];
/** Of ten requests. */
const priorities = [...Array(2).fill('interactive'), ...Array(5).fill('standard'), ...Array(3).fill('batch')];
const shapes = [
  { frames: 4, steps: 1 },
  { frames: 8, steps: 2 },
  { frames: 8, steps: 4 },
  { frames: 6, steps: 2, width: 24, height: 16 },
];

/** One in so many comes later. */
const later = 3;

/**
 * What is asked for, in the order in which it is sent: mixed prompts, shapes and priorities, in turns by HTTP and by the log. One in
 * `cancels` is cancelled again: every other one at once, the rest when they run, or when nothing else is left to cancel. The last third
 * `keepsComing` one after another, all interactive: whoever would starve behind them does.
 */
export function planOf(jobs, seed, { cancels = 20 } = {}) {
  const random = seeded(seed);
  const one = (list) => list[Math.floor(random() * list.length)];
  return Array.from({ length: jobs }, (_, n) => ({
    id: `load-${seed}-${n}`,
    by: n % 2 === 0 ? 'http' : 'log',
    cancel: n % cancels === cancels - 1 ? (((n + 1) / cancels) % 2 === 0 ? 'at once' : 'while it runs') : null,
    request: { prompt: `${one(subjects)} ${one(ways)}`, priority: one(priorities), seed: n, ...one(shapes) },
  })).map((asked, n) =>
    n < jobs - jobs / later
      ? { ...asked, keepsComing: false }
      : { ...asked, keepsComing: true, request: { ...asked.request, priority: 'interactive' } },
  );
}
