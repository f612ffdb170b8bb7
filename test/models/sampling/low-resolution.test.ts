import { expect, test } from 'vitest';
import { Random } from '../../../src/models/numerics/random.js';
import {
  corrupt,
  drawnOver,
  enlarge,
  frameDrawnOver,
  lesson,
  lowSize,
  reduce,
  smooth,
} from '../../../src/models/sampling/low-resolution.js';

const low = { everyFrame: 2, everyPixel: 2, corruption: { most: 1, usual: 0.1 } };
const size = { frames: 5, width: 6, height: 4 };
/** [T, H, W, 3] of a function of place and time. */
const video = (of: (t: number, y: number, x: number, c: number) => number, { frames, width, height } = size) =>
  Float32Array.from({ length: frames * height * width * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    const frame = Math.floor(pixel / width);
    return of(Math.floor(frame / height), frame % height, pixel % width, i % 3);
  });

test('is every second frame in areas of two by two', () => {
  expect(lowSize(size, low)).toEqual({ frames: 3, width: 3, height: 2 });
  const small = reduce(
    video((t, y, x, c) => 100 * t + 10 * y + x + 1000 * c),
    size,
    low,
  );
  // The mean of a plane over an area is its value in the middle.
  const expected = video((t, y, x, c) => 200 * t + 10 * (2 * y + 0.5) + 2 * x + 0.5 + 1000 * c, lowSize(size, low));
  expect([...small]).toEqual([...expected]);
});

test('enlarged: pixels repeated, frames between two their mixture, the last one held', () => {
  const even = { ...size, frames: 6 };
  const small = video((t, y, x) => 8 * t + 3 * y + x, lowSize(even, low));
  const large = enlarge(small, even, low);
  const at = [0, 4, 8, 12, 16, 16];
  expect([...large]).toEqual([...video((t, y, x) => at[t]! + 3 * (y >> 1) + (x >> 1), even)]);
});

test('reduced again, what was enlarged is what it was', () => {
  const small = new Random(1).normals(3 * 2 * 3 * 3);
  const again = reduce(enlarge(small, size, low), size, low);
  for (const [i, v] of again.entries()) expect(v).toBeCloseTo(small[i]!, 6);
});

test('noise of the level asked for, the same for the same numbers', () => {
  const noisy = corrupt(new Float32Array(20_000), 0.3, new Random(5));
  const deviation = Math.sqrt(noisy.reduce((sum, v) => sum + v * v, 0) / noisy.length);
  expect(deviation).toBeCloseTo(0.3, 2);
  expect(corrupt(new Float32Array(20_000), 0.3, new Random(5))).toEqual(noisy);
  expect(corrupt(Float32Array.of(1, 2), 0, new Random(5))).toEqual(Float32Array.of(1, 2));
});

test('smoothly enlarged, a slope stays a slope between the middles of the outer pixels', () => {
  const even = { frames: 2, width: 8, height: 8 };
  const slope = video((_, y, x) => 2 * y + x, even);
  const again = smooth(reduce(slope, even, low), even, low);
  for (const [i, v] of again.entries()) {
    const [y, x] = [Math.floor(i / 24), Math.floor(i / 3) % 8].map((n) => Math.max(0.5, Math.min(6.5, n % 8)));
    expect(v).toBeCloseTo(2 * y! + x!, 5);
  }
});

test('details are what the smoothly enlarged small video lacks, in their unit; drawn over it they give the clip', () => {
  const fine = { ...low, details: 0.25 };
  const clip = Float32Array.from(new Random(2).normals(5 * 4 * 6 * 3), (v) => Math.max(-1, Math.min(1, v / 2)));
  const { given, goal } = lesson(clip, size, fine, { level: 0, random: new Random(1) });
  const small = reduce(clip, size, fine);
  expect(given).toEqual(enlarge(small, size, fine));
  const base = smooth(small, size, fine);
  for (const [i, v] of goal.entries()) expect(0.25 * v + base[i]!).toBeCloseTo(clip[i]!, 5);
  const drawn = drawnOver(small, Float64Array.from(goal), size, fine);
  for (const [i, v] of drawn.entries()) expect(v).toBeCloseTo(clip[i]!, 5);
  // No details: the smooth video. Beyond -1 to 1 there is nothing. Without a unit, what is drawn is the video.
  const none = drawnOver(small, new Float64Array(clip.length), size, fine);
  for (const [i, v] of none.entries()) expect(v).toBeCloseTo(Math.max(-1, Math.min(1, base[i]!)), 6);
  expect(Math.max(...drawnOver(small, new Float64Array(clip.length).fill(99), size, fine))).toBe(1);
  expect(lesson(clip, size, low, { level: 0, random: new Random(1) }).goal).toEqual(clip);
  const video = Float64Array.of(1, 2, 3);
  expect(drawnOver(small, video, size, low)).toBe(video);
  // One frame alone is as it is among all.
  const n = size.width * size.height * 3;
  for (let t = 0; t < size.frames; t++) {
    expect(frameDrawnOver(small, Float64Array.from(goal), size, fine, t)).toEqual(drawn.slice(t * n, (t + 1) * n));
    expect(frameDrawnOver(small, video, size, low, t)).toEqual(video.slice(t * n, (t + 1) * n));
  }
});
