import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { VimiError } from '../core/errors.js';
import { asMp4, codedColours } from './encode-video.js';
import { type FfmpegStream, ffmpegToPipes, fileUrl, strangersFile } from './ffmpeg.js';
import { type PassingFrames, reuse } from './frame-buffers.js';
import { type FramePipe, framePipe } from './frame-pipe.js';
import { layOnWhite, rateText } from './frames.js';
import type { ImageFormat } from './image-formats.js';
import { decodePages, imageFormat, imageHeader } from './images.js';
import { paced, type TimedFrame } from './pace.js';
import type { ProbedMedium } from './probe-media.js';
import { Repeats } from './repeats.js';
import { needsScreenColours, screenColours } from './screen-colours.js';
import { mediaTools } from './tools.js';

export interface FrameOptions {
  /** Of each frame, in pixels. */
  width: number;
  height: number;
  /** Frames a second, whatever the medium's own rhythm: frames are repeated or left out. */
  fps: number;
  signal: AbortSignal;
  /** No more of the medium's own frames are decoded: ends with that error. */
  limit?: { frames: number; exceeded(): VimiError };
  /**
   * The first so many frames are also coded, by the process that decodes them, as `encodeVideo` would code them. That is
   * the film only where `isEven` says so afterwards, and `evenFrames` of all frames: ffmpeg counts anew where the size of
   * the film changes.
   */
  coded?: { output: string; crf: number; frames: number };
  /** A frame is given at most so many times in a row, however long it is shown: `leftOutBefore` says what is left out. */
  mostRepeats?: number;
  /** Whose buffers the frames lie in, for as long as it says; of their own when left out. */
  passing?: PassingFrames;
}

export interface FrameReader {
  /** RGB, height * width * 3 bytes each; upright, on white, in colours of an ordinary screen. Read once, to the end or not. */
  frames: AsyncIterable<Uint8Array>;
  /** After the last frame: what the decoder complained about, '' when nothing. */
  complaints(): Promise<string>;
  /** After the last frame: seconds of the film before the first one that decoded. */
  late(): number;
  /** After the last frame: whether ffmpeg's own frames were given, each once, so that `coded` holds the same ones. */
  isEven(): boolean;
  /** How many repeats were left out before frame n of those given. Asked in order, of frames that were given. */
  leftOutBefore(n: number): number;
}

/** Decodes a medium at a constant rate, one frame after the other: memory is a few frames, whatever the length. */
export async function readFrames(path: string, probe: ProbedMedium, options: FrameOptions): Promise<FrameReader> {
  const format = await imageFormat(path);
  return format ? readAnimation(path, format, options) : readVideo(path, probe, options);
}

/** Of a second: a tick in which the usual rates and time bases are whole numbers. */
const ticks = 705_600_000;

