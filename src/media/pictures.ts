import { open } from 'node:fs/promises';
import sharp from 'sharp';
import { VimiError } from '../errors.js';
import { formatOf, signatureBytes } from './picture-formats.js';
import type { RgbImage } from './pixels.js';

/** The picture format that the bytes of a file say, or null. */
export async function pictureFormat(path: string): Promise<string | null> {
  return formatOf(await firstBytes(path, signatureBytes));
}

export async function firstBytes(path: string, most: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(most), 0, most, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

export interface PictureHeader {
  format: string;
  /** As displayed: EXIF orientation applied. */
  width: number;
  height: number;
  hasAlpha: boolean;
  pages: number;
  /** Milliseconds that each page is shown; empty for a still. */
  delays: number[];
}

/**
 * What a picture's header says; no pixel is decoded. MEDIA_DAMAGED when it cannot be read, MEDIA_TOO_LARGE when one page
 * has more than `maxPixels`.
 */
export async function pictureHeader(path: string, maxPixels: number): Promise<PictureHeader> {
  const found = await sharp(path, { limitInputPixels: false, animated: true })
    .metadata()
    .catch((cause: Error) => {
      throw damaged(path, cause);
    });
  const pages = found.pages ?? 1;
  const animated = pages > 1 && found.delay !== undefined;
  const turned = !animated && (found.orientation ?? 1) >= 5;
  const pageHeight = found.pageHeight ?? found.height;
  const [width, height] = turned ? [pageHeight, found.width] : [found.width, pageHeight];
  if (width * height > maxPixels)
    throw new VimiError('MEDIA_TOO_LARGE', 'This picture has too many pixels', {
      expected: `at most ${maxPixels}`,
      found: `${width} x ${height} = ${width * height}`,
      where: path,
    });
  return {
    format: found.format ?? 'unknown',
    width,
    height,
    hasAlpha: found.hasAlpha ?? false,
    pages: animated ? pages : 1,
    // Browsers show anything shorter than 20 ms for 100 ms; so do we, since authors looked at it there.
    delays: animated ? (found.delay ?? []).map((ms) => (ms < 20 ? 100 : ms)) : [],
  };
}

/**
 * A still as WebP, lossless, upright, in sRGB, its longer side at most `longest`; transparency is kept, metadata is not.
 * MEDIA_DAMAGED when not every row decodes.
 */
export async function pictureAsWebp(path: string, longest: number): Promise<Buffer> {
  return sharp(path, { failOn: 'warning' })
    .autoOrient()
    .resize(longest, longest, { fit: 'inside', withoutEnlargement: true })
    .webp({ lossless: true, effort: 4 })
    .toBuffer()
    .catch((cause: Error) => {
      throw damaged(path, cause);
    });
}

/** A frame as WebP, lossless. */
export function frameAsWebp({ width, height, data }: RgbImage): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .webp({ lossless: true, effort: 4 })
    .toBuffer();
}

/** Decodes PNG, JPEG, WebP ... bytes of at most `maxPixels`, transparent pixels laid on white. MEDIA_DAMAGED, MEDIA_TOO_LARGE. */
export async function decodePicture(bytes: Uint8Array, where: string, maxPixels = 40_000_000): Promise<RgbImage> {
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: maxPixels })
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data };
  } catch (cause) {
    if (/pixel limit/.test((cause as Error).message))
      throw new VimiError('MEDIA_TOO_LARGE', 'This picture has too many pixels', {
        expected: `at most ${maxPixels}`,
        where,
      });
    throw damaged(where, cause as Error);
  }
}

/** Pages [from, from + count) of an animation as RGB frames of the given size, on white. */
export async function decodePages(
  path: string,
  { from, count, width, height }: { from: number; count: number; width: number; height: number },
): Promise<Uint8Array[]> {
  const { data } = await sharp(path, { page: from, pages: count, failOn: 'warning', limitInputPixels: false })
    .resize(width, height, { fit: 'fill' })
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((cause: Error) => {
      throw damaged(path, cause);
    });
  const size = width * height * 3;
  return Array.from({ length: count }, (_, n) => data.subarray(n * size, (n + 1) * size));
}

function damaged(where: string, cause: Error): VimiError {
  return new VimiError('MEDIA_DAMAGED', 'This picture cannot be decoded', {
    expected: 'a complete file',
    found: cause.message,
    where,
    cause,
  });
}
