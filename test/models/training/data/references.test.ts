import { expect, test } from 'vitest';
import { Random } from '../../../../src/models/numerics/random.js';
import type { RgbImage } from '../../../../src/models/ports.js';
import { withTurnedImages, withWrongContexts } from '../../../../src/models/training/data/references.js';
import type { TrainingSample } from '../../../../src/models/training/data/samples.js';

const side = 8;
/** White, with a dark bar along its upper edge. */
const pictured = (): RgbImage => ({
  width: side,
  height: side,
  data: Uint8Array.from({ length: side * side * 3 }, (_, i) => (i < side * 3 * 2 ? 20 : 255)),
});
const sampleOf = (name: string, verb: string): TrainingSample => ({
  key: name,
  ...{ frames: new Uint8Array(0), count: 8, fps: 8, contextCaptions: [name] },
  prompt: {
    task: 'text-to-video',
    instruction: '',
    parts: [
      { text: name },
      { pixels: pictured(), role: 'reference' },
      { text: `${name} ${verb} on a blue background` },
    ],
  },
});
const fox = sampleOf('a red fox', 'moves left');
const cake = sampleOf('a cake', 'spins');

test('a wrong context is another sample’s document; the words of the prompt stay', () => {
  const { prompt, misnamed } = withWrongContexts(fox, [cake], { share: 1, random: new Random(1) });
  const [caption, image] = cake.prompt.parts;
  expect(prompt.parts).toEqual([caption, image, fox.prompt.parts[2]]);
  expect(prompt.parts[1]).toBe(image);
  expect([...misnamed].sort()).toEqual(['cake', 'fox', 'red']);
});

test('a document that shares a name with the prompt is not a wrong one', () => {
  const arctic = sampleOf('a white fox', 'grows');
  const { prompt, misnamed } = withWrongContexts(fox, [arctic], { share: 1, random: new Random(1) });
  expect(prompt.parts).toEqual(fox.prompt.parts);
  expect(misnamed.size).toBe(0);
});

test('wrong contexts come as often as asked, and nothing is drawn where none are', () => {
  const random = new Random(3);
  const wrong = Array.from({ length: 2000 }, () => withWrongContexts(fox, [cake], { share: 0.3, random }));
  expect(wrong.filter(({ misnamed }) => misnamed.size > 0).length / 2000).toBeCloseTo(0.3, 1);
  const [before, now] = [new Random(4), new Random(4)];
  expect(withWrongContexts(fox, [cake], { random: before }).prompt).toBe(fox.prompt);
  expect(withTurnedImages(fox.prompt, undefined, { random: before }).prompt).toBe(fox.prompt);
  expect(before.uniform()).toBe(now.uniform());
});

test('a turned image stands in the pose that is told: each dark pixel of it is dark in the image it was', () => {
  const { prompt, posed } = withTurnedImages(fox.prompt, undefined, { share: 1, random: new Random(3) });
  const part = prompt.parts[1]!;
  const { of, pose } = posed.get((part as { pixels: RgbImage }).pixels)!;
  expect(of).toBe((fox.prompt.parts[1] as { pixels: RgbImage }).pixels);
  expect(Math.abs(pose.turn)).toBeGreaterThan(0.6);
  const { data } = (part as { pixels: RgbImage }).pixels;
  const dark = Array.from({ length: side * side }, (_, i) => i).filter((i) => data[3 * i]! < 100);
  expect(dark.length).toBeGreaterThan(2);
  for (const i of dark) {
    const [dx, dy] = [((i % side) + 0.5) / side - pose.x, (Math.floor(i / side) + 0.5) / side - pose.y];
    const down = (Math.cos(pose.turn) * dy - Math.sin(pose.turn) * dx) / pose.size + 0.5;
    expect(down).toBeGreaterThan(-0.1);
    expect(down).toBeLessThan(0.35);
  }
});

test('a background is not turned', () => {
  const { pixels } = fox.prompt.parts[1] as { pixels: RgbImage };
  const { prompt, posed } = withTurnedImages(fox.prompt, pixels, { share: 1, random: new Random(3) });
  expect(prompt.parts).toEqual(fox.prompt.parts);
  expect(posed.size).toBe(0);
});