async function readVideo(
  path: string,
  probe: ProbedMedium,
  { width, height, fps, signal, limit, coded, mostRepeats, passing }: FrameOptions,
): Promise<FrameReader> {
  const { start = 0, stream = 0, interlaced = false, colours = {}, orientation, decoder } = probe.video ?? {};
  const channels = probe.hasAlpha ? 4 : 3;
  const deep = needsScreenColours(colours);
  const isFinished = channels === 3 && !deep;
  const matrix = colours.matrix === undefined ? '' : `:in_color_matrix=${matrixNames[colours.matrix] ?? 'auto'}`;
  const filters = [
    ...(interlaced ? ['bwdif=mode=send_frame:deint=interlaced'] : []),
    ...(orientation?.filters ?? []),
    `scale=${width}:${height}:flags=area+accurate_rnd+full_chroma_int${matrix}`,
    // Of 16 bits in planes: versions of ffmpeg since 8 make wrong colours of rgb48.
    `format=${deep ? (probe.hasAlpha ? 'gbrap16le' : 'gbrp16le') : probe.hasAlpha ? 'rgba' : 'rgb24'}`,
  ].join(',');
  // Every frame as it comes, and its moment beside it: what is repeated or left out is decided here.
  const asItComes = [...passthrough(), '-enc_time_base', `1:${ticks}`];
  const [further, codedAsWell] =
    coded && isFinished
      ? [',split=3[frames][film]', codedFilm({ width, height, fps }, coded)]
      : [',split[frames]', null];
  const size = width * height * channels * (deep ? 2 : 1);
  // What is converted has a buffer of its own afterwards.
  const passed = isFinished ? passing : undefined;
  const pipe = await framePipe({
    take: () => passed?.take(size) ?? new Uint8Array(size),
    giveBack: (frame) => passed && reuse(frame),
  });
  const decoding = ffmpegToPipes(
    {
      inputs: [
        {
          source: fileUrl(path),
          // A stream may change its frame size on the way: to about what was announced, not to anything.
          options: [
            ...strangersFile,
            ...['-noautorotate', '-max_pixels', `${mostPixels(probe)}`],
            // Else old versions cut a frame at the left only at multiples of 16 pixels.
            ...['-flags', 'unaligned'],
            ...(decoder ? ['-c:v', decoder] : []),
          ],
        },
      ],
      options: [
        ...[
          '-filter_complex',
          `[0:${stream}]${filters}${further}[twins];[twins]scale=2:2:flags=neighbor[moments]${codedAsWell?.filters ?? ''}`,
        ],
        ...(codedAsWell?.options ?? []),
        ...['-map', '[moments]', ...asItComes, '-flush_packets', '1', '-f', 'framecrc', 'pipe:3'],
        ...['-map', '[frames]', '-map_metadata', '-1', ...asItComes, '-f', 'rawvideo', 'pipe:1'],
      ],
      signal,
      failure: { code: 'MEDIA_DAMAGED', summary: 'This video cannot be decoded', where: path },
    },
    pipe,
  );
  const convert = deep ? screenColours(colours, channels) : null;
  const finish = (bytes: Uint8Array) => {
    const frame = convert ? convert(words(bytes)) : bytes;
    return channels === 4 ? layOnWhite(frame) : frame;
  };
  let late = 0;
  let isEven = isFinished;
  async function* timed() {
    let count = 0;
    for await (const one of timedFrames(pipe, decoding, finish)) {
      if (count === 0) late = Math.max(0, one.time - start);
      if (++count > (limit?.frames ?? Number.POSITIVE_INFINITY)) throw limit!.exceeded();
      yield one;
    }
    // An end that is none: it failed, or crashed.
    await decoding.complaints;
  }
  const interval = probe.fps > 0 ? 1 / probe.fps : 1 / fps;
  const repeats = new Repeats(mostRepeats);
  const frames = paced(timed(), { fps, keepAll: fps >= probe.fps * 0.999, interval, repeats }, () => {
    isEven = false;
  });
  return {
    frames: passed?.all(frames) ?? frames,
    complaints: () => decoding.complaints,
    late: () => late,
    isEven: () => isEven,
    leftOutBefore: (n) => repeats.leftOutBefore(n),
  };
}

/** A further output of ffmpeg: frame n is shown at n / fps, whenever it was in the file. */
function codedFilm(
  { width, height, fps }: Pick<FrameOptions, 'width' | 'height' | 'fps'>,
  { output, crf, frames }: NonNullable<FrameOptions['coded']>,
) {
  const rate = rateText(fps);
  const [over, under = '1'] = rate.split('/');
  return {
    filters: `;[film]settb=${under}/${over},setpts=N,fps=${rate},${codedColours(width, height)}[coded]`,
    options: [
      ...['-map', '[coded]', '-map_metadata', '-1', '-frames:v', `${frames}`],
      ...[...asMp4(crf), fileUrl(output)],
    ],
  };
}

/** Names of `in_color_matrix`, in all versions. */
const matrixNames: Record<string, string> = {
  bt709: 'bt709',
  bt470bg: 'bt601',
  smpte170m: 'bt601',
  fcc: 'fcc',
  smpte240m: 'smpte240m',
  bt2020nc: 'bt2020',
  bt2020: 'bt2020',
};

