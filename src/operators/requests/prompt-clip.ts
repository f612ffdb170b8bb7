import { createHash } from 'node:crypto';
import { VimiError } from '../../core/errors.js';
import type { ClipRef } from '../../events/prompt.js';
import type { Resources } from '../../flow/operator.js';
import { mediaPath } from '../../media/media-path.js';
import { openMedia, openOwn } from '../../media/open-media.js';
import { type PromptClipLimits, promptClip } from '../../media/prompt-clip.js';

export interface RequestClip {
  clip: { uri: string };
  caption?: string;
  role?: 'motion';
}

export interface ClipLimits extends Pick<PromptClipLimits, 'maxSeconds' | 'maxPixels' | 'longest'> {
  maxBytes: number;
}

type Around = Pick<Resources, 'objects' | 'mediaRoots' | 'workDir'> & { signal: AbortSignal };

/** A clip of a request, checked, decoded, coded anew and put under `clips/<sha256>.mp4`. */
export async function storePromptClip({ clip }: RequestClip, limits: ClipLimits, around: Around): Promise<ClipRef> {
  return withFile(clip.uri, limits.maxBytes, around, (path) => storeClipFile(path, limits, around));
}

/** The same of a file of our own. */
export async function storeClipFile(
  path: string,
  limits: Omit<ClipLimits, 'maxBytes'>,
  { objects, workDir, signal }: Omit<Around, 'mediaRoots'>,
): Promise<ClipRef> {
  const { mp4, frames, fps } = await promptClip(path, { ...limits, workDir, signal });
  const sha256 = createHash('sha256').update(mp4).digest('hex');
  const stored = await objects.put(`clips/${sha256}.mp4`, mp4, { mediaType: 'video/mp4', sha256, byContent: true });
  return { ...stored, frames, fps, seconds: frames / fps };
}

/** Gives `work` a path to the file; what it says of the path it says of the uri. */
async function withFile<T>(
  uri: string,
  maxBytes: number,
  { objects, mediaRoots }: Around,
  work: (path: string) => Promise<T>,
): Promise<T> {
  const local = uri.startsWith('object:') ? await localObject(uri, maxBytes, objects) : null;
  try {
    const { path, size, close } = local
      ? await openOwn(local.path, uri)
      : await openMedia(await mediaPath(uri, mediaRoots), uri, mediaRoots);
    try {
      if (size > maxBytes) throw tooLarge(uri, size, maxBytes);
      if (size === 0) throw new VimiError('MEDIA_EMPTY', 'A clip of the prompt is empty', { where: uri });
      return await work(path).catch((error: unknown) => {
        throw error instanceof VimiError ? error.renamed(path, uri) : error;
      });
    } finally {
      await close();
    }
  } finally {
    await local?.release();
  }
}

async function localObject(uri: string, maxBytes: number, objects: Resources['objects']) {
  const key = uri.slice('object:'.length);
  const found = await objects.stat(key);
  if (!found) throw new VimiError('MEDIA_NOT_FOUND', 'This object does not exist', { found: key, where: uri });
  if (found.size > maxBytes) throw tooLarge(uri, found.size, maxBytes);
  return objects.localFile(key);
}

function tooLarge(where: string, size: number, most: number): VimiError {
  return new VimiError('MEDIA_TOO_LARGE', 'A clip of the prompt is too large', {
    ...{ expected: `at most ${most} bytes`, found: `${size} bytes`, where },
  });
}
