import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VimiError } from '../core/errors.js';
import { encodeVideo } from './encode-video.js';
import { fitWithin, rateOf } from './frames.js';
import { HeldFrames } from './held-frames.js';
import { probeMedia } from './probe-media.js';
import { readFrames } from './read-frames.js';
import { withTemporaryFolder } from './temporary.js';

export interface PromptClipLimits {
  maxSeconds: number;
  /** Of one frame, by the header. */
  maxPixels: number;
  /** Pixels of the longer side as it is kept. */
  longest: number;
  /** For the frames on their way. */
  workDir: string;
  signal: AbortSignal;
}

export interface PromptClip {
  mp4: Buffer;
  frames: number;
  fps: number;
}

const mostFps = 60;
/** As split codes clips, where nothing else is said. */
const crf = 16;

/**
 * A clip of a prompt, decoded whole and coded anew, so that nothing of a stranger's file is passed on: MP4 (H.264), without
 * sound. MEDIA_UNSUPPORTED (no video), MEDIA_DAMAGED, MEDIA_EMPTY, MEDIA_TOO_LARGE (a frame with too many pixels, or more
 * seconds, whatever the header says), ENCODER_FAILED, TIMED_OUT.
 */
export async function promptClip(path: string, limits: PromptClipLimits): Promise<PromptClip> {
  const { maxSeconds, maxPixels, longest, workDir, signal } = limits;
  const probe = await probeMedia(path, { maxPixels, signal });
  if (probe.kind !== 'video')
    throw new VimiError('MEDIA_UNSUPPORTED', 'A clip of the prompt does not move', {
      ...{ expected: 'a video of more than one frame', found: 'a still image', where: path },
      remedy: 'Send it as an image.',
    });
  if (probe.duration > maxSeconds) throw tooLong(path, maxSeconds, `${probe.duration.toFixed(1)} s`);
  const size = fitWithin(probe.width, probe.height, longest);
  const fps = rateOf(Math.min(mostFps, Math.max(1, probe.fps)));
  const most = Math.ceil(maxSeconds * fps);
  return withTemporaryFolder(workDir, async (folder) => {
    const held = new HeldFrames(join(folder, 'frames.rgb'));
    try {
      // Its own rhythm may be faster than what is kept of it.
      const limit = {
        frames: Math.ceil(maxSeconds * Math.max(fps, probe.fps)) + 1,
        exceeded: () => tooLong(path, maxSeconds, 'more'),
      };
      const { frames, complaints } = await readFrames(path, probe, { ...size, fps, signal, limit });
      for await (const frame of frames) {
        // Also of one that says it is short, and shows its frames for hours.
        if (held.count > most) throw tooLong(path, maxSeconds, 'more');
        await held.add(frame);
      }
      checkWhole(held.count, probe.duration * fps, await complaints(), path);
      const output = join(folder, 'clip.mp4');
      await encodeVideo({ frames: held.all(), ...size, fps, crf, output, signal });
      return { mp4: await readFile(output), frames: held.count, fps };
    } finally {
      await held.close();
    }
  });
}

function checkWhole(decoded: number, announced: number, complaints: string, where: string): void {
  if (decoded > 1 && (complaints === '' || decoded >= 0.9 * announced)) return;
  throw new VimiError(
    decoded === 0 && complaints === '' ? 'MEDIA_EMPTY' : 'MEDIA_DAMAGED',
    'A clip of the prompt is incomplete',
    {
      expected: `${Math.max(2, Math.round(announced))} frames`,
      found: `${decoded} frames${complaints && `; ${complaints}`}`,
      where,
    },
  );
}

function tooLong(where: string, most: number, found: string): VimiError {
  return new VimiError('MEDIA_TOO_LARGE', 'A clip of the prompt is too long', {
    ...{ expected: `at most ${most} s`, found, where },
    remedy: 'Cut it to the part that shows the motion.',
  });
}
