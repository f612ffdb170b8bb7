import { describe, expect, test } from 'vitest';
import { type Way, wayOfDifference, waysOf } from '../../../src/models/sampling/between-frames.js';
import { enlarge, smooth } from '../../../src/models/sampling/low-resolution.js';

type Rgb = [number, number, number];
type Place = [x: number, y: number];

/** Frames of 32 x 32 as in nano's videos; every second frame of what is made is one of them. */
const side = 32;
const low = { everyFrame: 2, everyPixel: 1, corruption: { most: 0, usual: 0 } };
const red: Rgb = [0.9, -0.8, -0.8];
const green: Rgb = [-0.8, 0.7, -0.5];
const plain = (): Rgb => [-0.5, -0.4, 0.6];
/** A background that tells its places apart. */
const striped = (x: number, y: number): Rgb => [Math.sin(x), Math.cos(2 * y), (x - y) / side];

/** A box of 8 x 8 with a dark quarter, so that its way round can be seen. */
const box = (at: Place, colour: Rgb) => (x: number, y: number) => {
  const [u, v] = [x - at[0], y - at[1]];
  if (Math.abs(u) >= 4 || Math.abs(v) >= 4) return null;
  return u < 0 && v < 0 ? ([-0.9, -0.9, -0.9] as Rgb) : colour;
};
type Thing = ReturnType<typeof box>;

const frameOf = (things: Thing[], background: (x: number, y: number) => Rgb) =>
  Float32Array.from({ length: side * side * 3 }, (_, i) => {
    const [x, y] = [(Math.floor(i / 3) % side) + 0.5, Math.floor(i / 3 / side) + 0.5];
    return (things.map((thing) => thing(x, y)).findLast(Boolean) ?? background(x, y))[i % 3]!;
  });
const videoOf = (frames: Float32Array[]) => Float32Array.from(frames.flatMap((frame) => [...frame]));
/** The image is the box and as large as it. */
const wayOf = (places: Place[], turns = places.map(() => 0)): Way => ({
  poses: Float32Array.from(
    places.flatMap(([x, y], t) => [
      ...[x / side, y / side, Math.log(8 / side)],
      ...[Math.cos(turns[t]!), Math.sin(turns[t]!)],
    ]),
  ),
  matte: new Float32Array(64).fill(1),
  side: 8,
});
const made = (frames: Float32Array[], ways: Way[], how: typeof enlarge = enlarge) => {
  const size = { frames: 2 * frames.length, width: side, height: side };
  const video = how(videoOf(frames), size, low, ways);
  return Array.from({ length: size.frames }, (_, t) => video.subarray(t * side * side * 3, (t + 1) * side * side * 3));
};
/** Pixels of which a channel is further off than coding would. */
const wrongPixels = (a: Float32Array, b: Float32Array) =>
  Array.from({ length: side * side }, (_, i) => i).filter((i) =>
    [0, 1, 2].some((c) => Math.abs(a[3 * i + c]! - b[3 * i + c]!) > 0.05),
  ).length;

describe('[kind 13] frames between two show a subject once, where it is half-way', () => {
  const places: Place[] = [
    [8, 10],
    [16, 14],
  ];
  const half: Place = [12, 12];

  test.each([
    ['repeated', enlarge],
    ['smooth', smooth],
  ])('before a plain background, %s: as it is there; without its way, twice', (_, how) => {
    const frames = places.map((at) => frameOf([box(at, red)], plain));
    const expected = frameOf([box(half, red)], plain);
    const [first, between, second, last] = made(frames, [wayOf(places)], how);
    expect(wrongPixels(between!, expected)).toBe(0);
    expect(wrongPixels(first!, frames[0]!)).toBe(0);
    expect(wrongPixels(second!, frames[1]!)).toBe(0);
    // After the last it stays.
    expect(wrongPixels(last!, frames[1]!)).toBe(0);
    expect(wrongPixels(made(frames, [], how)[1]!, expected)).toBeGreaterThan(64);
  });

  test('where no image says what moves, what differs from a plain background does; before another background nothing', () => {
    const size = { frames: 2, width: side, height: side };
    const frames = [frameOf([box([8, 10], red)], plain), frameOf([box([16, 14], red)], plain)];
    const ways = wayOfDifference(videoOf(frames), size);
    expect(wrongPixels(made(frames, ways)[1]!, frameOf([box([12, 12], red)], plain))).toBe(0);
    expect(wayOfDifference(videoOf(places.map((at) => frameOf([box(at, red)], striped))), size)).toEqual([]);
    expect(wayOfDifference(videoOf([frameOf([], plain), frames[1]!]), size)).toEqual([]);
  });

  test('before an image: what it has left, and what it will hide, is there; the background does not move', () => {
    const frames = places.map((at) => frameOf([box(at, red)], striped));
    const between = made(frames, [wayOf(places)])[1]!;
    const expected = frameOf([box(half, red)], striped);
    // The line around the subject has come along with it.
    expect(wrongPixels(between, expected)).toBeLessThanOrEqual(4 * 8 + 4);
    const middle = (12 * side + 12) * 3;
    expect([...between.subarray(middle, middle + 3)].map((v) => v.toFixed(3))).toEqual(red.map((v) => v.toFixed(3)));
    const left = (7 * side + 5) * 3;
    for (let c = 0; c < 3; c++) expect(between[left + c]).toBeCloseTo(expected[left + c]!, 4);
  });

  test('turned half-way, and of two each on its own way', () => {
    const quarter = frameOf([box([16, 16], red)], plain);
    const turned = frameOf([(x, y) => box([16, 16], red)(32 - y, x)], plain);
    const still: Place[] = [
      [16, 16],
      [16, 16],
    ];
    const [, between] = made([quarter, turned], [wayOf(still, [0, -Math.PI / 2])]);
    // Half-way round the dark quarter points left.
    const at = (x: number, y: number) => between![(y * side + x) * 3]!;
    expect(at(13, 16)).toBeLessThan(-0.8);
    for (const [x, y] of [
      [19, 16],
      [16, 13],
      [16, 19],
    ] as const)
      expect(at(x, y)).toBeGreaterThan(0.8);

    const other: Place[] = [
      [24, 26],
      [20, 26],
    ];
    const both = places.map((one, t) => frameOf([box(one, red), box(other[t]!, green)], plain));
    const expected = frameOf([box(half, red), box([22, 26], green)], plain);
    expect(wrongPixels(made(both, [wayOf(places), wayOf(other)])[1]!, expected)).toBe(0);
  });
});

test('[kind 13] only what has a known way and is not the background moves', () => {
  const white = new Float32Array(16 * 16 * 3).fill(1);
  const dot = white.map((v, i) => (Math.abs((i / 3 / 16) % 16) > 4 && Math.floor(i / 3) % 16 > 8 ? -1 : v));
  const whole = Float32Array.from(white, (_, i) => Math.sin(i));
  const items = [
    { image: dot, role: 'reference' as const },
    { word: 'moves' },
    { image: whole, role: 'background' as const },
    { image: dot, role: 'subject' as const },
    { image: dot, role: 'subject' as const },
  ];
  const pose = (size: number) => Float32Array.of(0.5, 0.5, Math.log(size), 1, 0);
  const ways = waysOf(items, [pose(0.5), pose(1), null, pose(1.5)]);
  expect(ways.map(({ poses }) => poses[2])).toEqual([0.5, 1.5].map((size) => Math.fround(Math.log(size))));
});
