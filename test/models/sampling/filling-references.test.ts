import { expect, test } from 'vitest';
import type { RgbImage } from '../../../src/models/ports.js';
import { withFillingReferences } from '../../../src/models/sampling/filling-references.js';

type Role = 'reference' | 'subject' | 'background' | 'first-frame';

/** A red rectangle on a plain colour. */
function image(
  width: number,
  height: number,
  box: [x: number, y: number, w: number, h: number],
  plain = 255,
): RgbImage {
  const data = new Uint8Array(width * height * 3).fill(plain);
  for (let y = box[1]; y < box[1] + box[3]; y++)
    for (let x = box[0]; x < box[0] + box[2]; x++) data.set([200, 20, 20], (y * width + x) * 3);
  return { width, height, data };
}

function read(pixels: RgbImage, role: Role = 'reference', wanted = true): RgbImage {
  const prompt = { task: 'text-to-video' as const, instruction: '', parts: [{ pixels, role }] };
  const [part] = withFillingReferences(prompt, wanted).parts;
  return (part as { pixels: RgbImage }).pixels;
}

const isRed = ({ width, data }: RgbImage, x: number, y: number) => data[(y * width + x) * 3 + 1]! < 100;

test.each([
  ['aside, on white', image(128, 128, [8, 64, 40, 32])],
  ['aside, on grey', image(128, 128, [80, 10, 40, 32], 128)],
  ['at the edge', image(128, 128, [0, 0, 40, 32])],
  ['in a wide image', image(256, 128, [20, 64, 80, 64])],
])('a subject %s fills its image afterwards, in the middle', (_, given) => {
  const seen = read(given);
  expect(seen.width).toBe(seen.height);
  const red = Array.from({ length: seen.width * seen.height }, (_, i) => [
    i % seen.width,
    Math.floor(i / seen.width),
  ]).filter(([x, y]) => isRed(seen, x!, y!));
  const [xs, ys] = [red.map(([x]) => x!), red.map(([, y]) => y!)];
  const [across, down] = [xs, ys].map((v) => ({ from: Math.min(...v), to: Math.max(...v) + 1 }));
  expect((across!.to - across!.from) / seen.width).toBeGreaterThan(0.9);
  for (const { from, to } of [across!, down!])
    expect(Math.abs(from + to - seen.width)).toBeLessThanOrEqual(0.08 * seen.width);
});

test('what fills its image, is nothing but a speck, has no plain border or is no subject stays as it is', () => {
  const filled = image(64, 64, [4, 10, 56, 40]);
  expect(read(filled)).toBe(filled);
  const speck = image(64, 64, [30, 30, 3, 3]);
  expect(read(speck)).toBe(speck);
  const photo = { width: 32, height: 32, data: Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * 37) % 256) };
  expect(read(photo)).toBe(photo);
  const aside = image(64, 64, [4, 4, 20, 20]);
  for (const role of ['background', 'first-frame'] as const) expect(read(aside, role)).toBe(aside);
  expect(read(aside, 'reference', false)).toBe(aside);
  expect(read(aside, 'subject')).not.toBe(aside);
});
