import { appendFile, copyFile, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { VimiError } from '../../src/core/errors.js';
import { probeMedia } from '../../src/media/probe-media.js';
import { thrownBy } from '../operators/run-operator.js';
import { convert, discPng, hollowPng, makeVideo, never, testFolder, tone, turnQuarter } from './make-media.js';
import { make } from './recipes.js';

const folder = await testFolder();
const probe = (path: string, maxPixels = 40_000_000) => probeMedia(path, { maxPixels, signal: never });
const file = async (name: string, bytes: Uint8Array | string) => {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
};

/** Every refusal says what was expected, what was found and where. */
async function refusal(path: string): Promise<VimiError> {
  const error = await thrownBy(() => probe(path));
  expect(error.expected).toBeTruthy();
  expect(error.found).toBeTruthy();
  expect(error.where).toBe(path);
  return error;
}

describe('what a medium is', () => {
  it('a video, with its size, rate and length', async () => {
    const path = await makeVideo(folder, 'plain.mp4', { scenes: [18], fps: 12 });
    const found = await probe(path);
    expect(found).toMatchObject({ kind: 'video', width: 64, height: 48, fps: 12, codec: 'h264', hasAlpha: false });
    expect(found.duration).toBeCloseTo(1.5, 2);
  });

  it('a video in Matroska, and NTSC rates as exact fractions', async () => {
    const path = await makeVideo(folder, 'ntsc.mp4', { scenes: [30], fps: 30000 / 1001 });
    const other = await convert(folder, path, 'ntsc.mkv', ['-c', 'copy']);
    expect((await probe(path)).fps).toBeCloseTo(30000 / 1001, 6);
    expect(await probe(other)).toMatchObject({ kind: 'video', codec: 'h264' });
  });

  it('a turned video, as displayed', async () => {
    const path = await makeVideo(folder, 'turned.mp4', { scenes: [6] });
    await turnQuarter(path);
    expect(await probe(path)).toMatchObject({ width: 48, height: 64 });
  });

  it('a turned photograph, as displayed', async () => {
    const path = await file(
      'turned.jpg',
      await sharp({ create: { width: 40, height: 20, channels: 3, background: '#a02040' } })
        .jpeg()
        .withMetadata({ orientation: 6 })
        .toBuffer(),
    );
    expect(await probe(path)).toMatchObject({
      kind: 'still',
      width: 20,
      height: 40,
      codec: 'jpeg',
      duration: 0,
      fps: 0,
    });
  });

  it('a still with alpha, of odd size', async () => {
    expect(await probe(await file('disc.png', await discPng(33)))).toEqual({
      kind: 'still',
      width: 33,
      height: 33,
      duration: 0,
      fps: 0,
      codec: 'png',
      hasAlpha: true,
      texts: [],
    });
  });

  it('a video of one frame is a still', async () => {
    expect(await probe(await makeVideo(folder, 'one.mp4', { scenes: [1] }))).toMatchObject({
      kind: 'still',
      duration: 0,
    });
  });

  it.each(['gif', 'webp'] as const)('an animated %s is a video', async (format) => {
    const pages = await Promise.all(
      [200, 100, 10].map((red) =>
        sharp({ create: { width: 20, height: 16, channels: 4, background: { r: red, g: 9, b: 9, alpha: 1 } } })
          .png()
          .toBuffer(),
      ),
    );
    const bytes = await sharp(pages, { join: { animated: true } })
      .toFormat(format, { delay: [100, 200, 100] })
      .toBuffer();
    const found = await probe(await file(`moving.${format}`, bytes));
    expect(found).toMatchObject({ kind: 'video', width: 20, height: 16, codec: format });
    expect(found.duration).toBeCloseTo(0.4);
    expect(found.fps).toBeCloseTo(7.5);
  });

  it('bytes decide, not names: a PNG called .mp4, an MP4 called .png', async () => {
    expect(await probe(await file('image.mp4', await discPng(16)))).toMatchObject({ kind: 'still', codec: 'png' });
    const video = await makeVideo(folder, 'video.mp4', { scenes: [4] });
    await copyFile(video, join(folder, 'video.png'));
    expect(await probe(join(folder, 'video.png'))).toMatchObject({ kind: 'video', codec: 'h264' });
  });

  it('names are never options, protocols or patterns', async () => {
    const video = await makeVideo(folder, 'ordinary.mp4', { scenes: [4] });
    for (const name of ['-version', 'concat:a|b', 'http:x.mp4', '%03d.mp4', 'sp ace;$(id).mp4']) {
      await copyFile(video, join(folder, name));
      expect((await probe(join(folder, name))).kind, name).toBe('video');
    }
  });

  it('sound beside the image, and a cover image beside sound', async () => {
    const sound = await file('tone.wav', tone());
    const cover = await file('cover.png', await discPng(32));
    const { ffmpegToFile } = await import('../../src/media/ffmpeg.js');
    const path = join(folder, 'covered.m4a');
    await ffmpegToFile(
      {
        inputs: [
          { source: `file:${sound}`, options: [] },
          { source: `file:${cover}`, options: [] },
        ],
        options: [
          '-map',
          '0',
          '-map',
          '1',
          '-c:a',
          'aac',
          '-c:v',
          'copy',
          '-disposition:v:0',
          'attached_pic',
          '-f',
          'mp4',
        ],
        signal: never,
        failure: { code: 'ENCODER_FAILED', summary: 'The test could not make a file', where: path },
      },
      path,
    );
    expect((await refusal(path)).code).toBe('MEDIA_UNSUPPORTED');
  });
});

describe('what is no medium', () => {
  it('sound alone', async () => {
    const error = await refusal(await file('alone.wav', tone()));
    expect(error.code).toBe('MEDIA_UNSUPPORTED');
    expect(error.found).toContain('audio');
  });

  it('sound with a cover, which is none of a film', async () => {
    const cover = await file('cover.png', await discPng(64));
    const streams = ['-map', '0', '-map', '1', '-c:v', 'copy', '-disposition:v', 'attached_pic', '-c:a', 'aac'];
    const path = await make(folder, 'covered.m4a', ['-f', 'lavfi', '-i', 'sine=d=1', '-i', cover, ...streams]);
    const error = await refusal(path);
    expect(error).toMatchObject({ code: 'MEDIA_UNSUPPORTED', found: 'audio (aac), cover image (png)' });
    expect(error.remedy).toBe('Publish media that show something: sound is not used.');
  });

  it('a text file called .mp4', async () => {
    const error = await refusal(await file('text.mp4', 'Once upon a time there was a fox.\n'.repeat(40)));
    expect(error.code).toBe('MEDIA_UNSUPPORTED');
  });

  it('a few bytes', async () => {
    expect((await refusal(await file('tiny.mp4', 'abc'))).code).toBe('MEDIA_UNSUPPORTED');
  });

  it('a playlist that names other files', async () => {
    const secret = await makeVideo(folder, 'secret.mp4', { scenes: [4] });
    const lists = {
      'list.ffconcat': `ffconcat version 1.0\nfile '${secret}'\n`,
      'list.m3u8': `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://${secret}\n#EXT-X-ENDLIST\n`,
    };
    for (const [name, text] of Object.entries(lists)) {
      expect((await refusal(await file(name, text))).code, name).toBe('MEDIA_UNSUPPORTED');
      expect((await refusal(await file(`${name}.mp4`, text))).code, name).toBe('MEDIA_UNSUPPORTED');
    }
  });

  it('an SVG, which could name other files, even where it looks like something else', async () => {
    await file('secret.png', await discPng(32));
    const rest =
      'xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="secret.png" width="9" height="9"/></svg>';
    const drawings = { 'drawing.svg': `<svg ${rest}`, 'drawing.webp': `<svg a="WEBP" ${rest}` };
    for (const [name, text] of Object.entries(drawings))
      expect((await refusal(await file(name, text))).code, name).toBe('MEDIA_UNSUPPORTED');
    // AVIF by its first bytes; libvips would take it for an SVG.
    expect((await refusal(await file('drawing.avif', `<!--ftypavif--><svg ${rest}`))).code).toBe('MEDIA_DAMAGED');
  });

  it('a truncated MP4 without its index', async () => {
    const whole = await makeVideo(folder, 'whole.mp4', { scenes: [12] });
    const atEnd = await convert(folder, whole, 'index-at-end.mp4', ['-c', 'copy']);
    await truncate(atEnd, Math.floor((await readFile(atEnd)).length / 2));
    const error = await refusal(atEnd);
    expect(error.code).toBe('MEDIA_DAMAGED');
    expect(error.found).toContain('moov');
  });

  it('a truncated PNG header', async () => {
    expect((await refusal(await file('cut.png', (await discPng(32)).subarray(0, 20)))).code).toBe('MEDIA_DAMAGED');
  });

  it('an MP4 whose image track has no frame', async () => {
    const whole = await makeVideo(folder, 'before.mp4', { scenes: [12] });
    const empty = await convert(folder, whole, 'empty.mp4', ['-c', 'copy', '-frames:v', '0']);
    expect((await refusal(empty)).code).toBe('MEDIA_EMPTY');
  });

  it('30,000 x 30,000 by the header: nothing is decoded', async () => {
    const error = await refusal(await file('bomb.png', hollowPng(30_000, 30_000)));
    expect(error.code).toBe('MEDIA_TOO_LARGE');
    expect(error.found).toContain('30000 x 30000');
  });

  it('a video of more pixels than allowed', async () => {
    const path = await makeVideo(folder, 'large.mp4', { scenes: [4] });
    expect((await thrownBy(() => probe(path, 64 * 48 - 1))).code).toBe('MEDIA_TOO_LARGE');
    expect((await probe(path, 64 * 48)).kind).toBe('video');
  });

  it('stops when its signal says so', async () => {
    const path = await makeVideo(folder, 'stopped.mp4', { scenes: [4] });
    await appendFile(path, Buffer.alloc(10));
    const stop = AbortSignal.abort(new Error('stopped by the test'));
    await expect(probeMedia(path, { maxPixels: 1e6, signal: stop })).rejects.toThrow('stopped by the test');
  });
});
