import type { Measure } from './measure.js';

/**
 * How much a clip changes in a second, whatever its rate: the sum of the mean differences in grey of neighbouring frames,
 * where 1 is black to white.
 */
export function motion(fps: number): Measure<number> {
  let frames = 0;
  let sum = 0;
  return {
    see({ change }) {
      // The first one's change is that from another clip.
      if (frames++ > 0) sum += change.grey;
    },
    found: () => (frames > 1 ? (sum / (frames - 1)) * fps : 0),
  };
}
