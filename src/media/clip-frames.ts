import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VimiError } from '../core/errors.js';
import type { RgbVideo } from './pixels.js';
import { probeMedia } from './probe-media.js';
import { readFrames } from './read-frames.js';
import { withTemporaryFolder } from './temporary.js';

export interface ClipFramesOptions {
  /** Of each frame, in pixels: the film covers it, its middle, and is not stretched; what stands out is cut off. */
  width: number;
  height: number;
  /** No more than so many frames, from the first one on. */
  most: number;
  signal: AbortSignal;
}

/** Of a frame of the film, before it is made small. */
const mostPixels = 40_000_000;

/**
 * The first frames of a film, in its own rhythm, in memory; none where none decodes. Decoded as `readFrames` does
 * everywhere. MEDIA_UNSUPPORTED, MEDIA_DAMAGED, MEDIA_EMPTY, MEDIA_TOO_LARGE, TIMED_OUT.
 */
export async function clipFrames(path: string, { width, height, most, signal }: ClipFramesOptions): Promise<RgbVideo> {
  const probe = await probeMedia(path, { maxPixels: mostPixels, signal });
  const covering = coverOf(probe, { width, height });
  const { frames } = await readFrames(path, probe, { ...covering, fps: probe.fps || 1, signal });
  const data: Uint8Array[] = [];
  for await (const frame of frames) {
    data.push(middleOf(frame, covering, { width, height }));
    if (data.length >= most) break;
  }
  return { frames: data.length, width, height, data: new Uint8Array(Buffer.concat(data)) };
}

/** The same of an MP4 in memory: ffmpeg wants a file. */
export function clipFramesOf(mp4: Uint8Array, { workDir, ...options }: ClipFramesOptions & { workDir: string }) {
  return withTemporaryFolder(workDir, async (folder): Promise<RgbVideo> => {
    const path = join(folder, 'clip.mp4');
    await writeFile(path, mp4);
    return clipFrames(path, options).catch((error: unknown) => {
      throw error instanceof VimiError ? error.renamed(path, '.mp4') : error;
    });
  });
}

interface Size {
  width: number;
  height: number;
}

/** The size in which a film covers a frame, its shape kept. */
function coverOf(film: Size, { width, height }: Size): Size {
  const scale = Math.max(width / film.width, height / film.height);
  return {
    width: Math.max(width, Math.round(film.width * scale)),
    height: Math.max(height, Math.round(film.height * scale)),
  };
}

function middleOf(frame: Uint8Array, from: Size, to: Size): Uint8Array {
  const [left, top] = [(from.width - to.width) >> 1, (from.height - to.height) >> 1];
  const middle = new Uint8Array(3 * to.width * to.height);
  for (let y = 0; y < to.height; y++) {
    const at = 3 * ((top + y) * from.width + left);
    middle.set(frame.subarray(at, at + 3 * to.width), 3 * y * to.width);
  }
  return middle;
}
