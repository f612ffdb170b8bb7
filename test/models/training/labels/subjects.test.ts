import { expect, test } from 'vitest';
import { Random } from '../../../../src/models/numerics/random.js';
import type { ModelPrompt, RgbImage } from '../../../../src/models/ports.js';
import type { Pose } from '../../../../src/models/training/labels/match.js';
import { momentsOf } from '../../../../src/models/training/labels/moments.js';
import { coverage, knownPlaces, since } from '../../../../src/models/training/labels/places.js';
import { findSubjects, somebody } from '../../../../src/models/training/labels/subjects.js';

type Rgb = [number, number, number];
const side = 16;
const [red, blue, green, white]: Rgb[] = [
  [230, 20, 20],
  [20, 20, 230],
  [20, 160, 20],
  [255, 255, 255],
];

/** A square of one colour with boxes on it: x, y, width, colour. */
function image(background: Rgb | RgbImage, ...boxes: [number, number, number, Rgb][]): RgbImage {
  const data = Array.isArray(background)
    ? Uint8Array.from({ length: side * side * 3 }, (_, i) => background[i % 3]!)
    : background.data.slice();
  for (const [left, top, size, colour] of boxes)
    for (let y = top; y < top + size; y++)
      for (let x = left; x < left + size; x++) data.set(colour, (y * side + x) * 3);
  return { width: side, height: side, data };
}

const clip = (...frames: RgbImage[]) => Uint8Array.from(frames.flatMap(({ data }) => [...data]));
const one = image(white!, [4, 4, 8, red!]);
const two = image(white!, [2, 2, 12, blue!]);
const labelsAt = (labels: Uint8Array, t: number, x: number, y: number) => labels[(t * side + y) * side + x];

test('what differs from a plain background is the only image’s', () => {
  const frames = clip(image(green!, [2, 6, 4, red!]), image(green!, [9, 6, 4, red!]));
  const { labels, background } = findSubjects(frames, { count: 2, side }, [one])!;
  expect(background).toBe(-1);
  expect(labelsAt(labels, 0, 3, 7)).toBe(1);
  expect(labelsAt(labels, 1, 3, 7)).toBe(0);
  expect(labelsAt(labels, 1, 10, 8)).toBe(1);
  expect(labels.filter((label) => label > 0)).toHaveLength(32);
});

test('two subjects are told apart by what their images explain, whichever comes first', () => {
  const frames = clip(image(green!, [1, 6, 4, blue!], [11, 6, 4, red!]));
  for (const [images, blueIs] of [
    [[one, two], 2],
    [[two, one], 1],
  ] as const) {
    const { labels } = findSubjects(frames, { count: 1, side }, images)!;
    expect(labelsAt(labels, 0, 2, 7)).toBe(blueIs);
    expect(labelsAt(labels, 0, 12, 7)).toBe(3 - blueIs);
  }
});

test('two that touch, or look alike, stay unnamed', () => {
  const touching = clip(image(green!, [4, 6, 4, blue!], [8, 6, 4, red!]));
  expect(new Set(findSubjects(touching, { count: 1, side }, [one, two])!.labels)).toEqual(new Set([0, somebody]));
  const alike = clip(image(green!, [1, 6, 4, red!], [11, 6, 4, red!]));
  expect(new Set(findSubjects(alike, { count: 1, side }, [one, one])!.labels)).toEqual(new Set([0, somebody]));
});

test('an image may be the background; noise is none', () => {
  const noise = (seed: number) =>
    Uint8Array.from(new Random(seed).normals(side * side * 3), (v) => Math.max(0, Math.min(255, 128 + 60 * v)));
  const bay: RgbImage = { width: side, height: side, data: noise(1) };
  const frames = clip(image(bay, [5, 5, 6, red!]), image(bay, [6, 5, 6, red!]));
  const { labels, background } = findSubjects(frames, { count: 2, side }, [one, bay])!;
  expect(background).toBe(1);
  expect(labelsAt(labels, 0, 7, 7)).toBe(1);
  expect(labelsAt(labels, 0, 1, 1)).toBe(0);
  expect(findSubjects(noise(2), { count: 1, side }, [one, bay])).toBeNull();
});

