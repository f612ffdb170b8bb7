import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { copyFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeVideo } from '../../src/media/encode-video.js';
import { withComment } from '../../src/media/mp4-comment.js';
import { probeMedia } from '../../src/media/probe-media.js';
import { readFrames } from '../../src/media/read-frames.js';
import { smallDisk } from '../support/small-disk.js';
import { makeVideo, never, testFolder } from './make-media.js';

/** 16 pages. */
const page = 4096;
const { place, mounted } = smallDisk(16 * page);

const size = { width: 64, height: 48 };
/** Noise, which nothing makes small. */
const noise = Uint8Array.from({ length: 8 * size.width * size.height * 3 }, (_, n) => (n * n * 2654435761) >>> 13);
const output = join(place, 'video.mp4');
const folder = await testFolder();

/** Whether a file is whole or refused for want of space, with so many pages left: the first pages are too few, the last are enough. */
async function outcomes(write: () => Promise<void>): Promise<string[]> {
  const found: string[] = [];
  for (let free = 1; free < 16; free++) {
    writeFileSync(join(place, 'filler'), Buffer.alloc((16 - free) * page));
    try {
      await write();
      withComment(readFileSync(output), 'whole');
      found.push('whole');
    } catch (thrown) {
      found.push((thrown as { code: string }).code);
    }
    rmSync(output, { force: true });
    rmSync(join(place, 'filler'));
  }
  return found;
}

describe.skipIf(!mounted)('on a file system that is really full', () => {
  it('a video is whole, or STORAGE_FULL', async () => {
    const found = await outcomes(() => encodeVideo({ ...size, fps: 8, crf: 20, signal: never, frames: noise, output }));
    expect(new Set(found)).toEqual(new Set(['STORAGE_FULL', 'whole']));
  });

  it('and so is a clip that is coded while it is decoded', async () => {
    const film = join(folder, 'film.mp4');
    await encodeVideo({ ...size, fps: 12, crf: 20, signal: never, frames: noise, output: film });
    const probe = await probeMedia(film, { maxPixels: 1e6, signal: never });
    const found = await outcomes(async () => {
      const coded = { output, crf: 20, frames: 40 };
      const reader = await readFrames(film, probe, { ...size, fps: 12, signal: never, coded });
      for await (const _ of reader.frames);
      await reader.complaints();
    });
    expect(new Set(found)).toEqual(new Set(['STORAGE_FULL', 'whole']));
  });
});

it.each(['No space left on device.mp4', 'x: No space left on device; y.mp4', 'x: No space left on device'])(
  'the name %s says nothing of the disk, whatever ffmpeg complains of',
  async (name) => {
    const film = join(folder, name);
    await copyFile(await makeVideo(folder, 'whole.mp4', { scenes: [8, 8, 8] }), film);
    const probe = await probeMedia(film, { maxPixels: 1e6, signal: never });
    await truncate(film, 2_000);
    const { frames, complaints } = await readFrames(film, probe, { ...size, fps: 12, signal: never });
    for await (const _ of frames);
    expect(await complaints()).toContain('No space left on device');
  },
);
