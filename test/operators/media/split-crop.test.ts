import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { Clip } from '../../../src/flow/flow.js';
import { cut, without } from '../../../src/media/crop.js';
import { probeMedia } from '../../../src/media/probe-media.js';
import { readFrames } from '../../../src/media/read-frames.js';
import { split } from '../../../src/operators/media/split.js';
import { never, testFolder } from '../../media/make-media.js';
import { blue, green, h264, make, quad, red, yellow } from '../../media/recipes.js';
import { mediaResources, probed } from '../media-resources.js';
import { outcomes, runOperator } from '../run-operator.js';

const folder = await testFolder();
const resources = await mediaResources(folder);
const film = (name: string, filters: string) =>
  make(folder, name, [
    '-f',
    'lavfi',
    '-i',
    `${quad({ size: '320x160', seconds: 2 })},${filters}`,
    ...h264,
    '-crf',
    '4',
  ]);
const clipsOf = async (path: string, config = {}): Promise<Clip[]> => {
  const run = await runOperator(split, config, resources, [await probed(path)]);
  expect(outcomes(run)).toEqual(['delivered']);
  return run.emitted.map(({ data }) => data.clip!);
};
const pixels = async ({ key }: { key: string }) => {
  const { data, info } = await sharp(await resources.objects.get(key))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return {
    ...info,
    at: (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)],
  };
};
/** That each corner, to its last pixel, has its colour, and no bar. */
const near = (colour: number[]) =>
  colour.map((value) => expect.toSatisfy((found: number) => Math.abs(found - value) < 16));
async function expectCorners(image: { width: number; height: number; at(x: number, y: number): number[] }) {
  const { width: w, height: h, at } = image;
  expect([at(0, 0), at(w - 1, 0), at(0, h - 1), at(w - 1, h - 1)]).toEqual([red, green, blue, yellow].map(near));
}

describe('split: { crop: true }', () => {
  it.each([
    ['above and below', 'pad=320:240:0:40', 320, 156],
    ['at both sides', 'pad=440:160:60:0', 316, 160],
    ['all around', 'pad=400:240:40:40', 316, 156],
    // 159 rows are left between 40 and 41 black ones.
    ['of an odd rest', 'crop=320:159:0:0,pad=320:240:0:40', 320, 154],
  ])('cuts black bars off %s: keyframe and clip have none, and even sides', async (name, filters, width, height) => {
    const path = await film(`${name.replaceAll(' ', '-')}.mp4`, filters);
    const [clip, ...others] = await clipsOf(path, { crop: true });
    expect(others).toEqual([]);
    expect(clip).toMatchObject({ width, height, frames: 50 });
    const keyframe = await pixels(clip!.keyframe);
    expect([keyframe.width, keyframe.height]).toEqual([width, height]);
    await expectCorners(keyframe);

    const { path: mp4, release } = await resources.objects.localFile(clip!.object.key);
    const probe = await probeMedia(mp4, { maxPixels: 1e6, signal: never });
    expect([probe.width, probe.height]).toEqual([width, height]);
    const { frames } = await readFrames(mp4, probe, { width, height, fps: 25, signal: never });
    let count = 0;
    for await (const data of frames) {
      const at = (x: number, y: number) => [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
      await expectCorners({ width, height, at });
      count++;
    }
    expect(count).toBe(50);
    await release();
  });

  it('measures what is left, as if there had never been bars, and says how much was cut off', async () => {
    const [barred] = await clipsOf(await film('bars.mp4', 'pad=320:240:0:40'), { crop: true });
    const [plain] = await clipsOf(await film('plain.mp4', 'null'), { crop: true });
    expect(barred!.scores).toMatchObject({ letterbox: 0, cropped: expect.closeTo(1 - 156 / 240, 9) });
    expect(plain!.scores).toMatchObject({ letterbox: 0, cropped: 0 });
    for (const name of ['motion', 'brightness', 'contrast'])
      expect(barred!.scores![name]! / plain!.scores![name]!).toBeCloseTo(1, 1);
    expect(barred!.motion).toBe(barred!.scores!.motion);
    const differing = BigInt(`0x${barred!.perceptual}`) ^ BigInt(`0x${plain!.perceptual}`);
    expect(differing.toString(2).replaceAll('0', '').length).toBeLessThanOrEqual(6);
    // Without the setting they stay, and so does the score.
    const [kept] = await clipsOf(join(folder, 'bars.mp4'));
    expect(kept).toMatchObject({ height: 240, scores: { letterbox: expect.closeTo(1 / 3, 2) } });
    expect(kept!.scores).not.toHaveProperty('cropped');
  });

  it('leaves a film without bars as it is, to the byte', async () => {
    const path = await film('none.mp4', 'null');
    const [[with_], [without_]] = [await clipsOf(path, { crop: true }), await clipsOf(path)];
    expect(with_!.object.sha256).toBe(without_!.object.sha256);
  });

  it('cuts off nothing that some frame shows: a title in the bar for three frames', async () => {
    const titled = "pad=320:240:0:40,drawbox=x=100:y=215:w=120:h=12:color=white:t=fill:enable='between(n,20,22)'";
    const [clip] = await clipsOf(await film('titled.mp4', titled), { crop: true });
    expect(clip).toMatchObject({ width: 320, height: 240, scores: { cropped: 0 } });
  });

  it('cuts stills too, but none with alpha', async () => {
    const still = async (name: string, alpha: number) => {
      const image = sharp({
        create: { width: 60, height: 40, channels: 4, background: { r: 220, g: 30, b: 30, alpha } },
      });
      const bars = { top: 10, bottom: 10, background: { r: 0, g: 0, b: 0, alpha: 1 } };
      const path = join(folder, name);
      await (alpha === 1 ? image.removeAlpha() : image).extend(bars).png().toFile(path);
      return (await clipsOf(path, { crop: true }))[0]!;
    };
    const cropped = await still('still.png', 1);
    expect(cropped).toMatchObject({
      kind: 'still',
      width: 60,
      height: 36,
      scores: { cropped: expect.closeTo(0.4, 9) },
    });
    const image = await pixels(cropped.object);
    expect([image.width, image.height, image.at(0, 0), image.at(59, 35)]).toEqual([
      60,
      36,
      [220, 30, 30],
      [220, 30, 30],
    ]);
    expect(await still('alpha.png', 0.5)).toMatchObject({ height: 60, scores: { cropped: 0 } });
  });
});

describe('a window', () => {
  const bars = (top: number, bottom: number, left = 0, right = 0) => ({ top, bottom, left, right });

  it('has even sides where something is cut, and is none where little is left', () => {
    expect(without(bars(0, 0), { width: 33, height: 33 })).toBeUndefined();
    expect(without(bars(5, 6), { width: 33, height: 60 })).toEqual({ left: 0, top: 7, width: 33, height: 44 });
    expect(without(bars(0, 0, 4, 5), { width: 60, height: 31 })).toEqual({ left: 6, top: 0, width: 46, height: 31 });
    expect(without(bars(21, 20), { width: 60, height: 60 })).toBeUndefined();
  });

  it('is cut out to the pixel', () => {
    const data = Uint8Array.from({ length: 4 * 3 * 3 }, (_, n) => Math.floor(n / 3));
    const image = cut({ width: 4, height: 3, data }, { left: 1, top: 1, width: 2, height: 2 });
    expect([...image.data]).toEqual([5, 5, 5, 6, 6, 6, 9, 9, 9, 10, 10, 10]);
  });
});
