import { createHash } from 'node:crypto';
import type { ObjectRef } from '../../events/prompt.js';
import type { Clip, MediaFile, MediaProbe } from '../../flow/flow.js';
import type { Resources } from '../../flow/operator.js';
import type { RgbImage } from '../../media/pixels.js';
import { perceptualHash } from '../../models/encoders/built-in/perceptual-hash.js';

/** What split has around it. */
export type Around = Pick<Resources, 'objects' | 'embedder' | 'log' | 'workDir'>;

export interface Medium {
  /** What is read; `file.path` may lead elsewhere by now. */
  path: string;
  file: MediaFile;
  probe: MediaProbe;
  signal: AbortSignal;
}

/** Both are measured on a white background. */
export async function appearanceOf(
  image: RgbImage,
  { embedder }: Around,
): Promise<Pick<Clip, 'perceptual' | 'imageEmbedding'>> {
  return { perceptual: perceptualHash(image), imageEmbedding: await embedder.image(image) };
}

/** Under a name that follows from the bytes. */
export function store({ objects }: Around, folder: string, bytes: Buffer, mediaType: string): Promise<ObjectRef> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const extension = mediaType === 'video/mp4' ? 'mp4' : 'webp';
  return objects.put(`${folder}/${sha256}.${extension}`, bytes, { mediaType, sha256, byContent: true });
}
