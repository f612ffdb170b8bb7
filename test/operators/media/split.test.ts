import { copyFile, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { Clip, Flow } from '../../../src/flow/flow.js';
import { probeMedia } from '../../../src/media/probe-media.js';
import { hammingDistance } from '../../../src/models/encoders/built-in/perceptual-hash.js';
import { split } from '../../../src/operators/media/split.js';
import type { ObjectStore } from '../../../src/stores/objects/object-store.js';
import { discPng, makeVideo, never, scenes, testFolder, turnQuarter } from '../../media/make-media.js';
import { mediaResources, probed } from '../media-resources.js';
import { describeOperator } from '../operator-contract.js';
import { outcomes, resourcesWith, runOperator } from '../run-operator.js';

const folder = await testFolder();
const resources = await mediaResources(folder);
const two = await makeVideo(folder, 'two.mp4', { scenes: [20, 16], fps: 12 });

const clipsOf = async (flow: Flow, config = {}): Promise<Clip[]> => {
  const run = await runOperator(split, config, resources, [flow]);
  expect(outcomes(run)).toEqual(['delivered']);
  return run.emitted.map(({ data }) => data.clip!);
};
const rejection = async (flow: Flow, config = {}) => {
  const { settlements } = await runOperator(split, config, resources, [flow]);
  const outcome = settlements[0]!.outcome;
  if (outcome.kind !== 'rejected') throw new Error(`It was ${outcome.kind}`);
  return outcome.error;
};
/** Cut short in the middle of its frames, its index first and whole. */
const damaged = async (share: number) => {
  const whole = await makeVideo(folder, 'long.mp4', { scenes: [48, 48], width: 96, height: 96 });
  const path = join(folder, `damaged-${share}.mp4`);
  await copyFile(whole, path);
  const bytes = await readFile(path);
  const data = bytes.indexOf('mdat') + 4;
  await truncate(path, Math.floor(data + (bytes.length - data) * share));
  return path;
};

describeOperator(split, {
  resources: () => resources,
  good: () => probed(two),
  bad: async () => ({ flow: await probed(await damaged(0.5)), code: 'MEDIA_DAMAGED' }),
});

describe('split cuts', () => {
  it('at scene changes', async () => {
    const clips = await clipsOf(await probed(two));
    expect(clips.map(({ kind, frames }) => [kind, frames])).toEqual([
      ['clip', 20],
      ['clip', 16],
    ]);
    expect(clips[1]!.start).toBeCloseTo(20 / 12);
    expect(clips.map(({ duration }) => duration * 12)).toEqual([20, 16]);
    for (const clip of clips) {
      expect(clip).toMatchObject({ fps: 12, width: 64, height: 48 });
      expect(clip.motion).toBeGreaterThan(0.005);
      expect(Math.hypot(...clip.imageEmbedding)).toBeCloseTo(1);
      const file = await resources.objects.localFile(clip.object.key);
      const found = await probeMedia(file.path, { maxPixels: 1e6, signal: never });
      expect(found).toMatchObject({ kind: 'video', width: 64, height: 48, fps: 12, codec: 'h264' });
      expect(found.duration).toBeCloseTo(clip.duration, 2);
    }
    // The keyframe is a middle frame of its own scene: red, then blue.
    const corners = await Promise.all(
      clips.map(async ({ keyframe }) => {
        const { data, info } = await sharp(await resources.objects.get(keyframe.key))
          .raw()
          .toBuffer({ resolveWithObject: true });
        expect([info.width, info.height]).toEqual([64, 48]);
        return [...data.subarray(0, 3)];
      }),
    );
    expect(corners[0]![0]).toBeGreaterThan(180);
    expect(corners[1]![2]).toBeGreaterThan(180);
  });

  it('by length alone when asked, the rest being a clip too', async () => {
    const clips = await clipsOf(await probed(two), { cut: 'fixed', seconds: 1 });
    expect(clips.map(({ frames }) => frames)).toEqual([12, 12, 12]);
    const others = await clipsOf(await probed(two), { cut: 'fixed', seconds: 2.5 });
    expect(others.map(({ frames }) => frames)).toEqual([30, 6]);
  });

  it('a still as one clip, transparency kept and measured on white', async () => {
    const path = join(folder, 'disc.png');
    await writeFile(path, await discPng(41));
    const [clip, ...rest] = await clipsOf(await probed(path));
    expect(rest).toEqual([]);
    expect(clip).toMatchObject({ kind: 'still', width: 41, height: 41, frames: 1, duration: 0, motion: 0, fps: 0 });
    expect(clip!.object).toEqual(clip!.keyframe);
    const stored = await resources.objects.get(clip!.object.key);
    expect(await sharp(stored).metadata()).toMatchObject({ format: 'webp', hasAlpha: true });

    const onWhite = join(folder, 'on-white.png');
    await writeFile(
      onWhite,
      await sharp(await discPng(41))
        .flatten({ background: '#fff' })
        .png()
        .toBuffer(),
    );
    const [same] = await clipsOf(await probed(onWhite));
    expect(hammingDistance(same!.perceptual, clip!.perceptual)).toBe(0);
    expect(same!.object.sha256).not.toBe(clip!.object.sha256);
  });

  it('a video of one frame as a still', async () => {
    const [clip] = await clipsOf(await probed(await makeVideo(folder, 'one.mp4', { scenes: [1] })));
    expect(clip).toMatchObject({ kind: 'still', width: 64, height: 48 });
    expect(clip!.object.media_type).toBe('image/webp');
  });

  it('large media down to `side`, turned and odd ones rightly', async () => {
    const large = await makeVideo(folder, 'large.mp4', { scenes: [6], width: 200, height: 100 });
    expect((await clipsOf(await probed(large), { side: 64 }))[0]).toMatchObject({ width: 64, height: 32 });
    const turned = await makeVideo(folder, 'turned.mp4', { scenes: [6] });
    await turnQuarter(turned);
    expect((await clipsOf(await probed(turned)))[0]).toMatchObject({ width: 48, height: 64 });
    const odd = await makeVideo(folder, 'odd.mp4', { scenes: [6], width: 62, height: 42 });
    expect((await clipsOf(await probed(odd), { side: 31 }))[0]).toMatchObject({ width: 32, height: 22 });
  });

  it('to another rate', async () => {
    const clips = await clipsOf(await probed(two), { fps: 6, cut: 'fixed' });
    expect(clips.map(({ frames, fps }) => [frames, fps])).toEqual([[18, 6]]);
  });

  it('animations with alpha, on white', async () => {
    const frame = (left: number) => {
      const rgba = Buffer.alloc(32 * 32 * 4);
      for (let y = 8; y < 24; y++) for (let x = left; x < left + 8; x++) rgba.set([200, 0, 0, 255], (y * 32 + x) * 4);
      return sharp(rgba, { raw: { width: 32, height: 32, channels: 4 } })
        .png()
        .toBuffer();
    };
    const frames = await Promise.all([0, 4, 8, 12, 16, 20, 24, 20, 16, 12].map(frame));
    for (const format of ['webp', 'gif'] as const) {
      const path = join(folder, `moving.${format}`);
      const options = format === 'webp' ? { lossless: true, delay: 100 } : { delay: 100 };
      await writeFile(
        path,
        await sharp(frames, { join: { animated: true } })
          .toFormat(format, options)
          .toBuffer(),
      );
      const [clip, ...rest] = await clipsOf(await probed(path));
      expect(rest, format).toEqual([]);
      expect(clip, format).toMatchObject({ kind: 'clip', frames: 10, fps: 10, width: 32, height: 32 });
      const { data } = await sharp(await resources.objects.get(clip!.keyframe.key))
        .raw()
        .toBuffer({ resolveWithObject: true });
      expect([...data.subarray(0, 3)], format).toEqual([255, 255, 255]);
    }
  });
});

describe('split is exact', () => {
  it('the same bytes give the same objects', async () => {
    const names = async () =>
      (await clipsOf(await probed(two))).flatMap(({ object, keyframe }) => [object.sha256, keyframe.sha256]);
    expect(await names()).toEqual(await names());
  });

  it('knows stillness from motion', async () => {
    const [still] = await clipsOf(await probed(await makeVideo(folder, 'idle.mp4', { scenes: [12], moves: false })));
    expect(still!.motion).toBeLessThan(0.001);
  });

  it('keeps colours: a plain ground that is encoded twice comes back within four levels of 255 [safety S14]', async () => {
    const [clip] = await clipsOf(await probed(two), { crf: 4 });
    const local = await resources.objects.localFile(clip!.object.key);
    const again = await clipsOf(await probed(local.path));
    const { data } = await sharp(await resources.objects.get(again[0]!.keyframe.key))
      .raw()
      .toBuffer({ resolveWithObject: true });
    const original = scenes({ scenes: [20, 16] });
    for (let c = 0; c < 3; c++) expect(Math.abs(data[c]! - original[c]!)).toBeLessThanOrEqual(4);
  });
});

describe('split refuses', () => {
  it('half a video, and says how much there was', async () => {
    const error = await rejection(await probed(await damaged(0.5)));
    expect(error.code).toBe('MEDIA_DAMAGED');
    expect(error.expected).toBe('96 frames');
    expect(error.found).toMatch(/^\d+ frames; /);
  });

  it('but keeps one that lacks its last frames, and logs it', async () => {
    const warned: object[] = [];
    const log = { debug() {}, info() {}, warn: (fields: object) => void warned.push(fields), error() {} };
    const given = resourcesWith({ objects: resources.objects, embedder: resources.embedder, workDir: folder, log });
    const run = await runOperator(split, {}, given, [await probed(await damaged(0.985))]);
    expect(outcomes(run)).toEqual(['delivered']);
    expect(warned).toHaveLength(1);
  });

  it('an image of which rows are missing', async () => {
    const path = join(folder, 'half.png');
    const noise = await sharp({
      create: {
        width: 64,
        height: 64,
        channels: 3,
        background: '#000',
        noise: { type: 'gaussian', mean: 128, sigma: 50 },
      },
    })
      .png()
      .toBuffer();
    await writeFile(path, noise.subarray(0, noise.length / 2));
    expect((await rejection(await probed(path))).code).toBe('MEDIA_DAMAGED');
  });

  it('a file that somebody changed, replaced or removed after it was fetched', async () => {
    const path = join(folder, 'swapped.png');
    const change: Record<string, () => Promise<void>> = {
      'a link to elsewhere': async () => {
        await rm(path);
        await symlink(join(folder, 'elsewhere.png'), path);
      },
      'other bytes': async () => writeFile(path, await discPng(41)),
      nothing: async () => rm(path),
    };
    await writeFile(join(folder, 'elsewhere.png'), await discPng(40));
    for (const [what, swap] of Object.entries(change)) {
      await rm(path, { force: true });
      await writeFile(path, await discPng(40));
      const flow = await probed(path);
      await swap();
      expect((await rejection(flow)).code, what).toBe('MEDIA_DAMAGED');
    }
  });

  it('more clips than allowed, before it begins where it can', async () => {
    expect((await rejection(await probed(two), { seconds: 0.5, max_clips: 3 })).code).toBe('MEDIA_TOO_LARGE');
    expect((await rejection(await probed(two), { max_clips: 1 })).code).toBe('MEDIA_TOO_LARGE');
  });
});

it('leaves nothing in the temporary folder, whatever happened', async () => {
  await rejection(await probed(await damaged(0.5)));
  await clipsOf(await probed(two));
  const stop = new AbortController();
  const given = resourcesWith({
    objects: new Proxy(resources.objects, {
      get(target, name: keyof ObjectStore) {
        if (name === 'put') stop.abort(new Error('stopped by the test'));
        return (target[name] as (...all: unknown[]) => unknown).bind(target);
      },
    }),
    embedder: resources.embedder,
    workDir: resources.workDir,
  });
  const run = await runOperator(split, {}, given, [await probed(two)], { signal: stop.signal });
  expect([run.emitted, run.settlements]).toEqual([[], []]);
  expect(await readdir(resources.workDir)).toEqual([]);
});
