import { VimiError } from '../../core/errors.js';
import { probeMedia } from '../../media/probe-media.js';
import { readFrames } from '../../media/read-frames.js';
import { type Net, openNet } from '../../models/encoders/onnx/net.js';
import { type NetInput, netInput, netNumbers, type PixelScale } from './net-input.js';
import type { Features } from './read-features.js';

export interface FeatureNetOptions {
  scale: PixelScale;
  /**
   * Of each video. For a net of videos that leaves it open: its first frames; for a net of images: so many over the whole
   * length, a row each.
   */
  frames?: number;
  /** Pixels to each side, for a net that leaves them open. */
  side?: number;
  /** Which output; the first when left out. */
  output?: string;
  signal: AbortSignal;
  onRow?(rows: number): void;
}

/** With the net that they are of: what it takes, and the SHA-256 of its file. */
export interface NetFeatures extends Features {
  input: NetInput;
  sha256: string;
}

const usualFrames = 8;
const imagesAtOnce = 8;
const mostPixels = 40_000_000;
const longestRow = 65_536;

/**
 * What the net in an ONNX file says of media files, in their order: a row a video for a net of videos, `frames` rows a video
 * for a net of images. Frames are scaled to what the net takes, whatever their own form. SHAPE_MISMATCH, USAGE; the errors
 * of onnx/net.ts and of the media.
 */
export async function netFeatures(
  file: string,
  media: readonly string[],
  options: FeatureNetOptions,
): Promise<NetFeatures> {
  if (media.length === 0) throw new VimiError('MEDIA_NOT_FOUND', 'No medium was found');
  const net = await openNet(file);
  try {
    const input = netInput(net.inputs, options, file);
    const output = options.output ?? net.outputs[0]?.name ?? '';
    if (!net.outputs.some(({ name }) => name === output))
      throw new VimiError('USAGE', `The net has no output '${output}'`, {
        expected: net.outputs.map(({ name }) => name).join(' or '),
        where: file,
      });
    // A video is much already; of a net that asks for a number of them, it gets that number.
    const together = input.batch ?? (input.frames === null ? imagesAtOnce : 1);
    const rows: Float32Array[] = [];
    let waiting: Uint8Array[][] = [];
    const flush = async () => {
      const count = waiting.length;
      if (count === 0) return;
      while (input.batch && waiting.length < input.batch) waiting.push(waiting[0]!);
      rows.push(...(await rowsOf(net, input, output, waiting, options.scale)).slice(0, count));
      waiting = [];
      options.onRow?.(rows.length);
      if (rows.some(({ length }) => length !== rows[0]!.length))
        throw new VimiError('SHAPE_MISMATCH', 'The net returns rows of different lengths', { where: file });
    };
    for (const path of media)
      for (const clip of await clipsOf(path, input, options)) {
        options.signal.throwIfAborted();
        waiting.push(clip);
        if (waiting.length >= together) await flush();
      }
    await flush();
    const d = rows[0]!.length;
    const values = new Float64Array(rows.length * d);
    for (const [i, row] of rows.entries()) values.set(row, i * d);
    return { n: rows.length, d, values, input, sha256: net.sha256 };
  } finally {
    await net.close();
  }
}

/** What goes into the net for one medium: its first frames as one clip, or single frames from all over it. */
async function clipsOf(path: string, input: NetInput, { frames, signal }: FeatureNetOptions): Promise<Uint8Array[][]> {
  const probe = await probeMedia(path, { maxPixels: mostPixels, signal });
  const { width, height } = input;
  const wanted = input.frames ?? frames ?? usualFrames;
  const still = probe.kind === 'still';
  const fps = still ? 10 : input.frames === null ? wanted / probe.duration : probe.fps;
  const reader = await readFrames(path, probe, { width, height, fps, signal });
  const found: Uint8Array[] = [];
  for await (const frame of reader.frames) {
    found.push(Uint8Array.from(frame));
    if (found.length === wanted) break;
  }
  if (found.length === 0 || (input.frames !== null && found.length < wanted)) {
    const complaints = await reader.complaints();
    throw new VimiError('SHAPE_MISMATCH', 'This video is too short for the net', {
      expected: `${wanted} frames`,
      found: `${found.length}${complaints && `; ${complaints}`}`,
      where: path,
    });
  }
  if (input.frames !== null) return [found];
  // By rounding there may be one too few.
  while (found.length < wanted) found.push(found.at(-1)!);
  return found.map((frame) => [frame]);
}

async function rowsOf(
  net: Net,
  input: NetInput,
  output: string,
  clips: Uint8Array[][],
  scale: PixelScale,
): Promise<Float32Array[]> {
  const { values, shape } = (await net.run({ [input.name]: netNumbers(input, clips, scale) }))[output]!;
  const n = clips.length;
  const d = values.length / n;
  if (shape[0] !== n || !(d >= 1 && d <= longestRow))
    throw new VimiError('SHAPE_MISMATCH', 'The net does not return one row of features for each input', {
      expected: `[${n}, up to ${longestRow}]`,
      found: `[${shape}]`,
      where: net.file,
    });
  return clips.map((_, i) => values.slice(i * d, (i + 1) * d));
}
