import type { Measure } from './measure.js';

/**
 * The share of its frames that are black, 0 to 1. A frame is black if its mean grey is under 0.06 and hardly varies
 * (standard deviation under 0.04). A night scene with a lamp in it is not, and a white frame is not either.
 */
export function black(): Measure<number> {
  let [frames, blacks] = [0, 0];
  return {
    see(frame) {
      frames++;
      if (isBlack(frame)) blacks++;
    },
    found: () => blacks / frames,
  };
}

export function isBlack({ brightness, contrast }: { brightness: number; contrast: number }): boolean {
  return brightness < 0.06 && contrast < 0.04;
}
