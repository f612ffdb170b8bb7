import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { pageRate } from '../../src/media/page-rate.js';
import { probeMedia } from '../../src/media/probe-media.js';
import { readFrames } from '../../src/media/read-frames.js';
import { never, testFolder } from './make-media.js';

const folder = await testFolder();

it.each([
  ['even', [42, 42, 42, 42], 1000 / 42],
  ['30 a second in hundredths', [30, 30, 40, 30, 30, 40], 30],
  ['one that stands at the end', [40, 40, 40, 2000], 25],
  ['one that stands at the start', [2000, 40, 40, 40], 25],
  ['short ones between', [500, 20, 500, 20], 50],
])('[media F13] the rate of pages: %s', (_, delays, rate) => {
  expect(pageRate(delays)).toBeCloseTo(rate, 6);
});

it.each(['webp', 'gif'] as const)('[media F13] [media F19] no page of an uneven %s is lost', async (format) => {
  const reds = [250, 170, 90, 10];
  const pages = await Promise.all(
    reds.map((red) =>
      sharp({ create: { width: 20, height: 16, channels: 3, background: { r: red, g: 9, b: 9 } } })
        .png()
        .toBuffer(),
    ),
  );
  const path = join(folder, `uneven.${format}`);
  const delay = [40, 40, 400, 40];
  await writeFile(
    path,
    await sharp(pages, { join: { animated: true } })
      .toFormat(format, { delay, lossless: true })
      .toBuffer(),
  );
  const probe = await probeMedia(path, { maxPixels: 1e6, signal: never });
  expect([probe.fps, probe.duration]).toEqual([25, 0.52]);
  const { frames } = await readFrames(path, probe, { width: 20, height: 16, fps: probe.fps, signal: never });
  const seen: number[] = [];
  for await (const frame of frames) seen.push(reds.findIndex((red) => Math.abs(red - frame[0]!) < 20));
  expect(seen).toEqual([0, 1, ...Array(10).fill(2), 3]);
});
