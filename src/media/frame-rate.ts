import { slotsOf } from './pace.js';

/** Rates that cameras, films and screens have. */
const usual = [5, 6, 8, 10, 12, 12.5, 15, 16, 18, 20, 24000 / 1001, 24, 25, 30000 / 1001, 30, 48, 50, 60000 / 1001, 60];

/**
 * Frames a second of a video, by the moments of its frames (seconds, in order of display) and not by their mean: pauses
 * and missing frames are no slower rhythm. The lowest rate at which none of the frames is lost, at most `most`.
 * `stated`: what the container says, which is taken where it agrees.
 */
export function frameRate(times: readonly number[], stated: readonly number[], most: number): number | undefined {
  const intervals = times
    .slice(1)
    .map((time, n) => time - times[n]!)
    .filter((interval) => interval > 0)
    .sort((a, b) => a - b);
  if (intervals.length === 0) return undefined;
  const rates = [0.5, 0.1, 0]
    .map((share) => named(1 / typical(intervals, share), stated))
    .filter((rate) => rate <= most);
  return rates.find((rate) => losesNone(times, rate)) ?? rates.at(-1) ?? most;
}

/** Mean of the intervals that are about as long as the one at a share of them: evens out times of whole milliseconds. */
function typical(sorted: readonly number[], share: number): number {
  const middle = sorted[Math.floor((sorted.length - 1) * share)]!;
  const near = sorted.filter((interval) => interval > 0.8 * middle && interval < 1.2 * middle);
  return near.reduce((sum, interval) => sum + interval, 0) / near.length;
}

function named(rate: number, stated: readonly number[]): number {
  const near = (within: number) => (other: number) => Math.abs(other / rate - 1) < within;
  const closest = usual.filter(near(0.01)).sort((a, b) => Math.abs(a - rate) - Math.abs(b - rate))[0];
  return stated.find(near(0.005)) ?? closest ?? rate;
}

function losesNone(times: readonly number[], rate: number): boolean {
  const slotOf = slotsOf(rate, true);
  let last = -1;
  return times.every((time) => {
    const slot = slotOf(time - times[0]!);
    const isNew = slot > last;
    last = slot;
    return isNew;
  });
}