test('a share of each cell is covered', () => {
  const labels = new Uint8Array(2 * 64);
  labels[64 + 9] = 3;
  labels[64 + 63] = 1;
  expect([...coverage(labels, 2, 8, 4)]).toEqual([0, 0, 0, 0, 1 / 16, 0, 0, 1 / 16]);
  expect([...coverage(labels, 2, 8, 4, (label) => label === 1)]).toEqual([0, 0, 0, 0, 0, 0, 0, 1 / 16]);
});

test('moments are the middle and the spread; too few pixels have none', () => {
  const box = (i: number) => i % side >= 4 && i % side < 12 && i >= 4 * side && i < 12 * side;
  expect(momentsOf(side, box)).toMatchObject({ x: 0.5, y: 0.5 });
  expect(momentsOf(side, (i) => i < 7)).toBeNull();
});

test('an image lies where its subject is and as large; a background everywhere; a first frame moves along', () => {
  const bay = image(green!);
  const frames = clip(image(green!, [2, 6, 4, red!]), image(green!, [9, 6, 4, red!]));
  const { labels, poses } = findSubjects(frames, { count: 2, side }, [one])!;
  poses.push(Array(2).fill({ x: 0.5, y: 0.5, size: 1, turn: 0 }));
  const pixels = (image: RgbImage) => Float32Array.from(image.data, (v) => v / 127.5 - 1);
  const part = (image: RgbImage, role: 'reference' | 'first-frame') => ({ pixels: image, role });
  const prompt = (...parts: ModelPrompt['parts']): ModelPrompt => ({
    task: 'text-to-video',
    instruction: '',
    parts,
  });
  const first = image(green!, [2, 6, 4, red!]);
  const [ofOne, ofBay, ofFirst, ofStranger] = knownPlaces(
    [one, bay, first, two].map((image) => ({ image: pixels(image), role: 'reference' as const })),
    {
      sample: prompt(part(one, 'reference'), part(bay, 'reference')),
      prompt: prompt(
        part(one, 'reference'),
        part(bay, 'reference'),
        part(first, 'first-frame'),
        part(two, 'reference'),
      ),
      ...{ background: 1, T: 2, side, patch: 2, now: { labels, poses } },
      begin: { labels: labels.slice(0, side * side), poses: poses.map((list) => list.slice(0, 1)) },
    },
  );
  const near = (found: Float32Array, wanted: number[]) => {
    for (const [i, v] of wanted.entries()) expect(found[i]).toBeCloseTo(v, 1);
  };
  // Half as large, its middle at (4, 8) and (11, 8) of 16; upright: cosine 1, sine 0.
  near(ofOne!.pose, [0.25, 0.5, Math.log(0.5), 1, 0, 11 / 16, 0.5, Math.log(0.5), 1, 0]);
  expect(ofOne!.heat[3 * 8 + 1]).toBeCloseTo(1 / 4, 5);
  near(ofBay!.pose, [0.5, 0.5, 0, 1, 0, 0.5, 0.5, 0, 1, 0]);
  near(ofFirst!.pose, [0.5, 0.5, 0, 1, 0, 0.5 + 7 / 16, 0.5, 0, 1, 0]);
  expect(ofStranger).toBeNull();
});

test('a first frame is moved, scaled and turned by what happened since', () => {
  const map = ({ x, y, size, turn }: Pose, [u, v]: [number, number]) => {
    const [cos, sin] = [Math.cos(turn) * size, Math.sin(turn) * size];
    return [x + (u - 0.5) * cos - (v - 0.5) * sin, y + (u - 0.5) * sin + (v - 0.5) * cos] as [number, number];
  };
  const from = { x: 0.3, y: 0.6, size: 0.5, turn: 0.4 };
  const to = { x: 0.7, y: 0.2, size: 0.8, turn: 1.9 };
  // A point of the image, first laid into the first frame and with that into the later one, is where it should be.
  const [x, y] = map(since(from, to), map(from, [0.9, 0.2]));
  const [wantedX, wantedY] = map(to, [0.9, 0.2]);
  expect(x).toBeCloseTo(wantedX!, 12);
  expect(y).toBeCloseTo(wantedY!, 12);
});
