import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBackend } from '../../../../src/models/backends/backend.js';
import { buildModel } from '../../../../src/models/networks/model.js';
import type { Preset } from '../../../../src/models/presets/preset.js';
import type { TrainingSample } from '../../../../src/models/training/data/samples.js';
import { drawSampleSheet } from '../../../../src/models/training/report/sample-sheet.js';
import { randomWeights, tiny, tinyUpsampler } from '../../networks/tiny.js';

beforeAll(async () => {
  await openBackend('wasm');
});
afterAll(() => tf.removeBackend('wasm'));

/** One of grey `shade`, with so many images. */
function sample({ frames, side }: Preset, shade: number, images: number, fps = 8): TrainingSample {
  const pixels = { width: 4, height: 4, data: new Uint8Array(48).fill(shade) };
  return {
    ...{ key: `k${shade}`, count: frames, fps, contextCaptions: ['a box'] },
    frames: new Uint8Array(frames * side * side * 3).fill(shade),
    prompt: {
      ...{ task: 'text-to-video', instruction: '' },
      parts: [
        { text: 'a box' },
        ...Array.from({ length: images }, () => ({ pixels, role: 'reference' as const })),
        { text: 'moves left' },
      ],
    },
  };
}

const draw = async (preset: Preset, samples: TrainingSample[], signal = new AbortController().signal) => {
  const out = await mkdtemp(join(tmpdir(), 'vimi-'));
  const model = buildModel(preset);
  const weights = randomWeights(model.specs);
  const before = tf.memory().numTensors;
  try {
    await drawSampleSheet(out, { model, weights, sha256: '' }, samples, { step: 3, signal });
    const { data, info } = await sharp(join(out, 'samples.png')).raw().toBuffer({ resolveWithObject: true });
    /** The middle of a place. */
    const at = (row: number, column: number) => {
      const pixel = ((16 + row * 100 + 48) * info.width + 224 + column * 100 + 48) * 3;
      return [...data.subarray(pixel, pixel + 3)];
    };
    return { ...info, at, bytes: await readFile(join(out, 'samples.png')) };
  } finally {
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([...weights.values()]);
  }
};

test('shows the images and the clip of each sample, and what is drawn from them below the clip', async () => {
  const sheet = await draw(tiny, [sample(tiny, 60, 1), sample(tiny, 120, 2)]);
  const [white, drawn] = [
    [255, 255, 255],
    [sheet.at(1, 2), sheet.at(3, 3)],
  ];
  expect([sheet.width, sheet.height]).toEqual([224 + 4 * 100 - 4 + 16, 32 + 4 * 100 - 4]);
  expect([0, 1, 2, 3].map((column) => sheet.at(0, column))).toEqual([[60, 60, 60], white, [60, 60, 60], [60, 60, 60]]);
  expect(sheet.at(2, 1)).toEqual([120, 120, 120]);
  expect([sheet.at(1, 0), sheet.at(3, 1)]).toEqual([white, white]);
  for (const pixel of drawn) expect(pixel).not.toEqual(white);
});

test('is the same each time, whatever was drawn before', async () => {
  const samples = [sample(tiny, 60, 1)];
  const first = await draw(tiny, samples);
  await draw(tiny, [sample(tiny, 90, 2)]);
  expect((await draw(tiny, samples)).bytes.equals(first.bytes)).toBe(true);
});

test('takes four at most, from all over the list, and clips rather than stills', async () => {
  const still = sample(tiny, 1, 0, Number.POSITIVE_INFINITY);
  const clips = Array.from({ length: 8 }, (_, i) => sample(tiny, 20 + 20 * i, 0));
  const sheet = await draw(tiny, [still, ...clips, still]);
  expect([0, 2, 4, 6].map((row) => sheet.at(row, 0)[0])).toEqual([20, 60, 100, 140]);
  expect(sheet.height).toBe(32 + 8 * 100 - 4);
  expect((await draw(tiny, [still])).at(0, 0)).toEqual([1, 1, 1]);
});

test('an upsampler draws from the true clip made small', async () => {
  const sheet = await draw(tinyUpsampler, [sample(tinyUpsampler, 200, 1)]);
  expect([sheet.width, sheet.height]).toEqual([224 + 5 * 100 - 4 + 16, 32 + 2 * 100 - 4]);
  expect(sheet.at(0, 1)).toEqual([200, 200, 200]);
  expect(sheet.at(1, 4)).not.toEqual([255, 255, 255]);
});

test('can be stopped between two steps', async () => {
  await expect(draw(tiny, [sample(tiny, 60, 1)], AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
});
