import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { Clip, Flow } from '../../../src/flow/flow.js';
import { evenFrames } from '../../../src/media/mp4-frames.js';
import { deduplicate } from '../../../src/operators/corpus/deduplicate.js';
import { filter } from '../../../src/operators/media/filter.js';
import { split } from '../../../src/operators/media/split.js';
import { bundled, onEachFfmpeg } from '../../media/installations.js';
import { testFolder } from '../../media/make-media.js';
import { h264, make, quad, scenesOf } from '../../media/recipes.js';
import { corpusOf } from '../grounding-resources.js';
import { mediaResources, probed } from '../media-resources.js';
import { outcomes, resourcesWith, runOperator } from '../run-operator.js';

const folder = await testFolder();
const resources = await mediaResources(folder);
const films: Record<string, string> = {};
const film = async (name: string, options: string[]) => {
  films[name] ??= await make(folder, name, options);
  return films[name];
};
const clipsOf = async (path: string, config = {}): Promise<Clip[]> => {
  const run = await runOperator(split, config, resources, [await probed(path)]);
  expect(outcomes(run)).toEqual(['delivered']);
  return run.emitted.map(({ data }) => data.clip!);
};
const rejection = async (path: string, config = {}) => {
  const { settlements } = await runOperator(split, config, resources, [await probed(path)]);
  const outcome = settlements[0]!.outcome;
  if (outcome.kind !== 'rejected') throw new Error(`It was ${outcome.kind}`);
  return outcome.error;
};
/** What becomes of each of these clips in a step that keeps or drops. */
const kept = async (operator: typeof filter | typeof deduplicate, clips: Clip[]) => {
  const context = { entries: [], nearDuplicates: [], corpus: { documents: 0, digest: '0'.repeat(32) } };
  return outcomes(
    await runOperator(
      operator as typeof filter,
      {},
      resourcesWith({ corpus: await corpusOf([]) }),
      clips.map((clip): Flow => ({ clip, context })),
    ),
  );
};
const lengths = (clips: Clip[]) => clips.map(({ frames }) => frames);
const groundOf = async ({ keyframe }: Clip) => {
  const { data } = await sharp(await resources.objects.get(keyframe.key))
    .raw()
    .toBuffer({ resolveWithObject: true });
  return data[0]! > data[2]! ? 'red' : 'blue';
};

onEachFfmpeg('scenes', () => {
  it('are cut where they change, right after a cut by length too [media F10]', async () => {
    const clips = await clipsOf(await film('scenes.mp4', scenesOf(4.2, 3.8)));
    expect(lengths(clips)).toEqual([100, 5, 95]);
    expect(clips.map(({ start }) => start)).toEqual([0, 4, 4.2]);
    expect(await Promise.all(clips.map(groundOf))).toEqual(['red', 'red', 'blue']);
    expect(await kept(filter, clips)).toEqual(['delivered', 'too-short', 'delivered']);
  });

  it('are cut where clips are shorter than any scene that would be waited for [media F11]', async () => {
    expect(lengths(await clipsOf(await film('scenes.mp4', scenesOf(4.2, 3.8)), { seconds: 3 }))).toEqual([
      75, 30, 75, 20,
    ]);
  });

  it('are cut right after another one: what is too short is dropped, and in nobody else’s clip [kind 7]', async () => {
    const clips = await clipsOf(await film('short.mp4', scenesOf(2, 0.32, 2)));
    expect(lengths(clips)).toEqual([50, 8, 50]);
    expect(await kept(filter, clips)).toEqual(['delivered', 'too-short', 'delivered']);
  });
});

