import { Readable } from 'node:stream';
import { asVimiError, type ErrorCode, VimiError } from '../core/errors.js';
import { ffmpegToFile } from './ffmpeg.js';
import { rateText } from './frames.js';

export interface EncodeOptions {
  /** RGB frames one after the other: their bytes, or one by one. */
  frames: Uint8Array | AsyncIterable<Uint8Array>;
  width: number;
  height: number;
  fps: number;
  /** x264's quality, 0 (lossless) to 51. */
  crf: number;
  /** Whole-number enlargement by repeating pixels. Default 1. */
  scale?: number;
  /** The MP4 to write. */
  output: string;
  signal: AbortSignal;
}

/** yuv420p wants even sizes: what size an encoded video has. */
export function encodedSize(width: number, height: number, scale = 1): { width: number; height: number } {
  const even = (n: number) => n + (n % 2);
  return { width: even(width * scale), height: even(height * scale) };
}

/**
 * Writes frames as MP4 (H.264, yuv420p, index first). The same frames, options and ffmpeg give the same bytes. An odd
 * side grows by one pixel that repeats its neighbour. ENCODER_FAILED, TOOL_CRASHED, STORAGE_FULL, TIMED_OUT; TOOL_UNUSABLE
 * where the encoder fails on any frames: then these are not to blame.
 */
export async function encodeVideo(options: EncodeOptions): Promise<void> {
  try {
    await encode(options);
  } catch (thrown) {
    if (encodersOwn.has(asVimiError(thrown).code) && !options.signal.aborted) await checkEncoder(options);
    throw thrown;
  }
}

/** Frames are only numbers: what ffmpeg says of them may be its own trouble. */
const encodersOwn: ReadonlySet<ErrorCode> = new Set(['TOOL_CRASHED', 'ENCODER_FAILED', 'MEDIA_UNSUPPORTED']);

/** Two small grey frames, which every encoder takes, and to no file. */
async function checkEncoder({ signal }: EncodeOptions): Promise<void> {
  const [width, height, fps] = [32, 32, 8];
  const frames = new Uint8Array(2 * width * height * 3).fill(128);
  try {
    await encode({ frames, width, height, fps, crf: 20, output: '/dev/null', signal }, ['-f', 'null']);
  } catch (thrown) {
    const { code, message: found } = asVimiError(thrown);
    if (!encodersOwn.has(code)) throw thrown;
    throw new VimiError('TOOL_UNUSABLE', 'This ffmpeg cannot encode a video, whatever it shows', {
      ...{ expected: 'an encoder of H.264 that runs to its end', found, cause: thrown },
    });
  }
}

async function encode(options: EncodeOptions, instead: string[] = []): Promise<void> {
  const { frames, width, height, fps, crf, scale = 1, output, signal } = options;
  const inputs = [
    {
      source: Readable.from(frames instanceof Uint8Array ? slices(frames) : frames, { objectMode: false }),
      options: [
        '-f',
        'rawvideo',
        '-pix_fmt',
        'rgb24',
        '-video_size',
        `${width}x${height}`,
        '-framerate',
        rateText(fps),
      ],
    },
  ];
  await ffmpegToFile(
    {
      inputs,
      options: [
        '-map',
        '0:v:0',
        '-map_metadata',
        '-1',
        '-vf',
        codedColours(width, height, scale),
        ...asMp4(crf),
        ...instead,
      ],
      signal,
      failure: { code: 'ENCODER_FAILED', summary: 'ffmpeg could not encode these frames', where: output },
    },
    output,
  );
}

/** Output options: how clips and videos are coded. */
export function asMp4(crf: number): string[] {
  return [
    ...['-c:v', 'libx264', '-preset', 'medium', '-crf', `${crf}`, '-pix_fmt', 'yuv420p', '-threads', '1'],
    ...['-x264-params', 'colorprim=smpte170m:transfer=smpte170m:colormatrix=smpte170m:fullrange=off'],
    ...['-fflags', '+bitexact', '-flags:v', '+bitexact', '-movflags', '+faststart', '-f', 'mp4'],
  ];
}

/** The filters that make of RGB frames what is coded. */
export function codedColours(width: number, height: number, scale = 1): string {
  const { width: wide, height: high } = encodedSize(width, height, scale);
  const steps = scale === 1 ? [] : [`scale=${width * scale}:${height * scale}:flags=neighbor`];
  const [right, bottom] = [wide - width * scale, high - height * scale];
  if (right + bottom > 0) steps.push(`pad=${wide}:${high}`, `fillborders=right=${right}:bottom=${bottom}:mode=smear`);
  return [
    ...steps,
    'scale=out_color_matrix=bt601:out_range=tv:flags=accurate_rnd+full_chroma_int',
    'format=yuv420p',
  ].join(',');
}

/** A stream of one huge chunk would be copied whole into the pipe's buffer. */
function* slices(bytes: Uint8Array): Generator<Buffer> {
  const size = 1 << 18;
  for (let at = 0; at < bytes.length; at += size)
    yield Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.min(size, bytes.length - at));
}
