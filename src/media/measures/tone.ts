import type { Measure } from './measure.js';

/** How light a clip is: the mean grey of its frames, 0 (black) to 1 (white). Grey is BT.601 luma. */
export function brightness(): Measure<number> {
  return meanOf('brightness');
}

/**
 * How much there is to see: the standard deviation of the grey, 0 (one flat colour) to 0.5 (half black, half white), the
 * mean of all frames.
 */
export function contrast(): Measure<number> {
  return meanOf('contrast');
}

function meanOf(what: 'brightness' | 'contrast'): Measure<number> {
  let [frames, sum] = [0, 0];
  return {
    see(frame) {
      frames++;
      sum += frame[what];
    },
    found: () => sum / frames,
  };
}
