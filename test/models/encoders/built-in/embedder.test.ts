import fc from 'fast-check';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { createEmbedder } from '../../../../src/models/encoders/built-in/embedder.js';
import { hammingDistance, perceptualHash } from '../../../../src/models/encoders/built-in/perceptual-hash.js';
import type { RgbImage } from '../../../../src/models/ports.js';

const embedder = createEmbedder();
const dot = (a: number[], b: number[]) => a.reduce((sum, v, i) => sum + v * b[i]!, 0);

/** A disc of one colour on another. */
function disc(
  width: number,
  height: number,
  colour: number[],
  background: number[],
  at = [0.5, 0.5],
  radius = 0.3,
): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const inside = Math.hypot((x + 0.5) / width - at[0]!, (y + 0.5) / height - at[1]!) < radius;
      data.set(inside ? colour : background, (y * width + x) * 3);
    }
  return { width, height, data };
}

test('any text is a unit vector, and the same one each time', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
      const vector = embedder.text(text);
      expect(vector).toHaveLength(256);
      expect(Math.abs(dot(vector, vector) - 1)).toBeLessThan(1e-9);
      expect(embedder.text(text)).toEqual(vector);
    }),
  );
});

test('case and accents are folded', () => {
  expect(embedder.text('Café CRÈME')).toEqual(embedder.text('cafe creme'));
});

test('texts that share their rare words are nearer than texts that share their frame', () => {
  const query = embedder.text('a fox moves left on a blue background');
  expect(dot(query, embedder.text('fox'))).toBeGreaterThan(dot(query, embedder.text('hedgehog')) + 0.15);
  expect(dot(query, embedder.text('foxes moving left, blue'))).toBeGreaterThan(
    dot(query, embedder.text('a hot air balloon on the background')),
  );
});

test('an image is a unit vector that its size hardly changes and its look does', () => {
  const red = embedder.image(disc(64, 64, [220, 30, 30], [255, 255, 255]));
  const small = embedder.image(disc(24, 30, [220, 30, 30], [255, 255, 255]));
  const blue = embedder.image(disc(64, 64, [30, 30, 220], [255, 255, 255]));
  expect(red).toHaveLength(128);
  expect(dot(red, red)).toBeCloseTo(1, 9);
  expect(dot(red, small)).toBeGreaterThan(0.97);
  expect(dot(red, blue)).toBeLessThan(dot(red, small) - 0.15);
});

test('a flat image has a vector too', () => {
  const flat = embedder.image({ width: 3, height: 2, data: new Uint8Array(18).fill(7) });
  expect(dot(flat, flat)).toBeCloseTo(1, 9);
});

test('data that do not fit the size are SHAPE_MISMATCH', () => {
  expect(() => embedder.image({ width: 4, height: 4, data: new Uint8Array(47) })).toThrow(
    expect.objectContaining({ code: 'SHAPE_MISMATCH' }),
  );
});

test('the perceptual hash survives recompression and scaling, and tells images apart', async () => {
  const image = disc(96, 96, [200, 120, 30], [90, 160, 220], [0.4, 0.6], 0.25);
  const { data, info } = await sharp(
    await sharp(image.data, { raw: { width: 96, height: 96, channels: 3 } })
      .resize(61, 61)
      .jpeg({ quality: 60 })
      .toBuffer(),
  )
    .raw()
    .toBuffer({ resolveWithObject: true });
  const again = perceptualHash({ width: info.width, height: info.height, data });
  const hash = perceptualHash(image);
  expect(hash).toMatch(/^[0-9a-f]{16}$/);
  expect(hammingDistance(hash, again)).toBeLessThanOrEqual(6);
  const other = perceptualHash(disc(96, 96, [200, 120, 30], [90, 160, 220], [0.7, 0.2], 0.15));
  expect(hammingDistance(hash, other)).toBeGreaterThan(16);
});

test('hamming distance counts bits', () => {
  expect(hammingDistance('0000000000000000', 'ffffffffffffffff')).toBe(64);
  expect(hammingDistance('0000000000000001', '8000000000000000')).toBe(2);
});
