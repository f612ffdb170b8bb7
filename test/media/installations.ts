import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';

interface Installation {
  name: string;
  ffmpeg: string;
  ffprobe: string;
}

const require = createRequire(import.meta.url);
const current = resolve(process.env.VIMI_FFMPEG_CURRENT ?? '.cache/ffmpeg');

export const bundled: Installation = {
  name: 'the bundled ffmpeg',
  ffmpeg: require('@ffmpeg-installer/ffmpeg').path,
  ffprobe: require('@ffprobe-installer/ffprobe').path,
};

/** The bundled ffmpeg, and a current one where `npm run setup:ffmpeg` has put it; in CI it must be there. */
const installations = [
  bundled,
  ...(process.env.CI || existsSync(join(current, 'ffprobe'))
    ? [{ name: 'a current ffmpeg', ffmpeg: join(current, 'ffmpeg'), ffprobe: join(current, 'ffprobe') }]
    : []),
];

/** Runs tests once on each ffmpeg. */
export function onEachFfmpeg(title: string, tests: () => void): void {
  describe.each(installations)(`${title}, on $name`, ({ ffmpeg, ffprobe }) => {
    const before = { VIMI_FFMPEG: process.env.VIMI_FFMPEG, VIMI_FFPROBE: process.env.VIMI_FFPROBE };
    beforeAll(() => {
      Object.assign(process.env, { VIMI_FFMPEG: ffmpeg, VIMI_FFPROBE: ffprobe });
    });
    afterAll(() => {
      for (const [name, value] of Object.entries(before))
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
    });
    tests();
  });
}