/** The option's name changed with ffmpeg 5.1, and the old one is gone since 9. */
function passthrough(): string[] {
  return [mediaTools().ffmpeg.libavutil < 58 ? '-vsync' : '-fps_mode', 'passthrough'];
}

function words({ buffer, byteOffset, length }: Uint8Array): Uint16Array {
  return new Uint16Array(buffer, byteOffset, length / 2);
}

/** Pairs the frames of one pipe with the moments of the other. */
async function* timedFrames(
  pipe: FramePipe,
  { further, run }: FfmpegStream,
  finish: (bytes: Uint8Array) => Uint8Array,
): AsyncGenerator<TimedFrame> {
  const moments = momentsOf(further)[Symbol.asyncIterator]();
  let moment: Promise<Arrival> | undefined;
  let frame: Promise<Arrival> | undefined;
  const frames: Uint8Array[] = [];
  const times: number[] = [];
  let ended = 0;
  try {
    while (ended < 2 || (frames.length > 0 && times.length > 0)) {
      if (frames.length > 0 && times.length > 0) {
        yield { time: times.shift()!, frame: finish(frames.shift()!) };
        continue;
      }
      // Whichever comes: ffmpeg may be some frames ahead in one pipe, and not write to the other before that is read.
      moment ??= moments.next().then(({ done, value }) => ({ done: done === true, moment: value as number }));
      frame ??= pipe.frames.next().then(({ done, value }) => ({ done: done === true, frame: value as Uint8Array }));
      // Of what ffmpeg does: while somebody works on a frame, it waits for us.
      run.waits(false);
      const arrived = await Promise.race([moment, frame].filter((one) => one !== never)).finally(() => run.waits(true));
      if (arrived.done) ended++;
      if ('moment' in arrived) {
        moment = arrived.done ? never : undefined;
        if (!arrived.done) times.push(arrived.moment);
      } else {
        frame = arrived.done ? never : undefined;
        if (!arrived.done) frames.push(arrived.frame);
      }
    }
  } finally {
    pipe.destroy();
    further.destroy();
  }
}

type Arrival = { done: boolean; moment: number } | { done: boolean; frame: Uint8Array };
/** Of a pipe that is read to its end. */
const never = new Promise<Arrival>(() => {});

/** Seconds, from lines like `0, 28224000, 28224000, 1, 12, 0x4a0b01f1`. */
async function* momentsOf(pipe: Readable): AsyncGenerator<number, undefined> {
  let tick = 1 / ticks;
  for await (const line of createInterface({ input: pipe })) {
    const base = /^#tb 0: (\d+)\/(\d+)/.exec(line);
    if (base) tick = Number(base[1]) / Number(base[2]);
    else if (!line.startsWith('#')) yield Number(line.split(',')[2]) * tick;
  }
}

function mostPixels({ width, height }: ProbedMedium): number {
  return Math.max(4 * width * height, 1 << 22);
}

/** Bytes of frames decoded at once. Each time the decoder goes through the file from its start: so not too few. */
const pageBytes = 64 << 20;

function readAnimation(
  path: string,
  format: ImageFormat,
  { width, height, fps, signal, mostRepeats }: FrameOptions,
): FrameReader {
  const repeats = new Repeats(mostRepeats);
  async function* frames() {
    const header = await imageHeader(path, format);
    const { delays, pages } = header;
    const together = Math.max(1, Math.floor(pageBytes / (3 * width * height)));
    let shown = 0;
    let emitted = 0;
    for (let from = 0; from < pages; from += together) {
      signal.throwIfAborted();
      const count = Math.min(together, pages - from);
      for (const [n, frame] of (await decodePages(path, header, { from, count, width, height })).entries()) {
        shown += (delays[from + n] ?? 100) / 1000;
        // Frame number e stands for the moment (e + 1/2) / fps.
        const before = emitted;
        while ((emitted + 0.5) / fps < shown) emitted++;
        yield* repeats.of(frame, emitted - before);
      }
    }
  }
  return {
    frames: frames(),
    complaints: async () => '',
    late: () => 0,
    isEven: () => false,
    leftOutBefore: (n) => repeats.leftOutBefore(n),
  };
}