describe('flashes and fades', () => {
  /** White from one frame to another, in one scene. */
  const flashed = (from: number, to: number) => [
    ...[
      '-f',
      'lavfi',
      '-i',
      quad({ seconds: 3 }),
      '-vf',
      `format=gbrp,drawbox=t=fill:c=white:enable='between(n,${from},${to})'`,
    ],
    ...h264,
  ];
  it.each([1, 2, 4])('%s frames of a flash are no scene [kind 7]', async (frames) => {
    expect(lengths(await clipsOf(await film(`flash${frames}.mp4`, flashed(30, 29 + frames))))).toEqual([75]);
  });

  it('but what stays is one, and a flash that lasts is one too [kind 7]', async () => {
    expect(lengths(await clipsOf(await film('white.mp4', flashed(30, 49))))).toEqual([30, 20, 25]);
    expect(lengths(await clipsOf(await film('flash4.mp4', flashed(30, 33)), { min_seconds: 0 }))).toEqual([30, 4, 41]);
  });

  it('a slow fade is no cut: nobody can say where one scene ends [kind 7]', async () => {
    const fade = '[0]fade=out:st=1:d=1[a];[1]fade=in:d=1[b];[a][b]concat=n=2:v=1,format=yuv420p';
    const sources = ['testsrc2', 'mandelbrot'].flatMap((name) => [
      '-t',
      '2',
      '-f',
      'lavfi',
      '-i',
      `${name}=s=160x120:r=25`,
    ]);
    expect(lengths(await clipsOf(await film('fade.mp4', [...sources, '-filter_complex', fade, ...h264])))).toEqual([
      100,
    ]);
  });
});

describe('motion', () => {
  it('is of a second and not of a frame: one content has one outcome at any rate [media F26]', async () => {
    const motions: number[] = [];
    for (const rate of [15, 30, 60]) {
      const [clip] = await clipsOf(
        await film(`r${rate}.mp4`, ['-f', 'lavfi', '-i', quad({ rate, seconds: 2 }), ...h264]),
      );
      motions.push(clip!.motion);
      expect(await kept(filter, [clip!])).toEqual(['delivered']);
    }
    for (const motion of motions) expect(motion / motions[0]!).toBeCloseTo(1, 0.5);
    const [half] = await clipsOf(await film('r60.mp4', []), { fps: 12 });
    expect(half!.motion / motions[0]!).toBeCloseTo(1, 0.5);
  });

  it('is none where only the sensor’s noise moves, whatever the rate [kind 7]', async () => {
    const [still] = await clipsOf(
      await film('idle.mp4', ['-f', 'lavfi', '-i', 'color=c=teal:s=160x120:r=60:d=2', ...h264]),
    );
    expect(await kept(filter, [still!])).toEqual(['too-still']);
  });
});

describe('copies', () => {
  /** Two seconds of one film, two of another, black between them; the other way round it is another film. */
  const throughBlack = (first: string, second: string) => [
    ...['-t', '2', '-f', 'lavfi', '-i', `${first}`, '-t', '2', '-f', 'lavfi', '-i', `${second}`],
    '-filter_complex',
    '[0]format=yuv420p,fade=out:st=1.5:d=0.5[a];[1]format=yuv420p,fade=in:d=0.5[b];[a][b]concat=n=2:v=1',
    ...['-c:v', 'libx264'],
  ];
  const testFilm = throughBlack('testsrc2=s=320x240:r=25', 'mandelbrot=s=320x240:r=25');
  const lifeFilm = throughBlack('smptebars=s=320x240:r=25', 'rgbtestsrc=s=320x240:r=25');

  it('two films that are black in the middle are two [media F2]', async () => {
    const clips = [
      ...(await clipsOf(await film('black1.mp4', testFilm))),
      ...(await clipsOf(await film('black2.mp4', lifeFilm))),
    ];
    expect(lengths(clips)).toEqual([100, 100]);
    expect(new Set(clips.map(({ keyframe }) => keyframe.sha256)).size).toBe(2);
    expect(await kept(deduplicate, clips)).toEqual(['delivered', 'delivered']);
  });

  it('two films that show one image in the middle are two [kind 7]', async () => {
    const card = (name: string) =>
      film(`card-${name}.mkv`, [
        ...[
          '-t',
          '1',
          '-f',
          'lavfi',
          '-i',
          `${name}=s=320x240:r=25`,
          '-t',
          '1',
          '-f',
          'lavfi',
          '-i',
          'smptebars=s=320x240:r=25',
        ],
        ...['-t', '1', '-f', 'lavfi', '-i', `${name}=s=320x240:r=25`],
        ...['-filter_complex', '[0]format=gbrp[a];[1]format=gbrp[b];[2]format=gbrp[c];[a][b][c]concat=n=3:v=1'],
        ...['-c:v', 'libx264rgb', '-qp', '0'],
      ]);
    const clips = [
      ...(await clipsOf(await card('testsrc2'), { cut: 'fixed' })),
      ...(await clipsOf(await card('mandelbrot'), { cut: 'fixed' })),
    ];
    expect(clips[0]!.keyframe.sha256).toBe(clips[1]!.keyframe.sha256);
    expect(await kept(deduplicate, clips)).toEqual(['delivered', 'delivered']);
  });

  it('a film that was encoded anew, smaller and at another rate, is a copy [kind 7]', async () => {
    const first = await film('black1.mp4', testFilm);
    const again = await film('again.mp4', ['-i', first, '-vf', 'scale=240:180,fps=20', ...h264, '-crf', '30']);
    const plain = await film('plain.mp4', ['-f', 'lavfi', '-i', quad({ seconds: 3 }), ...h264]);
    const smaller = await film('smaller.webm', ['-i', plain, '-vf', 'scale=200:150', '-c:v', 'libvpx', '-b:v', '300k']);
    const clips = [first, again, plain, smaller].map((path) => clipsOf(path));
    expect(await kept(deduplicate, (await Promise.all(clips)).flat())).toEqual([
      'delivered',
      'duplicate',
      'delivered',
      'duplicate',
    ]);
  });

  it('flat images are copies only of their own bytes [media F2]', async () => {
    const stills = await Promise.all(
      ['#000000', '#010101', '#c02020', '#000000'].map(async (background, n) => {
        const path = join(folder, `flat${n}.png`);
        const noise = { type: 'gaussian' as const, mean: 0, sigma: 0.4 };
        await writeFile(
          path,
          await sharp({ create: { width: 64, height: 64, channels: 3, background, ...(n === 1 && { noise }) } })
            .png()
            .toBuffer(),
        );
        return (await clipsOf(path))[0]!;
      }),
    );
    expect(await kept(deduplicate, stills)).toEqual(['delivered', 'delivered', 'delivered', 'duplicate']);
  });
});

