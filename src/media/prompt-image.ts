import { VimiError } from '../core/errors.js';
import { otherKind, unknownKind } from './file-kinds.js';
import { refuseHdr } from './hdr-image.js';
import { formatOf } from './image-formats.js';
import { headerOf, stillAsWebp } from './still-as-webp.js';

/** What a prompt may hold; told by the first bytes, before any decoder sees them. */
const allowed = ['png', 'jpeg', 'webp'];

/**
 * An image of a prompt as lossless WebP: see `stillAsWebp`. MEDIA_EMPTY, MEDIA_UNSUPPORTED (not PNG, JPEG or WebP; of what
 * else it is only the kind is told; or HDR), MEDIA_TOO_LARGE (more than `maxPixels` by its header: nothing is decoded then),
 * MEDIA_DAMAGED.
 */
export async function promptImage(
  bytes: Buffer,
  { longest, maxPixels, where }: { longest: number; maxPixels: number; where: string },
): Promise<Buffer> {
  if (bytes.length === 0) throw new VimiError('MEDIA_EMPTY', 'An image of the prompt is empty', { where });
  const format = formatOf(bytes, { moving: true });
  if (!format || !allowed.includes(format.name))
    throw new VimiError('MEDIA_UNSUPPORTED', 'An image of the prompt has an unknown type', {
      expected: 'PNG, JPEG or WebP',
      found: format ? format.name.toUpperCase() : (otherKind(bytes) ?? unknownKind),
      where,
      remedy: 'Convert it to PNG, JPEG or WebP.',
    });
  refuseHdr(bytes, where);
  const still = { image: bytes, format, where };
  const { width, height, pageHeight = height } = await headerOf(still);
  if (width * pageHeight > maxPixels)
    throw new VimiError('MEDIA_TOO_LARGE', 'An image of the prompt has too many pixels', {
      expected: `at most ${maxPixels}`,
      found: `${width} x ${pageHeight} = ${width * pageHeight}`,
      where,
      remedy: 'Reduce the image.',
    });
  return stillAsWebp(still, longest);
}
