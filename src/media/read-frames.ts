import { ffmpegToStream, fileUrl, strangersFile } from './ffmpeg.js';
import { layOnWhite, rateText } from './frames.js';
import type { PictureFormat } from './picture-formats.js';
import { decodePages, pictureFormat, pictureHeader } from './pictures.js';
import type { ProbedMedium } from './probe-media.js';

export interface FrameOptions {
  /** Of each frame, in pixels. */
  width: number;
  height: number;
  /** Frames a second, whatever the medium's own rhythm: frames are repeated or left out. */
  fps: number;
  signal: AbortSignal;
}

export interface FrameReader {
  /** RGB, height * width * 3 bytes each; upright, on white. Read once, to the end or not. */
  frames: AsyncIterable<Uint8Array>;
  /** After the last frame: what the decoder complained about, '' when nothing. */
  complaints(): Promise<string>;
}

/** Decodes a medium at a constant rate, one frame after the other: memory is a few frames, whatever the length. */
export async function readFrames(path: string, probe: ProbedMedium, options: FrameOptions): Promise<FrameReader> {
  const format = await pictureFormat(path);
  return format ? readAnimation(path, format, options) : readVideo(path, probe, options);
}

function readVideo(path: string, probe: ProbedMedium, { width, height, fps, signal }: FrameOptions): FrameReader {
  const channels = probe.hasAlpha ? 4 : 3;
  const size = width * height * channels;
  const { stream, complaints } = ffmpegToStream({
    // A stream may change its frame size on the way: to about what was announced, not to anything.
    inputs: [{ source: fileUrl(path), options: [...strangersFile, '-max_pixels', `${mostPixels(probe)}`] }],
    options: [
      ...['-map', '0:V:0', '-map_metadata', '-1'],
      ...['-vf', `fps=${rateText(fps)},scale=${width}:${height}:flags=area+accurate_rnd+full_chroma_int`],
      ...['-pix_fmt', probe.hasAlpha ? 'rgba' : 'rgb24', '-f', 'rawvideo'],
    ],
    signal,
    // The reader encodes while this decodes, so twenty times real time is patience, not a hang.
    timeoutMs: 120_000 + 20_000 * probe.duration,
    failure: { code: 'MEDIA_DAMAGED', summary: 'This video cannot be decoded', where: path },
  });
  async function* frames() {
    let waiting: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      waiting.push(chunk);
      bytes += chunk.length;
      if (bytes < size) continue;
      const all = Buffer.concat(waiting, bytes);
      let at = 0;
      for (; at + size <= bytes; at += size) {
        const frame = all.subarray(at, at + size);
        yield probe.hasAlpha ? layOnWhite(frame) : frame;
      }
      waiting = [all.subarray(at)];
      bytes -= at;
    }
  }
  return { frames: frames(), complaints: () => complaints };
}

function mostPixels({ width, height }: ProbedMedium): number {
  return Math.max(4 * width * height, 1 << 22);
}

/** Bytes of frames decoded at once. Each time the decoder goes through the file from its start: so not too few. */
const pageBytes = 64 << 20;

function readAnimation(path: string, format: PictureFormat, { width, height, fps, signal }: FrameOptions): FrameReader {
  async function* frames() {
    const header = await pictureHeader(path, format);
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
        for (; (emitted + 0.5) / fps < shown; emitted++) yield frame;
      }
    }
  }
  return { frames: frames(), complaints: async () => '' };
}
