import { copyFile, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { fitWithin, rateOf } from '../../src/media/frames.js';
import { probeMedia } from '../../src/media/probe-media.js';
import { readFrames } from '../../src/media/read-frames.js';
import { mediaTools } from '../../src/media/tools.js';
import { thrownBy } from '../operators/run-operator.js';
import { onEachFfmpeg } from './installations.js';
import { never, testFolder } from './make-media.js';
import {
  blue,
  fullRange,
  green,
  h264,
  hd,
  interlaced,
  make,
  overNothing,
  quad,
  red,
  uneven,
  wideGamut,
  yellow,
} from './recipes.js';

const folder = await testFolder();
const probe = (path: string) => probeMedia(path, { maxPixels: 40_000_000, signal: never });

interface Film {
  frames: Buffer[];
  width: number;
  height: number;
  fps: number;
  complaints: string;
}

async function watch(path: string): Promise<Film> {
  const probed = await probe(path);
  const size = fitWithin(probed.width, probed.height, 512);
  const fps = rateOf(Math.min(60, probed.fps));
  const reader = await readFrames(path, probed, { ...size, fps, signal: never });
  const frames: Buffer[] = [];
  for await (const frame of reader.frames) frames.push(Buffer.from(frame));
  return { frames, ...size, fps, complaints: await reader.complaints() };
}

/** Of a frame at a place, 0 to 1 each. */
function colourAt({ frames, width, height }: Film, x: number, y: number, n = frames.length >> 1): number[] {
  const at = (Math.floor(y * height) * width + Math.floor(x * width)) * 3;
  return [...frames[n]!.subarray(at, at + 3)];
}

function expectNear(found: number[], expected: number[], within: number): void {
  const most = Math.max(...found.map((value, c) => Math.abs(value - expected[c]!)));
  expect(most, `found ${found}, expected ${expected}`).toBeLessThanOrEqual(within);
}

function expectQuad(film: Film, within: number): void {
  expectNear(colourAt(film, 0.12, 0.12), red, within);
  expectNear(colourAt(film, 0.88, 0.12), green, within);
  expectNear(colourAt(film, 0.12, 0.88), blue, within);
  expectNear(colourAt(film, 0.88, 0.88), yellow, within);
}

/** How many frames are the one before again. */
const repeated = ({ frames }: Film) => frames.filter((frame, n) => n > 0 && frame.equals(frames[n - 1]!)).length;

const films: Record<string, string> = {};
const film = async (name: string, options: string[]) => {
  films[name] ??= await make(folder, name, options);
  return films[name];
};
const copied = async (name: string, from: string, options: string[] = []) =>
  film(name, ['-i', from, '-c', 'copy', ...options]);

beforeAll(async () => {
  await film('plain.mp4', ['-f', 'lavfi', '-i', quad(), ...h264]);
});

onEachFfmpeg('colours', () => {
  it.each(['smpte2084', 'arib-std-b67'] as const)(
    'of HDR (%s) come back as on an ordinary screen [media F14]',
    async (transfer) => {
      const path = await film(`${transfer}.mp4`, wideGamut(transfer));
      const seen = await watch(path);
      expect(seen.frames).toHaveLength(25);
      expectQuad(seen, 8);
      // The square was white; the light of white and above is squeezed a little.
      expectNear(colourAt(seen, (12 * 2.4 + 20) / 320, 0.5), [255, 255, 255], 8);
    },
  );

  it('of HDR come back from Matroska and MPEG-TS too [kind 7]', async () => {
    const path = await film('smpte2084.mp4', wideGamut('smpte2084'));
    expectQuad(await watch(await copied('hdr.mkv', path)), 8);
    expectQuad(await watch(await copied('hdr.ts', path)), 8);
  });

  it('of BT.2020 without HDR are brought to BT.709 [kind 7]', async () => {
    expectQuad(await watch(await film('bt2020.mp4', wideGamut('bt2020-10'))), 5);
  });

  it('of linear light get the curve of a screen [kind 7]', async () => {
    const light =
      'zscale=min=gbr:tin=bt709:pin=bt709:rin=full:m=bt709:t=linear:p=bt709:r=limited:npl=100,format=yuv444p12le';
    const tags = ['-color_trc', 'linear', '-color_primaries', 'bt709', '-colorspace', 'bt709'];
    const path = await film('linear.mkv', ['-f', 'lavfi', '-i', quad(), '-vf', light, '-c:v', 'ffv1', ...tags]);
    expectQuad(await watch(path), 5);
  });

  it('of HD that says nothing are BT.709, as of its twin that says so [media F15]', async () => {
    const [untagged, tagged] = [
      await watch(await film('hd.mp4', hd(false))),
      await watch(await film('hd-tagged.mp4', hd(true))),
    ];
    expectQuad(untagged, 3);
    expectQuad(tagged, 3);
    expect(untagged.frames[2]!.equals(tagged.frames[2]!)).toBe(true);
  });

  it('of small films that say nothing are BT.601, full range and 10 bits are kept [kind 7]', async () => {
    expectQuad(await watch(films['plain.mp4']!), 3);
    expectQuad(await watch(await film('full.mp4', fullRange)), 3);
    const ten = [
      '-f',
      'lavfi',
      '-i',
      quad(),
      '-pix_fmt',
      'yuv420p10le',
      '-c:v',
      'libx265',
      '-x265-params',
      'log-level=error',
    ];
    expectQuad(await watch(await film('ten.mp4', ten)), 3);
    const lossless = ['-f', 'lavfi', '-i', quad(), '-c:v', 'libx264rgb', '-qp', '0'];
    expectQuad(await watch(await film('rgb.mkv', lossless)), 1);
  });

  it.each(['libvpx-vp9', 'libvpx', 'prores_ks', 'png'])(
    'of what is seen through (%s) lie on white [media F16]',
    async (codec) => {
      const path = await film(`${codec}.${codec.startsWith('libvpx') ? 'webm' : 'mov'}`, overNothing(codec));
      expect((await probe(path)).hasAlpha).toBe(true);
      const seen = await watch(path);
      expect(seen.frames).toHaveLength(25);
      expectNear(colourAt(seen, 0.9, 0.1), [255, 255, 255], 2);
      expectNear(colourAt(seen, 80 / 320, 0.5, 0), red, 8);
      expectNear(colourAt(seen, (80 + 40) / 320, 0.5, 24), red, 8);
      expectNear(colourAt(seen, 35 / 320, 0.5, 0), red, 8);
      expectNear(colourAt(seen, 35 / 320, 0.5, 24), [255, 255, 255], 8);
    },
  );
});

onEachFfmpeg('fields', () => {
  const codecs = { mpeg2: ['-c:v', 'mpeg2video', '-b:v', '6M'], h264: ['-c:v', 'libx264', '-x264-params', 'tff=1'] };
  it.each([
    ['mpeg2', 'mpg'],
    ['h264', 'mp4'],
    ['h264', 'mkv'],
    ['h264', 'ts'],
  ] as const)('of interlaced %s in %s become frames without combs [media F17]', async (codec, container) => {
    const seen = await watch(await film(`${codec}.${container}`, interlaced(...codecs[codec])));
    expect(seen.frames).toHaveLength(25);
    // Within a comb every row differs from its neighbours as much as the bar from the ground.
    const combs = seen.frames.slice(1, -1).map((frame) => {
      let rows = 0;
      for (let y = 20; y < 260; y++)
        for (let x = 0; x < seen.width; x += 4) {
          const grey = (row: number) => frame[(row * seen.width + x) * 3]!;
          if (Math.abs(2 * grey(y) - grey(y - 1) - grey(y + 1)) > 150) rows++;
        }
      return rows;
    });
    expect(Math.max(...combs)).toBeLessThan(240);
  });
});

onEachFfmpeg('moments', () => {
  it('pauses are no slower rhythm: no frame is lost [media F12]', async () => {
    const path = await film('pause.mp4', uneven(30, 5, 'lt(t,1)+gte(t,4)'));
    for (const one of [path, await copied('pause.mkv', path)]) {
      const seen = await watch(one);
      expect(seen.fps).toBe(30);
      expect([seen.frames.length, repeated(seen)]).toEqual([150, 90]);
    }
  });

  it('missing frames leave the others where they are [media F13]', async () => {
    const seen = await watch(await film('phone.mp4', uneven(30, 4, 'mod(n+1,20)')));
    expect(seen.fps).toBe(30);
    // 114 frames; the last of the 120 is missing, so nothing follows it.
    expect([seen.frames.length, repeated(seen)]).toEqual([119, 5]);
  });

  it('a film that changes its rhythm keeps the faster [kind 7]', async () => {
    const seen = await watch(await film('faster.mp4', uneven(60, 2, 'gte(t,1)+mod(n,2)')));
    expect(seen.fps).toBe(60);
    expect(seen.frames.length - repeated(seen)).toBe(90);
  });

  it('frames that come early or late are all kept [kind 7]', async () => {
    const path = await film('shaky.mp4', [
      ...['-f', 'lavfi', '-i', 'testsrc2=s=320x240:r=30:d=4', '-vf', "setpts='PTS+0.012*sin(N*7)/TB'", '-vsync', 'vfr'],
      ...['-enc_time_base', '1:90000', ...h264, '-bf', '0', '-video_track_timescale', '90000'],
    ]);
    const seen = await watch(path);
    expect(seen.fps).toBe(30);
    expect([seen.frames.length, repeated(seen)]).toEqual([120, 0]);
  });

  it('a gap is bridged at the film’s own rate [media F29]', async () => {
    const path = await film('gap.mkv', [
      ...[
        '-f',
        'lavfi',
        '-i',
        'testsrc2=s=320x240:r=25:d=2',
        '-vf',
        "setpts='PTS+gte(N\\,25)*20/TB'",
        '-vsync',
        'vfr',
        ...h264,
      ],
    ]);
    const seen = await watch(path);
    expect(seen.fps).toBe(25);
    expect([seen.frames.length, repeated(seen)]).toEqual([550, 500]);
  });

  it.each(['mp4', 'mkv', 'ts'])('nothing is invented before the first frame, in %s [media F18]', async (container) => {
    const path = await film(`late.${container}`, [
      ...['-itsoffset', '2', '-i', films['plain.mp4']!, '-f', 'lavfi', '-i', 'sine=d=3'],
      ...['-map', '0:v', '-map', '1:a', '-c:v', 'copy', '-c:a', 'aac'],
    ]);
    const seen = await watch(path);
    expect([seen.frames.length, repeated(seen)]).toEqual([25, 0]);
    expect((await probe(path)).duration).toBeCloseTo(1, 1);
  });

  it.each(['mkv', 'webm', 'ts'])(
    'a clock that began long before adds nothing to its length, in %s',
    async (container) => {
      const path = await film(`clock.${container}`, [
        ...['-f', 'lavfi', '-i', 'testsrc2=s=64x48:r=25:d=1', '-output_ts_offset', '10000'],
        ...(container === 'webm' ? ['-c:v', 'libvpx'] : h264),
      ]);
      expect((await watch(path)).frames).toHaveLength(25);
      expect((await probe(path)).duration).toBeCloseTo(1, 1);
    },
  );

  it('MPEG-TS is read, with all its frames [media F1]', async () => {
    const path = await copied('plain.ts', films['plain.mp4']!);
    const seen = await watch(path);
    expect(seen.frames).toHaveLength(25);
    expectQuad(seen, 3);
  });

  it('a slow film has its rate, however slow [safety S11]', async () => {
    const path = await film('slow.mkv', ['-f', 'lavfi', '-i', 'testsrc2=s=64x48:r=1/1000:d=120000', ...h264]);
    const found = await probe(path);
    expect(found.fps).toBeCloseTo(0.001, 6);
    expect(found.duration).toBeGreaterThan(119_000);
  });
});

onEachFfmpeg('streams', () => {
  it('of two the larger is the film [kind 7]', async () => {
    const path = await film('two.mkv', [
      ...[
        '-f',
        'lavfi',
        '-i',
        'testsrc2=s=160x120:r=25:d=1',
        '-f',
        'lavfi',
        '-i',
        quad(),
        '-map',
        '0',
        '-map',
        '1',
        ...h264,
      ],
    ]);
    expect(await probe(path)).toMatchObject({ width: 320, height: 240, kind: 'video' });
    expectQuad(await watch(path), 3);
  });

  it('an image before a film is its cover, marked as such or not, and however large [kind 7]', async () => {
    const path = await film('covered.mkv', [
      ...['-f', 'lavfi', '-i', 'color=c=gray:s=640x480:r=1:d=1', '-f', 'lavfi', '-i', quad(), '-map', '0', '-map', '1'],
      ...['-c:v:0', 'mjpeg', '-c:v:1', 'libx264', '-pix_fmt:v:1', 'yuv420p'],
    ]);
    expect(await probe(path)).toMatchObject({ width: 320, height: 240, kind: 'video', codec: 'h264' });
    expectQuad(await watch(path), 3);
    // The cover may be of more pixels than frames are allowed; a film may not, though something smaller lies beside it.
    const limits = { maxPixels: 1e7, signal: never };
    expect(await probeMedia(path, { ...limits, maxFramePixels: 100_000 })).toMatchObject({ width: 320, height: 240 });
    await expect(probeMedia(path, { ...limits, maxFramePixels: 50_000 })).rejects.toMatchObject({
      code: 'MEDIA_TOO_LARGE',
    });
  });
});

describe('what is not read', () => {
  it('photographs of phones (HEIC) are refused by name [media F5] [media F6]', async () => {
    // A file type box as phones and libheif write it, and whatever follows.
    for (const brands of ['heic\0\0\0\0mif1heic', 'mif1\0\0\0\0mif1heicmiaf', 'heix\0\0\0\0mif1heix']) {
      const path = join(folder, 'photo.heic');
      const size = Buffer.alloc(4);
      size.writeUInt32BE(8 + brands.length);
      await writeFile(path, Buffer.concat([size, Buffer.from(`ftyp${brands}`, 'latin1'), Buffer.alloc(200)]));
      const error = await thrownBy(() => probe(path));
      expect([error.code, error.found]).toEqual(['MEDIA_UNSUPPORTED', 'a HEIC image']);
    }
  });

  it('a colour coding that ffmpeg would take for another is refused by name [kind 7]', async () => {
    const path = await film('ycgco.mp4', [
      ...['-f', 'lavfi', '-i', quad(), ...h264, '-x264-params', 'colormatrix=YCgCo'],
    ]);
    const error = await thrownBy(() => probe(path));
    expect([error.code, error.found]).toEqual(['MEDIA_UNSUPPORTED', 'ycgco']);
    const log = await film('log.mp4', ['-f', 'lavfi', '-i', quad(), ...h264, '-x264-params', 'transfer=log100']);
    const refused = await thrownBy(() => probe(log));
    expect([refused.code, refused.found]).toMatchObject(['MEDIA_UNSUPPORTED', expect.stringMatching(/^log/)]);
  });
});

onEachFfmpeg('damage', () => {
  it('a broadcast that begins between two key frames is the film from the next one on [kind 7]', async () => {
    const whole = await film('broadcast.ts', [
      ...[
        '-f',
        'lavfi',
        '-i',
        'testsrc2=s=320x240:r=25:d=6',
        ...h264,
        '-g',
        '50',
        '-keyint_min',
        '50',
        '-sc_threshold',
        '0',
      ],
    ]);
    const joined = join(folder, 'joined.ts');
    const bytes = await readFile(whole);
    // A quarter of the first two seconds in: packets have 188 bytes.
    await writeFile(joined, bytes.subarray(188 * Math.floor(bytes.length / 24 / 188) * 2));
    const seen = await watch(joined);
    expect(seen.frames.length).toBeGreaterThanOrEqual(100);
    expect(seen.frames.length).toBeLessThanOrEqual(110);
    // What comes is as it was: no grey where something is missing.
    const before = await watch(whole);
    expect(seen.frames.at(-50)!.equals(before.frames.at(-50)!)).toBe(true);
    expect(before.frames.some((frame) => frame.equals(seen.frames[0]!))).toBe(true);
  });

  it('a tool that dies of a signal is told as that, not as a damaged file [media F1] [media F4]', async () => {
    const path = await copied('victim.mp4', films['plain.mp4']!);
    const before = { ...process.env };
    const dies = join(folder, 'dies');
    await writeFile(
      dies,
      '#!/bin/sh\ncase "$*" in -version) echo "ffprobe version 1"; exit 0;; esac\nkill -SEGV $$\n',
      { mode: 0o755 },
    );
    try {
      process.env.VIMI_FFPROBE = dies;
      const probing = await thrownBy(() => probe(path));
      expect([probing.code, probing.found]).toEqual(['TOOL_CRASHED', 'SIGSEGV']);
      process.env.VIMI_FFPROBE = before.VIMI_FFPROBE;
      const probed = await probe(path);
      process.env.VIMI_FFMPEG = dies;
      const { frames } = await readFrames(path, probed, { width: 32, height: 24, fps: 25, signal: never });
      const reading = await thrownBy(async () => {
        for await (const _ of frames);
      });
      expect([reading.code, reading.found]).toEqual(['TOOL_CRASHED', 'SIGSEGV']);
    } finally {
      process.env.VIMI_FFMPEG = before.VIMI_FFMPEG;
      process.env.VIMI_FFPROBE = before.VIMI_FFPROBE;
    }
  });

  it('a file that somebody took away is told as that, not as a damaged file [media F1]', async () => {
    const path = join(folder, 'gone.mp4');
    await copyFile(films['plain.mp4']!, path);
    const probed = await probe(path);
    const { path: ffmpeg } = mediaTools().ffmpeg;
    const before = process.env.VIMI_FFMPEG;
    // What a program can do is looked at once for each path.
    const takes = join(await testFolder(), 'takes');
    await writeFile(takes, `#!/bin/sh\ncase "$*" in *gone.mp4*) rm -f '${path}';; esac\nexec '${ffmpeg}' "$@"\n`, {
      mode: 0o755,
    });
    try {
      process.env.VIMI_FFMPEG = takes;
      const error = await thrownBy(async () => {
        const { frames } = await readFrames(path, probed, { width: 32, height: 24, fps: 25, signal: never });
        for await (const _ of frames);
      });
      expect([error.code, error.where]).toEqual(['FILE_UNUSABLE', path]);
    } finally {
      process.env.VIMI_FFMPEG = before;
    }
  });

  it('a codec that this ffmpeg does not know is told as that, not as a damaged file [kind 1]', async () => {
    const bytes = await readFile(await film('known.mp4', ['-f', 'lavfi', '-i', 'testsrc2=s=64x48:r=10:d=1', ...h264]));
    // The sample entry is behind the brands of the file, which may name it, too.
    bytes.write('zzz1', bytes.lastIndexOf('avc1'));
    const path = join(folder, 'of-tomorrow.mp4');
    await writeFile(path, bytes);
    const error = await thrownBy(() => watch(path));
    expect([error.code, error.expected]).toEqual(['MEDIA_UNSUPPORTED', 'an ffmpeg with a decoder of its codec']);
  });

  it('frames that grow on the way are decoded up to a bound [safety S15]', async () => {
    const part = async (colour: string, size: string) =>
      readFile(await make(folder, 'part.h264', ['-f', 'lavfi', '-i', `color=${colour}:s=${size}:r=10:d=1`, ...h264]));
    /** Whether the blue end of a film that begins in red, and small, is shown. */
    const endIsShown = async (size: string) => {
      const path = join(folder, `grows-to-${size}.h264`);
      await writeFile(path, Buffer.concat([await part('red', '64x48'), await part('blue', size)]));
      const { frames } = await watch(path);
      expect(frames[0]![0]).toBeGreaterThan(200);
      return frames.some((frame) => frame[2]! > 200);
    };
    expect(await endIsShown('128x96')).toBe(true);
    expect(await endIsShown('2560x1920')).toBe(false);
  });

  it('half a film is damaged still', async () => {
    const path = join(folder, 'half.mp4');
    await copyFile(await copied('index-first.mp4', films['plain.mp4']!, ['-movflags', '+faststart']), path);
    const bytes = await readFile(path);
    await truncate(path, Math.floor((bytes.indexOf('mdat') + bytes.length) / 2));
    const seen = await watch(path);
    expect(seen.frames.length).toBeLessThan(25);
    expect(seen.complaints).not.toBe('');
  });
});
