import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VimiError } from '../core/errors.js';
import type { RgbVideo } from './pixels.js';
import { probeMedia } from './probe-media.js';
import { readFrames } from './read-frames.js';
import { withTemporaryFolder } from './temporary.js';

export interface DecodeVideoOptions {
  /** Of what it should be; one that is larger is not decoded. */
  expected: Pick<RgbVideo, 'frames' | 'width' | 'height'>;
  workDir: string;
  signal: AbortSignal;
  /** By which messages name it. */
  where: string;
}

/** Room for a wrong size to be named, not for a bomb. */
const mostTimes = 16;

/**
 * All frames of a short video, each once, at its own size. `data` is empty, and `frames` 0, where the size is not the
 * expected one: nothing was decoded then. At most one frame more than expected. MEDIA_*, FFMPEG_NOT_FOUND.
 */
export async function decodeVideo(
  bytes: Uint8Array,
  { expected, workDir, signal, where }: DecodeVideoOptions,
): Promise<RgbVideo> {
  return withTemporaryFolder(workDir, async (folder) => {
    const path = join(folder, 'video');
    await writeFile(path, bytes);
    try {
      const maxPixels = mostTimes * expected.width * expected.height;
      const probe = await probeMedia(path, { maxPixels, signal });
      const { width, height } = probe;
      if (width !== expected.width || height !== expected.height || probe.kind !== 'video')
        return { frames: 0, width, height, data: new Uint8Array(0) };
      const most = expected.frames + 1;
      const exceeded = () => new VimiError('MEDIA_TOO_LARGE', 'This video has too many frames', { where });
      const reader = await readFrames(path, probe, {
        ...{ width, height, fps: probe.fps, signal },
        limit: { frames: most + 1, exceeded },
      });
      const frames: Uint8Array[] = [];
      for await (const frame of reader.frames) {
        // Frames share their buffer with what is read next.
        frames.push(Uint8Array.from(frame));
        if (frames.length === most) break;
      }
      return { frames: frames.length, width, height, data: new Uint8Array(Buffer.concat(frames)) };
    } catch (thrown) {
      throw thrown instanceof VimiError ? thrown.renamed(path, where) : thrown;
    }
  });
}
