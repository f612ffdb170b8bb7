import type { Prompt } from '../../events/prompt.js';
import type { Resources } from '../../flow/operator.js';
import { clipFramesOf } from '../../media/clip-frames.js';
import type { RgbVideo } from '../../media/pixels.js';

/** Of a clip, as admit and the corpus store them. */
const mostClipBytes = 64 * 1024 * 1024;
/** A clip of a prompt is a few seconds long. */
const mostFrames = 1024;

/** The place of the clip in a prompt that a video may start from: the first one; -1: there is none. */
export const startingPart = ({ parts }: Prompt): number => parts.findIndex((part) => 'clip' in part);

/**
 * That clip as a video of the model's own size: covering the frame, and all of it in as many frames, whatever its length. OBJECT_NOT_FOUND,
 * OBJECT_DAMAGED, MEDIA_*.
 */
export async function startingVideo(
  prompt: Prompt,
  { frames: T, width, height }: { frames: number; width: number; height: number },
  { objects, workDir, signal }: Pick<Resources, 'objects' | 'workDir'> & { signal: AbortSignal },
): Promise<RgbVideo | undefined> {
  const part = prompt.parts[startingPart(prompt)];
  if (!part || !('clip' in part)) return undefined;
  const { key, sha256 } = part.clip;
  const bytes = await objects.get(key, { sha256, maxBytes: mostClipBytes });
  const clip = await clipFramesOf(bytes, { width, height, most: mostFrames, workDir, signal });
  const size = width * height * 3;
  const data = new Uint8Array(T * size);
  for (let t = 0; t < T; t++) {
    const from = Math.floor((t * clip.frames) / T);
    data.set(clip.data.subarray(from * size, (from + 1) * size), t * size);
  }
  return { frames: T, width, height, data };
}
