import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeVideo } from '../../src/media/encode-video.js';
import { evenFrames } from '../../src/media/mp4-frames.js';
import { probeMedia } from '../../src/media/probe-media.js';
import { readFrames } from '../../src/media/read-frames.js';
import { thrownBy } from '../operators/run-operator.js';
import { makeVideo, never, scenes, testFolder } from './make-media.js';

const folder = await testFolder();
const base = { width: 32, height: 24, fps: 8, crf: 10, signal: never };

async function decode(path: string, width: number, height: number, fps: number): Promise<Uint8Array[]> {
  const probe = await probeMedia(path, { maxPixels: 1e6, signal: never });
  const reader = await readFrames(path, probe, { width, height, fps, signal: never });
  const frames: Uint8Array[] = [];
  for await (const frame of reader.frames) frames.push(Uint8Array.from(frame));
  expect(await reader.complaints()).toBe('');
  return frames;
}

/** Largest difference of a byte, and the mean. */
function differ(a: Uint8Array, b: Uint8Array): { most: number; mean: number } {
  expect(a.length).toBe(b.length);
  let most = 0;
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs(a[i]! - b[i]!);
    most = Math.max(most, d);
    sum += d;
  }
  return { most, mean: sum / a.length };
}

describe('encoding', () => {
  it('gives back the frames, in number and colour', async () => {
    const frames = scenes({ width: 32, height: 24, scenes: [5, 4] });
    const output = join(folder, 'back.mp4');
    await encodeVideo({ ...base, frames, output });
    const decoded = await decode(output, 32, 24, 8);
    expect(decoded).toHaveLength(9);
    const { mean } = differ(Buffer.concat(decoded), frames);
    expect(mean).toBeLessThan(3);
    // A plain corner has no edge in it: only the colour conversion can change it.
    expect(differ(decoded[0]!.subarray(0, 9), frames.subarray(0, 9)).most).toBeLessThanOrEqual(3);
  });

  it('gives the same bytes for the same frames, together, one by one, or coded by who decodes them', async () => {
    const size = { width: 33, height: 24 };
    const film = join(folder, 'film.mkv');
    await encodeVideo({ ...base, ...size, fps: 30000 / 1001, frames: scenes({ ...size, scenes: [12] }), output: film });
    const probe = await probeMedia(film, { maxPixels: 1e6, signal: never });
    const outputs = ['decoded', 'together', 'one-by-one'].map((name) => join(folder, `${name}.mp4`));
    const [output, ...others] = outputs as [string, string, string];
    const coded = { output, crf: base.crf, frames: 20 };
    const reader = await readFrames(film, probe, { ...size, fps: 30000 / 1001, signal: never, coded });
    const frames: Uint8Array[] = [];
    for await (const frame of reader.frames) frames.push(Uint8Array.from(frame));
    expect(await reader.complaints()).toBe('');
    expect(reader.isEven()).toBe(true);
    expect(frames).toHaveLength(12);
    const oneByOne = async function* () {
      yield* frames;
    };
    for (const [n, source] of [Buffer.concat(frames), oneByOne()].entries())
      await encodeVideo({ ...base, ...size, fps: 30000 / 1001, frames: source, output: others[n]! });
    const [first, ...rest] = await Promise.all(outputs.map((path) => readFile(path)));
    for (const bytes of rest) expect(bytes.equals(first!)).toBe(true);
    expect(evenFrames(first!)).toBe(12);
  });

  it('puts the index first and writes no date', async () => {
    const output = join(folder, 'first.mp4');
    await encodeVideo({ ...base, frames: scenes({ width: 32, height: 24, scenes: [2] }), output });
    const bytes = await readFile(output);
    expect(bytes.indexOf('moov')).toBeLessThan(bytes.indexOf('mdat'));
    // Creation time in the movie header, after version and flags.
    expect(bytes.readUInt32BE(bytes.indexOf('mvhd') + 8)).toBe(0);
  });

  it('makes odd sides even by repeating the edge, and enlarges by repeating pixels', async () => {
    const frames = scenes({ width: 15, height: 9, scenes: [3] });
    const odd = join(folder, 'odd.mp4');
    await encodeVideo({ ...base, width: 15, height: 9, frames, output: odd });
    expect(await probeMedia(odd, { maxPixels: 1e6, signal: never })).toMatchObject({ width: 16, height: 10 });
    const corner = (await decode(odd, 16, 10, 8))[0]!.subarray(-3);
    expect(differ(corner, frames.subarray(9 * 15 * 3 - 3, 9 * 15 * 3)).most).toBeLessThan(12);

    const large = join(folder, 'large.mp4');
    await encodeVideo({ ...base, width: 15, height: 9, scale: 4, frames, output: large });
    expect(await probeMedia(large, { maxPixels: 1e6, signal: never })).toMatchObject({ width: 60, height: 36 });
  });

  it('takes the smallest frames', async () => {
    const output = join(folder, 'smallest.mp4');
    await encodeVideo({ ...base, width: 1, height: 1, frames: new Uint8Array([9, 99, 199]), output });
    expect(await probeMedia(output, { maxPixels: 1e6, signal: never })).toMatchObject({ kind: 'still', width: 2 });
  });

  it('says what ffmpeg said', async () => {
    const error = await thrownBy(() =>
      encodeVideo({ ...base, frames: new Uint8Array(9), output: join(folder, 'no-such-folder', 'a.mp4') }),
    );
    expect(error.code).toBe('ENCODER_FAILED');
    expect(error.found).toMatch(/No such file/);
  });

  it('is killed when its signal says so, and leaves no process behind', async () => {
    const stop = new AbortController();
    const frames = scenes({ width: 32, height: 24, scenes: [4] });
    async function* forNever() {
      yield frames;
      stop.abort(new Error('stopped by the test'));
      await new Promise(() => {});
    }
    const { ffmpegToFile } = await import('../../src/media/ffmpeg.js');
    const { Readable } = await import('node:stream');
    const running = ffmpegToFile(
      {
        inputs: [
          {
            source: Readable.from(forNever()),
            options: ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-video_size', '32x24', '-framerate', '8'],
          },
        ],
        options: ['-c:v', 'libx264', '-f', 'mp4'],
        signal: stop.signal,
        failure: { code: 'ENCODER_FAILED', summary: 'Failed', where: 'here' },
      },
      join(folder, 'killed.mp4'),
    );
    await expect(running).rejects.toThrow('stopped by the test');
    const children = await processes();
    expect(children.filter((line) => line.includes(join(folder, 'killed.mp4')))).toEqual([]);
  });
});

/** Command lines of the processes of this machine; none where /proc is not. */
async function processes(): Promise<string[]> {
  const ids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  return Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')));
}

describe('decoding', () => {
  it('changes the rate by repeating and leaving out', async () => {
    const path = await makeVideo(folder, 'rate.mp4', { scenes: [24], fps: 12 });
    expect((await decode(path, 64, 48, 6)).length).toBe(12);
    expect((await decode(path, 64, 48, 24)).length).toBe(48);
  });

  it('stops ffmpeg when nobody reads on', async () => {
    const path = await makeVideo(folder, 'unread.mp4', { scenes: [48] });
    const probe = await probeMedia(path, { maxPixels: 1e6, signal: never });
    const { frames, complaints } = await readFrames(path, probe, { width: 512, height: 512, fps: 60, signal: never });
    for await (const frame of frames) {
      expect(frame.length).toBe(512 * 512 * 3);
      break;
    }
    await expect(complaints()).rejects.toThrow('Nobody reads');
  });
});
