import { open } from 'node:fs/promises';
import sharp from 'sharp';
import { VimiError } from '../errors.js';
import { decodingRoom, inDecodingRoom } from './decoding-room.js';
import { formatOf, type PictureFormat, signatureBytes } from './picture-formats.js';
import type { RgbImage } from './pixels.js';
import { damaged, headerOf, stillAsWebp } from './still-as-webp.js';
import { tiffObstacle } from './tiff-header.js';

/** The picture format that the bytes of a file say, or null. */
export async function pictureFormat(path: string): Promise<PictureFormat | null> {
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
 * What a picture's header says; no pixel is decoded. MEDIA_DAMAGED when it cannot be read, MEDIA_UNSUPPORTED for a TIFF
 * that is no picture for the eye.
 */
export async function pictureHeader(path: string, format: PictureFormat): Promise<PictureHeader> {
  const obstacle = format.name === 'tiff' ? await tiffObstacle(path) : null;
  if (obstacle)
    throw new VimiError('MEDIA_UNSUPPORTED', 'This picture cannot be shown as it is meant', {
      expected: 'a TIFF of 8 or 16 unsigned bits, in grey, RGB or CMYK',
      found: obstacle,
      where: path,
    });
  const found = await headerOf({ picture: path, format, where: path });
  const pages = found.pages ?? 1;
  const animated = pages > 1 && found.delay !== undefined;
  const turned = !animated && (found.orientation ?? 1) >= 5;
  const pageHeight = found.pageHeight ?? found.height;
  const [width, height] = turned ? [pageHeight, found.width] : [found.width, pageHeight];
  return {
    format: format.name,
    width,
    height,
    hasAlpha: found.hasAlpha ?? false,
    pages: animated ? pages : 1,
    // Browsers show anything shorter than 20 ms for 100 ms; so do we, since authors looked at it there.
    delays: animated ? (found.delay ?? []).map((ms) => (ms < 20 ? 100 : ms)) : [],
  };
}

/** The still of a file as WebP: see `stillAsWebp`. */
export async function pictureAsWebp(path: string, longest: number): Promise<Buffer> {
  const format = await pictureFormat(path);
  if (!format) throw damaged(path, 'a file of another kind', undefined);
  return stillAsWebp({ picture: path, format, where: path }, longest);
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
    throw damaged(where, (cause as Error).message, cause);
  }
}

/** Pages [from, from + count) of an animation as RGB frames of the given size, on white. */
export async function decodePages(
  path: string,
  page: PictureHeader,
  { from, count, width, height }: { from: number; count: number; width: number; height: number },
): Promise<Uint8Array[]> {
  // The canvas twice, in RGBA, and what comes out, before and after it is laid on white.
  const bytes = 8 * page.width * page.height + 7 * count * width * height;
  const { data } = await inDecodingRoom(Math.min(bytes, decodingRoom), () =>
    sharp(path, { page: from, pages: count, failOn: 'error', limitInputPixels: false })
      .resize(width, height, { fit: 'fill' })
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true })
      .catch((cause: Error) => {
        throw damaged(path, cause.message, cause);
      }),
  );
  const size = width * height * 3;
  return Array.from({ length: count }, (_, n) => data.subarray(n * size, (n + 1) * size));
}
