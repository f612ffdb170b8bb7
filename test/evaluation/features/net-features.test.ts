import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { evalFeatures, type FeatureOptions } from '../../../src/cli/commands/eval-features.js';
import { netFeatures } from '../../../src/evaluation/features/net-features.js';
import { netInput, netNumbers } from '../../../src/evaluation/features/net-input.js';
import { textFeatures } from '../../../src/evaluation/features/text-features.js';
import { clip } from '../../models/training/shards.js';

const fixture = (...names: string[]) => join(import.meta.dirname, '../../models/encoders/onnx/fixtures', ...names);
const { signal } = new AbortController();
let place: string;
const file = (...names: string[]) => join(place, ...names);
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'vimi-features-'));
  const image = (background: string) =>
    sharp({ create: { width: 30, height: 20, channels: 3, background } })
      .png()
      .toBuffer();
  for (const folder of ['images', 'generated', 'real']) await mkdir(file(folder));
  for (const [name, colour, caption] of [
    ['a', '#ff0000', 'a dog'],
    ['b', '#0000ff', 'a car'],
  ] as const) {
    await writeFile(file('images', `${name}.png`), await image(colour));
    await writeFile(file('images', `${name}.txt`), `${caption}\n`);
  }
  for (const [folder, frames] of [
    ['generated', [4, 5, 6]],
    ['real', [7, 8, 9, 10]],
  ] as const)
    for (const n of frames) await writeFile(file(folder, `${n}.mp4`), clip(n, 16 * n));
});
afterAll(() => rm(place, { recursive: true }));

