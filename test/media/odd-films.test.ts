import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { probeMedia } from '../../src/media/probe-media.js';
import { readFrames } from '../../src/media/read-frames.js';
import { onEachFfmpeg } from './installations.js';
import { never, testFolder } from './make-media.js';
import { h264, make, quad } from './recipes.js';

const folder = await testFolder();
const colours = { red: [220, 30, 30], green: [30, 180, 30], blue: [30, 30, 220], yellow: [220, 200, 30] };

/** The name of the colour at a place of each frame, 0 to 1 each. */
async function seen(path: string, x = 0.12, y = 0.12) {
  const probe = await probeMedia(path, { maxPixels: 1e7, signal: never });
  const { width, height, fps } = probe;
  const { frames } = await readFrames(path, probe, { width, height, fps, signal: never });
  const names: string[] = [];
  for await (const frame of frames) {
    const at = 3 * (Math.floor(y * height) * width + Math.floor(x * width));
    const isNear = (colour: number[]) => colour.every((value, c) => Math.abs(frame[at + c]! - value) <= 8);
    names.push(Object.entries(colours).find(([, colour]) => isNear(colour))?.[0] ?? `${frame.subarray(at, at + 3)}`);
  }
  return { width, height, fps, duration: probe.duration, names };
}
const times = (n: number, name: string) => Array.from({ length: n }, () => name);
const plain = (colour: string, seconds: number) => `color=c=${colour}:s=160x120:r=25:d=${seconds},format=gbrp`;
const twoScenes = ['-filter_complex', `${plain('0xDC1E1E', 1)}[a];${plain('0x1E1EDC', 1)}[b];[a][b]concat=n=2:v=1`];

onEachFfmpeg('odd films', () => {
  it.each([
    ['2/1', 640, 240],
    ['1/2', 160, 240],
    ['32/27', 379, 240],
  ])('of pixels that are not square (%s) are shown in their shape', async (aspect, width, height) => {
    const path = await make(folder, `aspect-${aspect.replace('/', '-')}.mp4`, [
      ...['-f', 'lavfi', '-i', `${quad()},setsar=${aspect}`, ...h264],
    ]);
    const film = await seen(path);
    expect([film.width, film.height]).toEqual([width, height]);
    expect(film.names).toEqual(times(25, 'red'));
    expect((await seen(path, 0.88, 0.88)).names).toEqual(times(25, 'yellow'));
  });

  it.each([
    ['as they lie', [1, 0, 0, 1], 'red green blue yellow'],
    ['turned by a quarter', [0, 1, -1, 0], 'blue red yellow green'],
    ['turned by a half', [-1, 0, 0, -1], 'yellow blue green red'],
    ['turned by three quarters', [0, -1, 1, 0], 'green yellow red blue'],
    ['mirrored left to right', [-1, 0, 0, 1], 'green red yellow blue'],
    ['mirrored top to bottom', [1, 0, 0, -1], 'blue yellow red green'],
    ['mirrored, and turned', [0, 1, 1, 0], 'red blue green yellow'],
    ['mirrored, and turned the other way', [0, -1, -1, 0], 'yellow green blue red'],
  ])('that their camera left %s are upright, in the shape of their pixels', async (_, [a, b, c, d], corners) => {
    const wide = `${quad({ seconds: 0.2 })},setsar=2/1`;
    const path = await make(folder, `matrix-${a}${b}${c}${d}.mp4`, ['-f', 'lavfi', '-i', wide, ...h264]);
    const bytes = await readFile(path);
    // The matrix of the track's header, of version 0: a, b, u, c, d, v, x, y, w.
    const matrix = bytes.indexOf('tkhd') + 44;
    for (const [n, value] of [a!, b!, 0, c!, d!].entries()) bytes.writeInt32BE(value * 65536, matrix + 4 * n);
    await writeFile(path, bytes);
    const film = await seen(path);
    expect([film.width, film.height]).toEqual(a === 0 ? [240, 640] : [640, 240]);
    const places = [
      [0.12, 0.12],
      [0.88, 0.12],
      [0.12, 0.88],
      [0.88, 0.88],
    ];
    const found: string[] = [];
    for (const [x, y] of places) found.push((await seen(path, x, y)).names[0]!);
    expect(found.join(' ')).toBe(corners);
  });

  it('with an edit list begin where it says', async () => {
    const whole = await make(folder, 'whole.mp4', [...twoScenes, ...h264, '-g', '100', '-bf', '0']);
    const path = await make(folder, 'edited.mp4', ['-ss', '1', '-i', whole, '-c', 'copy']);
    expect((await readFile(path)).includes('elst')).toBe(true);
    const film = await seen(path);
    expect(film.names).toEqual(times(25, 'blue'));
    expect(film.duration).toBeCloseTo(1, 1);
  });

  it('that are cut at the left show what is left, to the pixel', async () => {
    const cut = ['-crf', '4', '-bsf:v', 'h264_metadata=crop_left=20:crop_top=20:crop_right=40'];
    const path = await make(folder, 'cut.mp4', ['-f', 'lavfi', '-i', quad({ seconds: 0.2 }), ...h264, ...cut]);
    // Green begins in the middle of 320 columns.
    const [lastRed, firstGreen] = [(137 + 0.5) / 260, (142 + 0.5) / 260];
    const film = await seen(path, lastRed);
    expect([film.width, film.height]).toEqual([260, 220]);
    expect(film.names).toEqual(times(5, 'red'));
    expect((await seen(path, firstGreen)).names).toEqual(times(5, 'green'));
  });

  it('whose clock wraps around keep all frames', async () => {
    // MPEG-TS counts to 2 ** 33 at 90 kHz: that is 95,443.7 s.
    const path = await make(folder, 'wraps.ts', [
      ...[...twoScenes, ...h264, '-bf', '0', '-muxdelay', '0', '-output_ts_offset', '95442.9', '-f', 'mpegts'],
    ]);
    expect((await seen(path)).names).toEqual([...times(25, 'red'), ...times(25, 'blue')]);
  });

  it('of tape, without a container, keep the rhythm of the tape', async () => {
    const tape = `${quad({ size: '720x576' })},setsar=16/15,format=yuv420p`;
    const film = await seen(await make(folder, 'tape.dv', ['-f', 'lavfi', '-i', tape, '-c:v', 'dvvideo']));
    expect(film.fps).toBe(25);
    expect(film.names).toEqual(times(25, 'red'));
  });

  it('that change their size on the way keep the first one, and all frames', async () => {
    const parts = await Promise.all(
      ['320x240', '160x120'].map(async (size) =>
        readFile(await make(folder, `${size}.ts`, ['-f', 'lavfi', '-i', quad({ size }), ...h264, '-f', 'mpegts'])),
      ),
    );
    const path = join(folder, 'sizes.ts');
    await writeFile(path, Buffer.concat(parts));
    const film = await seen(path);
    expect([film.width, film.height]).toEqual([320, 240]);
    expect(new Set(film.names)).toEqual(new Set(['red']));
    expect(film.names.length).toBeGreaterThanOrEqual(49);
    expect(new Set((await seen(path, 0.88, 0.88)).names)).toEqual(new Set(['yellow']));
  });
});
