// @ts-nocheck: a plain script, run against what is built
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { mediaTools } from '../../dist/media/tools.js';

const subjects = ['fox', 'penguin', 'rocket', 'strawberry', 'turtle', 'bicycle', 'mushroom', 'snowman'];
export const captionOf = (n) => `a ${subjects[n % subjects.length]} of kind ${n} moves`;

/** Random colour grids, one second each, in one run of ffmpeg: cheap, small, and none like another. */
export function makeClips(folder, count, random) {
  mkdirSync(folder);
  const [side, frames] = [32, 6];
  const raw = Buffer.alloc(count * frames * side * side * 3);
  let at = 0;
  for (let clip = 0; clip < count; clip++) {
    const grid = Array.from({ length: 48 }, () => Math.floor(random() * 256));
    for (let frame = 0; frame < frames; frame++)
      for (let y = 0; y < side; y++)
        for (let x = 0; x < side; x++) {
          const cell = Math.floor(y / 8) * 4 + Math.floor(((x + frame) % side) / 8);
          for (let c = 0; c < 3; c++) raw[at++] = grid[cell * 3 + c];
        }
  }
  const cuts = Array.from({ length: count - 1 }, (_, n) => (n + 1) * frames).join(',');
  const made = spawnSync(
    mediaTools().ffmpeg.path,
    [
      ...['-v', 'error', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', `${side}x${side}`, '-r', '6', '-i', '-'],
      ...[
        '-c:v',
        'libx264',
        '-preset',
        'ultrafast',
        '-crf',
        '10',
        '-pix_fmt',
        'yuv420p',
        '-g',
        `${frames}`,
        '-sc_threshold',
        '0',
        '-bf',
        '0',
      ],
      ...[
        '-f',
        'segment',
        '-segment_format',
        'mp4',
        '-segment_frames',
        cuts,
        '-reset_timestamps',
        '1',
        join(folder, '%d.mp4'),
      ],
    ],
    { input: raw, maxBuffer: 1 << 24 },
  );
  if (made.status !== 0) throw new Error(`ffmpeg: ${made.stderr}`);
}
