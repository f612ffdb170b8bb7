import type { Measure } from './measure.js';

/** Change in a second under which nothing moves: a third of what a clip needs by default, and above what compression adds. */
const nothing = 0.005;
/** Seconds. Animations show each drawing for two or three frames; an image that stands still stands longer. */
const shortest = 0.5;

/**
 * The share of a clip's time in which the image stands still for half a second or more, 0 (always moving) to 1 (one
 * image).
 */
export function frozen(fps: number): Measure<number> {
  let [frames, still, run] = [0, 0, 0];
  const endOfRun = () => {
    if (run >= shortest * fps) still += run;
    run = 0;
  };
  return {
    see({ change }) {
      // The first one's change is that from another clip.
      if (frames++ === 0) return;
      if (change.grey * fps < nothing) run++;
      else endOfRun();
    },
    found() {
      endOfRun();
      return frames > 1 ? still / (frames - 1) : 0;
    },
  };
}
