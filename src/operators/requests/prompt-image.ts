import { createHash } from 'node:crypto';
import { VimiError } from '../../core/errors.js';
import type { ImageRole, ObjectRef } from '../../events/prompt.js';
import type { Resources } from '../../flow/operator.js';
import { mediaPath } from '../../media/media-path.js';
import { openMedia, readStart } from '../../media/open-media.js';
import { promptImage } from '../../media/prompt-image.js';

export interface RequestImage {
  image: { uri?: string; base64?: string };
  role?: ImageRole;
  /** The words that it stands for. */
  entity?: string;
}

export interface ImageLimits {
  maxBytes: number;
  maxPixels: number;
  /** Pixels of the longer side as it is kept. */
  longest: number;
}

/** An image of a request, checked, made small and put under `images/<sha256>.webp`. */
export async function storePromptImage(
  { image }: RequestImage,
  where: string,
  { maxBytes, maxPixels, longest }: ImageLimits,
  resources: Pick<Resources, 'objects' | 'mediaRoots'>,
): Promise<ObjectRef> {
  const bytes =
    image.base64 === undefined ? await read(image.uri ?? '', maxBytes, resources) : Buffer.from(image.base64, 'base64');
  return storeImageBytes(bytes, where, { maxBytes, maxPixels, longest }, resources);
}

/** The same of bytes that are here already. */
export async function storeImageBytes(
  bytes: Buffer,
  where: string,
  { maxBytes, maxPixels, longest }: ImageLimits,
  { objects }: Pick<Resources, 'objects'>,
): Promise<ObjectRef> {
  if (bytes.length > maxBytes) throw tooLarge(where, bytes.length, maxBytes);
  const webp = await promptImage(bytes, { longest, maxPixels, where });
  const sha256 = createHash('sha256').update(webp).digest('hex');
  return objects.put(`images/${sha256}.webp`, webp, { mediaType: 'image/webp', sha256, byContent: true });
}

async function read(
  uri: string,
  maxBytes: number,
  { objects, mediaRoots }: Pick<Resources, 'objects' | 'mediaRoots'>,
): Promise<Buffer> {
  if (uri.startsWith('object:')) {
    const key = uri.slice('object:'.length);
    if (!(await objects.stat(key)))
      throw new VimiError('MEDIA_NOT_FOUND', 'This object does not exist', { found: key, where: uri });
    return objects.get(key, { maxBytes });
  }
  const { handle, size, close } = await openMedia(await mediaPath(uri, mediaRoots), uri, mediaRoots);
  try {
    if (size > maxBytes) throw tooLarge(uri, size, maxBytes);
    return await readStart(handle, maxBytes + 1);
  } finally {
    await close();
  }
}

function tooLarge(where: string, size: number, most: number): VimiError {
  return new VimiError('MEDIA_TOO_LARGE', 'An image of the prompt is too large', {
    expected: `at most ${most} bytes`,
    found: `${size} bytes`,
    where,
  });
}
