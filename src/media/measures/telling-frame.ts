import type { Measure } from './measure.js';

/**
 * Number of the frame that stands for a clip: the middle one, unless there is next to nothing to see in it (black between
 * two fades); then the nearest that shows half as much as the fullest.
 */
export function tellingFrame(): Measure<number> {
  const contrasts: number[] = [];
  return {
    see: ({ contrast }) => contrasts.push(contrast),
    found() {
      const middle = contrasts.length >> 1;
      const most = contrasts.reduce((a, b) => Math.max(a, b), 0);
      if (contrasts[middle]! >= most / 4) return middle;
      const nearest = contrasts
        .map((value, n) => ({ value, n, away: Math.abs(n - middle) }))
        .filter(({ value }) => value >= most / 2)
        .sort((a, b) => a.away - b.away || a.n - b.n)[0];
      return nearest?.n ?? middle;
    },
  };
}
