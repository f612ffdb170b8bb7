import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeImage, imageAsWebp } from '../../src/media/images.js';
import { probeMedia } from '../../src/media/probe-media.js';
import { readFrames } from '../../src/media/read-frames.js';
import { thrownBy } from '../operators/run-operator.js';
import { type PlainFrame, type PngAnimation, plainApng, plainGif, plainWebp } from './make-animations.js';
import { never, testFolder } from './make-media.js';

const folder = await testFolder();
const side = 32;
let written = 0;

async function probed(bytes: Buffer) {
  const path = join(folder, `${written++}`);
  await writeFile(path, bytes);
  return { path, probe: await probeMedia(path, { maxPixels: 1e6, signal: never }) };
}

const names: Record<string, string> = {
  '255,255,255': 'white',
  '220,30,30': 'red',
  '30,180,30': 'green',
  '10,20,200': 'blue',
};
const at = (data: Uint8Array, x: number, y: number) => {
  const colour = [...data.subarray((y * side + x) * 3, (y * side + x) * 3 + 3)].join();
  return names[colour] ?? colour;
};
/** In the corner, where only a whole frame is; where the first small one is; where the second one is. */
const places = (data: Uint8Array) => [at(data, 1, 1), at(data, 9, 9), at(data, 20, 20)].join(' ');

/** Of each frame; what is free is on white. */
async function shown(bytes: Buffer): Promise<string[]> {
  const { path, probe } = await probed(bytes);
  const { frames } = await readFrames(path, probe, { width: side, height: side, fps: probe.fps, signal: never });
  const found: string[] = [];
  for await (const frame of frames) found.push(places(frame));
  return found;
}

const red: PlainFrame = { left: 8, top: 8, side: 16, colour: 1 };
const green: PlainFrame = { left: 16, top: 16, side: 8, colour: 2 };
const whole: PlainFrame = { colour: 1 };

// What Chromium 156 draws of these very files, on white.
describe('free canvas of an animation is transparent, as in browsers', () => {
  const gifs: [string, PlainFrame[], string[]][] = [
    ['a first frame that leaves some', [red, green], ['white red red', 'white red green']],
    [
      'the same, with tables of their own',
      [red, green].map((one) => ({ ...one, ownTable: true })),
      ['white red red', 'white red green'],
    ],
    [
      'the same, with a transparent colour',
      [red, { ...green, transparency: true }],
      ['white red red', 'white red green'],
    ],
    [
      'frames that are cleared',
      [red, green].map((one) => ({ ...one, dispose: 2 })),
      ['white red red', 'white white green'],
    ],
    ['a whole frame that is cleared', [{ ...whole, dispose: 2 }, green], ['red red red', 'white white green']],
    [
      'one that is cleared beside a transparent colour',
      [
        { ...whole, dispose: 2 },
        { ...green, transparency: true },
      ],
      ['red red red', 'white white green'],
    ],
    [
      'a first frame before which there was nothing',
      [{ ...whole, dispose: 3 }, green],
      ['red red red', 'white white green'],
    ],
    ['none: a frame over a whole one', [whole, green], ['red red red', 'red red green']],
  ];
  it.each(gifs)('GIF: %s', async (_, frames, wanted) => {
    expect(await shown(plainGif({ side, frames }))).toEqual(wanted);
  });

  it('GIF: one of a single frame is a still with alpha', async () => {
    const bytes = plainGif({ side, frames: [red] });
    const { path, probe } = await probed(bytes);
    expect(probe).toMatchObject({ kind: 'still', hasAlpha: true });
    expect(places((await decodeImage(await imageAsWebp(path, side), 'a test')).data)).toBe('white red red');
    expect(places((await decodeImage(bytes, 'a test')).data)).toBe('white red red');
  });

  it('GIF: one that lacks the mark of its end is shown so, too', async () => {
    const bytes = plainGif({ side, frames: [red, green] });
    expect(await shown(bytes.subarray(0, -1))).toEqual(['white red red', 'white red green']);
  });

  it.each([
    ['a first frame that leaves some', 0, ['white red red', 'white red green']],
    ['frames that are cleared', 1, ['white red red', 'white white green']],
  ])('WebP: %s', async (_, dispose, wanted) => {
    const frames = [red, green].map((one) => ({ ...one, dispose }));
    expect(await shown(await plainWebp({ side, frames }))).toEqual(wanted);
  });

  it('PNG: with alpha it is so, without alpha where nothing is cleared', async () => {
    const cleared = [{ ...whole, dispose: 1 }, green];
    expect(await shown(plainApng({ side, frames: cleared, alpha: true }))).toEqual([
      'red red red',
      'white white green',
    ]);
    expect(await shown(plainApng({ side, frames: [whole, green] }))).toEqual(['red red red', 'red red green']);
    const covered = [whole, { ...green, dispose: 1 }, { ...red, colour: 0 }];
    expect((await shown(plainApng({ side, frames: covered }))).at(-1)).toBe('red blue blue');
  });

  const others: [string, Omit<PngAnimation, 'side'>, string][] = [
    ['cleared canvas without alpha', { frames: [{ ...whole, dispose: 1 }, green] }, 'clears canvas'],
    ['nothing that comes back without alpha', { frames: [{ ...whole, dispose: 2 }, green] }, 'clears canvas'],
    ['a first frame that leaves some', { frames: [red, green], hidden: true, alpha: true }, 'leaves canvas free'],
  ];
  it.each(others)('PNG: %s is refused by name, since ffmpeg shows it otherwise', async (_, given, found) => {
    const bytes = plainApng({ side, ...given });
    expect(await thrownBy(() => probed(bytes))).toMatchObject({
      code: 'MEDIA_UNSUPPORTED',
      found: expect.stringContaining(found),
    });
  });
});