describe('what a net takes', () => {
  const port = (shape: (number | string)[], type = 'float32') => [{ name: 'x', type, shape }];

  test.each([
    [[1, 3, 8, 6], 'NCHW', null],
    [['N', 8, 6, 3], 'NHWC', null],
    [['N', 3, 4, 8, 6], 'NCTHW', 4],
    [['N', 4, 8, 6, 3], 'NTHWC', 4],
    [['N', 4, 3, 8, 6], 'NTCHW', 4],
  ])('[%s] is read as %s', (shape, order, frames) => {
    const input = netInput(port(shape), {}, 'net');
    expect({ ...input, order: input.order.join('') }).toMatchObject({ order, frames, height: 8, width: 6 });
    // The colour (t, y, x, c) of clip n is where that order says.
    const T = frames ?? 1;
    const clips = [0, 1].map((n) =>
      Array.from({ length: T }, (_, t) => Uint8Array.from({ length: 144 }, (_, i) => n * 120 + t * 30 + (i % 29))),
    );
    const { values, shape: made } = netNumbers(input, clips, '0..255');
    const sides: Record<string, number> = { N: 2, C: 3, T, H: 8, W: 6 };
    expect(made).toEqual([...order].map((letter) => sides[letter]));
    for (const at of [
      { N: 0, C: 0, T: 0, H: 0, W: 0 },
      { N: 1, C: 2, T: T - 1, H: 5, W: 3 },
      { N: 1, C: 1, T: T - 1, H: 7, W: 5 },
    ] as Record<string, number>[]) {
      const index = [...order].reduce((sum, letter) => sum * sides[letter]! + at[letter]!, 0);
      expect(values[index]).toBeCloseTo(clips[at.N!]![at.T!]![(at.H! * 6 + at.W!) * 3 + at.C!]!, 4);
    }
  });

  test('sides that it leaves open are given, or asked for', () => {
    const open = port(['N', 3, 'T', 'H', 'W']);
    expect(netInput(open, { frames: 16, side: 24 }, 'net')).toMatchObject({ frames: 16, height: 24, width: 24 });
    expect(() => netInput(open, { side: 24 }, 'net')).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  test.each([
    ['texts', port(['N', 'length'], 'int64')],
    ['grey images', port(['N', 1, 8, 8])],
    ['halves', port(['N', 3, 8, 8], 'float16')],
    ['two inputs', [...port([1, 3, 8, 8]), ...port([1, 3, 8, 8])]],
    ['more than memory holds', port([1, 3, 64, 4096, 4096])],
  ])('not %s', (_, inputs) => {
    expect(() => netInput(inputs, {}, 'net')).toThrow(expect.objectContaining({ code: 'SHAPE_MISMATCH' }));
  });

  test('colours in the range that it was trained with', () => {
    const input = netInput(port([1, 3, 1, 1]), {}, 'net');
    const scaled = (scale: Parameters<typeof netNumbers>[2]) => [
      ...netNumbers(input, [[Uint8Array.of(0, 255, 255)]], scale).values,
    ];
    expect(scaled('-1..1')).toEqual([-1, 1, 1]);
    expect(scaled('0..1')).toEqual([0, 1, 1]);
    expect(scaled('imagenet')[0]).toBeCloseTo(-2.1179, 4);
    expect(scaled('clip')[2]).toBeCloseTo((1 - 0.40821073) / 0.27577711, 5);
  });
});

describe('features of media', () => {
  test('of images: rows for each, whatever their own form', async () => {
    const media = [file('images', 'a.png'), file('images', 'b.png')];
    const options = { scale: '0..255' as const, frames: 1, signal };
    const { n, d, values } = await netFeatures(fixture('picture.onnx'), media, options);
    expect([n, d]).toEqual([2, 3]);
    for (const [i, v] of [255, 0, 0, 0, 0, 255].entries()) expect(values[i]).toBeCloseTo(v, 3);
  });

  test('of videos for a net of images: frames of the whole length', async () => {
    const rows: number[] = [];
    const { n, values } = await netFeatures(fixture('picture.onnx'), [file('real', '8.mp4')], {
      ...{ scale: '0..255', frames: 3, signal },
      onRow: (done) => rows.push(done),
    });
    expect(n).toBe(3);
    expect(rows.at(-1)).toBe(3);
    expect(Math.min(...values)).toBeGreaterThan(20);
  });

  test('of a net of videos: what its arithmetic says of a still image’s colour, and not of one that is too short', async () => {
    const still = netFeatures(fixture('video.onnx'), [file('images', 'a.png')], { scale: '-1..1', signal });
    await expect(still).rejects.toMatchObject({ code: 'SHAPE_MISMATCH', found: '1' });
    const { n, d, values } = await netFeatures(
      fixture('video.onnx'),
      [file('generated', '4.mp4'), file('real', '8.mp4')],
      {
        ...{ scale: '-1..1', signal },
      },
    );
    expect([n, d]).toEqual([2, 8]);
    // Columns 0 and 7 of its matrix are the same (fixtures/make.py).
    for (const row of [0, 1]) expect(values[row * 8]).toBeCloseTo(values[row * 8 + 7]!, 5);
    expect(values[1]).not.toBeCloseTo(values[9]!, 3);
  });

  test('of texts', async () => {
    const { n, d, values } = await textFeatures(fixture('text'), ['dog', 'a car']);
    expect([n, d]).toEqual([2, 3]);
    expect([...values].map((v) => v > 0)).toEqual([true, false, false, false, false, true]);
    await expect(textFeatures(fixture('encoder'), ['dog'])).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
  });

  test('a stop ends it', async () => {
    const stopped = AbortSignal.abort();
    const run = netFeatures(fixture('picture.onnx'), [file('images', 'a.png')], { scale: '0..1', signal: stopped });
    await expect(run).rejects.toBe(stopped.reason);
  });
});

describe('a whole evaluation with the net itself', () => {
  const run = async (what: Parameters<typeof evalFeatures>[0], options: Partial<FeatureOptions>) => {
    const out = new PassThrough();
    const folder = file(`out-${what}`);
    const defaults = { net: 'tiny', pixels: '-1..1' as const, splits: 1, logits: false, seed: 1, signal };
    await evalFeatures(what, { ...defaults, generated: '', ...options, out: folder }, out);
    out.end();
    return { said: await textOf(out), folder };
  };

  test('fvd: a distance, and it is not called FVD whatever the net is called', async () => {
    const { said } = await run('fvd', {
      ...{ net: 'i3d-kinetics-400', onnx: fixture('video.onnx') },
      ...{ generated: file('generated'), real: file('real') },
    });
    expect(said).toContain('Frechet distance on i3d-kinetics-400');
    expect(said).toMatch(/generated against real.*3 and 4/);
  });

  test('is: rows of images as logits', async () => {
    const { said } = await run('is', {
      ...{
        onnx: fixture('picture.onnx'),
        generated: file('images'),
        frames: 1,
        logits: true,
        pixels: '0..1' as const,
      },
    });
    expect(said).toMatch(/generated.*2\.000/); // two images, each sure of a class of its own
  });

  test('clipsim: images and the texts beside them', async () => {
    const { folder } = await run('clipsim', {
      ...{ onnx: fixture('picture.onnx'), textOnnx: fixture('text'), generated: file('images'), frames: 2 },
    });
    const { records, onnxSha256, textOnnxSha256 } = JSON.parse(await readFile(join(folder, 'clipsim.json'), 'utf8'));
    for (const [found, path] of [
      [onnxSha256, fixture('picture.onnx')],
      [textOnnxSha256, fixture('text', 'model.onnx')],
    ])
      expect(found).toBe(
        createHash('sha256')
          .update(await readFile(path))
          .digest('hex'),
      );
    expect(records[0].similarities).toEqual([expect.closeTo(1, 5), expect.closeTo(1, 5)]);
    expect(records[1].similarities).toEqual([expect.closeTo(0, 5), expect.closeTo(0, 5)]);
  });

  test('a video without its text is told', async () => {
    const options = { onnx: fixture('picture.onnx'), textOnnx: fixture('text'), generated: file('generated') };
    await expect(run('clipsim', options)).rejects.toMatchObject({ code: 'CAPTION_MISSING' });
  });
});