it('a film that changes its size on the way is one film, whoever codes it', async () => {
  const parts = await Promise.all(
    ['320x240', '160x120'].map(async (size) =>
      readFile(await film(`${size}.ts`, ['-f', 'lavfi', '-i', quad({ size }), ...h264, '-f', 'mpegts'])),
    ),
  );
  const path = join(folder, 'sizes.ts');
  await writeFile(path, Buffer.concat(parts));
  const [clip, ...others] = await clipsOf(path);
  expect(others).toEqual([]);
  expect(evenFrames(await resources.objects.get(clip!.object.key))).toBe(clip!.frames);
});

describe('long films', () => {
  it('of more than an hour are taken; more is said at once, by the name of the limit [media F31]', async () => {
    // What is stored of this one would be 1,050 clips.
    expect(split.config.parse({}).max_clips).toBeGreaterThan(1050);
    const path = await film('hours.mkv', ['-f', 'lavfi', '-i', 'color=s=16x16:r=1:d=50000', ...h264]);
    const error = await rejection(path);
    expect([error.code, error.expected, error.found]).toEqual([
      'MEDIA_TOO_LARGE',
      'at most 10000 (max_clips) of up to 4 s',
      '12500 by its length',
    ]);
    expect(error.remedy).toContain('max_clips of the split step');
  });

  it('have a budget of pixels, said before they are decoded, or while they are [safety S11]', async () => {
    const path = await film('plain.mp4', ['-f', 'lavfi', '-i', quad({ seconds: 3 }), ...h264]);
    const gigapixels = (320 * 240 * 75) / 1e9;
    expect(lengths(await clipsOf(path, { max_gigapixels: gigapixels }))).toEqual([75]);
    const error = await rejection(path, { max_gigapixels: gigapixels * 0.9 });
    expect([error.code, error.expected]).toEqual([
      'MEDIA_TOO_LARGE',
      `at most ${gigapixels * 0.9} gigapixels (max_gigapixels), all frames together`,
    ]);
    const live = await film('live.webm', [
      '-f',
      'lavfi',
      '-i',
      quad({ seconds: 3 }),
      '-c:v',
      'libvpx',
      '-live',
      '1',
      '-f',
      'webm',
    ]);
    const flow = await probed(live);
    const run = await runOperator(split, { max_gigapixels: gigapixels * 0.9 }, resources, [
      { ...flow, probe: { ...flow.probe!, duration: 0 } },
    ]);
    expect(outcomes(run)).toEqual(['MEDIA_TOO_LARGE']);
  });

  it('of a frame in some minutes are shown at a frame a second, each for one clip at most [safety S11]', async () => {
    const path = await film('minutes.mkv', ['-f', 'lavfi', '-i', 'testsrc2=s=64x48:r=1/60:d=180', ...h264]);
    const clips = await clipsOf(path, { seconds: 30 });
    expect(lengths(clips)).toEqual([30, 30, 30]);
    expect(clips.map(({ start, duration }) => [start, duration])).toEqual([
      [0, 30],
      [60, 30],
      [120, 30],
    ]);
    const slow = await film('slow.mkv', ['-f', 'lavfi', '-i', 'testsrc2=s=64x48:r=1/1000:d=120000', ...h264]);
    const error = await rejection(slow, { max_clips: 100 });
    expect([error.code, error.found]).toEqual(['MEDIA_TOO_LARGE', '120 by its length']);
  });

  it('that stand still for longer than a clip are cut there, and go on where they move [safety S11]', async () => {
    // A second of frames, twenty seconds of the last of them, and another second.
    const path = await film('pause.mkv', [
      ...['-f', 'lavfi', '-i', 'testsrc2=s=64x48:r=25:d=2', '-vf', "setpts='PTS+gte(N\\,25)*20/TB'"],
      ...['-vsync', 'vfr', ...h264],
    ]);
    const clips = await clipsOf(path);
    expect(clips.map(({ start, frames }) => [start, frames])).toEqual([
      [0, 100],
      [4, 24],
      [21, 25],
    ]);
  });

  it('of the longest delays that an image format has give a clip for each image [safety S11]', async () => {
    const [width, height, pages] = [32, 24, 10];
    const data = Buffer.alloc(width * height * 3 * pages, 0);
    for (let n = 0; n < pages; n++) data.fill(25 * n, n * width * height * 3, (n + 1) * width * height * 3);
    const animated = sharp(data, { raw: { width, height: height * pages, channels: 3, pageHeight: height } });
    const even = join(folder, 'slow.webp');
    await animated
      .clone()
      .webp({ lossless: true, delay: Array(pages).fill(65_000) })
      .toFile(even);
    const clips = await clipsOf(even);
    expect(lengths(clips)).toEqual(Array(pages).fill(4));
    expect(clips.map(({ start }) => start)).toEqual(Array.from({ length: pages }, (_, n) => 65 * n));
    // One short page makes a fast rhythm of it: 32,000 frames, if each were shown for as long as it says.
    const uneven = join(folder, 'uneven.webp');
    await animated.webp({ lossless: true, delay: [20, ...Array(pages - 1).fill(65_000)] }).toFile(uneven);
    expect(lengths(await clipsOf(uneven))).toEqual([1, ...Array(pages - 1).fill(200)]);
  });

  it('of unknown length are cut like others [media F4]', async () => {
    const output = join(folder, 'no-duration.webm');
    const options = [
      '-v',
      'error',
      '-f',
      'lavfi',
      '-i',
      quad({ seconds: 6 }),
      '-c:v',
      'libvpx',
      '-f',
      'webm',
      '-live',
      '1',
      '-',
    ];
    const { stdout } = await promisify(execFile)(bundled.ffmpeg, options, { encoding: 'buffer', maxBuffer: 1 << 26 });
    await writeFile(output, stdout);
    expect((await probed(output)).probe!.duration).toBe(0);
    expect(lengths(await clipsOf(output))).toEqual([100, 50]);
  });
});

describe('a broadcast', () => {
  it('that begins between two key frames is kept from the next one on [kind 7]', async () => {
    const whole = await film('broadcast.ts', [
      ...[
        '-f',
        'lavfi',
        '-i',
        'testsrc2=s=160x120:r=25:d=8',
        ...h264,
        '-g',
        '100',
        '-keyint_min',
        '100',
        '-sc_threshold',
        '0',
      ],
    ]);
    const bytes = await readFile(whole);
    const joined = join(folder, 'joined.ts');
    await writeFile(joined, bytes.subarray(188 * Math.floor(bytes.length / 8 / 188)));
    const clips = await clipsOf(joined, { cut: 'fixed' });
    expect(lengths(clips)).toEqual([100]);
  });
});
