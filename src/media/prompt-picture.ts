import sharp from 'sharp';
import { VimiError } from '../errors.js';
import { formatOf } from './picture-formats.js';

/** What a prompt may hold; told by the first bytes, before any decoder sees them. */
const allowed = ['png', 'jpeg', 'webp'];

/**
 * An image of a prompt as lossless WebP: upright, sRGB, its longer side at most `longest`, transparency kept. Equal
 * input gives equal bytes. MEDIA_EMPTY, MEDIA_UNSUPPORTED (not PNG, JPEG or WebP), MEDIA_TOO_LARGE (more than
 * `maxPixels` by its header: nothing is decoded then), MEDIA_DAMAGED.
 */
export async function promptPicture(
  bytes: Buffer,
  { longest, maxPixels, where }: { longest: number; maxPixels: number; where: string },
): Promise<Buffer> {
  if (bytes.length === 0) throw new VimiError('MEDIA_EMPTY', 'An image of the prompt is empty', { where });
  if (!allowed.includes(formatOf(bytes) ?? ''))
    throw new VimiError('MEDIA_UNSUPPORTED', 'An image of the prompt is of no known type', {
      expected: 'PNG, JPEG or WebP',
      found: `bytes ${bytes.toString('hex', 0, 12)}`,
      where,
    });
  const damaged = (cause: Error) =>
    new VimiError('MEDIA_DAMAGED', 'An image of the prompt cannot be decoded', {
      expected: 'a complete file',
      found: cause.message,
      where,
      cause,
    });
  const { width, height } = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch((cause: Error) => {
      throw damaged(cause);
    });
  if (width * height > maxPixels)
    throw new VimiError('MEDIA_TOO_LARGE', 'An image of the prompt has too many pixels', {
      expected: `at most ${maxPixels}`,
      found: `${width} x ${height} = ${width * height}`,
      where,
    });
  return sharp(bytes, { failOn: 'warning', limitInputPixels: maxPixels })
    .autoOrient()
    .resize(longest, longest, { fit: 'inside', withoutEnlargement: true })
    .toColourspace('srgb')
    .webp({ lossless: true, effort: 4 })
    .toBuffer()
    .catch((cause: Error) => {
      throw damaged(cause);
    });
}
