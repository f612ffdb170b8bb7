import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBackend } from '../../../src/models/backends/backend.js';
import type { RgbImage } from '../../../src/models/ports.js';
import { layFirstFrame } from '../../../src/models/sampling/first-frame.js';
import { generate } from '../../../src/models/sampling/generate.js';
import { type LoadedModel, loadModel } from '../../../src/models/weights/load-model.js';

const pixelAt = ({ width, data }: RgbImage, x: number, y: number) => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];
/** Every pixel says where it is. */
const image = (width: number, height: number): RgbImage => ({
  ...{ width, height },
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return [x, y, 99][i % 3]!;
  }),
});
const square = (side: number) => ({ width: side, height: side });

describe('[use U19] a first frame covers the video: the middle of it, not stretched, nothing added', () => {
  test.each([
    ['wide', 6, 4, [1, 0], [4, 3]],
    ['high', 4, 8, [0, 2], [3, 5]],
    ['square', 4, 4, [0, 0], [3, 3]],
  ])('%s', (_, width, height, first, last) => {
    const laid = layFirstFrame(image(width, height), square(4), square(4));
    expect(pixelAt(laid, 0, 0)).toEqual([...first, 99]);
    expect(pixelAt(laid, 3, 3)).toEqual([...last, 99]);
  });

  test('larger images are averaged, smaller ones enlarged', () => {
    const laid = layFirstFrame(image(12, 8), square(4), square(4));
    // Columns 2 to 9 in pairs.
    expect(pixelAt(laid, 0, 0)).toEqual([3, 1, 99]);
    expect(pixelAt(laid, 3, 3)).toEqual([9, 7, 99]);
    const small = layFirstFrame(image(3, 2), square(4), square(4));
    expect([0, 1, 2, 3].map((y) => pixelAt(small, 0, y)[1])).toEqual([0, 0, 1, 1]);
  });

  test('a video that is a part of what the model makes shows all that its own form can show', () => {
    const laid = layFirstFrame(image(8, 4), square(8), { width: 8, height: 4 });
    for (let y = 0; y < 4; y++) for (let x = 0; x < 8; x++) expect(pixelAt(laid, x, y + 2)).toEqual([x, y, 99]);
    // What is cut off is the image's edge, going on.
    expect(pixelAt(laid, 3, 0)).toEqual([3, 0, 99]);
    expect(pixelAt(laid, 3, 7)).toEqual([3, 3, 99]);
  });
});

describe('[use U19] frame 1 of the video is the image', () => {
  let nano: LoadedModel;
  let upsampler: LoadedModel;
  beforeAll(async () => {
    await openBackend('wasm');
    [nano, upsampler] = [await loadModel('nano'), await loadModel('nano-upsampler')];
  });
  afterAll(() => tf.removeBackend('wasm'));

  /** As a photograph: no plain background, no sprite, three to two. */
  const photo: RgbImage = {
    ...{ width: 96, height: 64 },
    data: Uint8Array.from({ length: 96 * 64 * 3 }, (_, i) => {
      const [x, y, c] = [Math.floor(i / 3) % 96, Math.floor(i / 288), i % 3];
      return Math.round(127.5 + 127.5 * Math.sin(x / (4 + c) + Math.cos(y / 7) + c));
    }),
  };
  const prompt = {
    task: 'prediction' as const,
    instruction: 'Generate a video with the text and first frame.',
    parts: [{ text: 'the cup moves right' }, { pixels: photo, role: 'first-frame' as const }],
  };
  const input = { prompt, fps: 16, steps: 1, guidance: { text: 3, image: 3.5 }, seed: 3 };
  const signal = new AbortController().signal;
  const frameOf = ({ width, height, data }: RgbImage, t: number) => [
    ...data.subarray(t * width * height * 3, (t + 1) * width * height * 3),
  ];

  test('of nano and its upsampler, to the byte; the frames after it are others', async () => {
    const video = await generate(nano, { ...input, frames: 3, ...square(64) }, { upsampler, signal });
    const expected = layFirstFrame(photo, square(64), square(64));
    expect(frameOf(video, 0)).toEqual([...expected.data]);
    // The middle of the photograph, pixel for pixel.
    expect(pixelAt(video, 0, 0)).toEqual(pixelAt(photo, 16, 0));
    expect(pixelAt(video, 63, 63)).toEqual(pixelAt(photo, 79, 63));
    expect(frameOf(video, 2)).not.toEqual(frameOf(video, 0));
  });

  test('of nano alone, and of a video as wide as the photograph', async () => {
    const video = await generate(nano, { ...input, frames: 2, width: 24, height: 16 }, { signal });
    expect(frameOf(video, 0)).toEqual([
      ...layFirstFrame(photo, { width: 24, height: 16 }, { width: 24, height: 16 }).data,
    ]);
    expect(frameOf(video, 1)).not.toEqual(frameOf(video, 0));
  });
});
