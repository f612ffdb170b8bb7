import { open } from 'node:fs/promises';
import sharp from 'sharp';
import { VimiError } from '../core/errors.js';
import { decodingRoom, inDecodingRoom } from './decoding-room.js';
import { clearedGif } from './gif-canvas.js';
import { refuseHdr } from './hdr-image.js';
import { formatOf, type ImageFormat, signatureBytes } from './image-formats.js';
import type { RgbImage } from './pixels.js';
import {
  asShown,
  damaged,
  drawStill,
  headerOf,
  losslessWebp,
  type Pixels,
  type Still,
  stillAsWebp,
  undecodable,
} from './still-as-webp.js';
import { tiffObstacle } from './tiff-header.js';
import { textsOfImage } from './written-texts.js';

/** The image format that the bytes of a file say, or null. */
export async function imageFormat(path: string): Promise<ImageFormat | null> {
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

export interface ImageHeader {
  format: ImageFormat['name'];
  /** As displayed: EXIF orientation applied. */
  width: number;
  height: number;
  hasAlpha: boolean;
  pages: number;
  /** Milliseconds that each page is shown; empty for a still. */
  delays: number[];
  /** What its EXIF, XMP and IPTC say of it. */
  texts: string[];
}

/**
 * What an image's header says; no pixel is decoded. MEDIA_DAMAGED when it cannot be read, MEDIA_UNSUPPORTED for a TIFF
 * that is no image for the eye, and for HDR.
 */
export async function imageHeader(path: string, format: ImageFormat): Promise<ImageHeader> {
  const obstacle = format.name === 'tiff' ? await tiffObstacle(path) : null;
  if (obstacle) throw unlike(path, 'a TIFF of 8 or 16 unsigned bits, in grey, RGB or CMYK', obstacle);
  refuseHdr(await firstBytes(path, signatureBytes), path);
  const found = await headerOf({ image: path, format, where: path });
  const pages = found.pages ?? 1;
  const animated = pages > 1 && found.delay !== undefined;
  const turned = !animated && (found.orientation ?? 1) >= 5;
  const pageHeight = found.pageHeight ?? found.height;
  const [width, height] = turned ? [pageHeight, found.width] : [found.width, pageHeight];
  return {
    format: format.name,
    width,
    height,
    hasAlpha: found.hasAlpha || (format.name === 'gif' && (await clearedGif(path)) !== null),
    pages: animated ? pages : 1,
    // Browsers show anything shorter than 20 ms for 100 ms; so do we, since authors looked at it there.
    delays: animated ? (found.delay ?? []).map((ms) => (ms < 20 ? 100 : ms)) : [],
    texts: textsOfImage(found),
  };
}

/** Of an image that would be shown otherwise than it was meant. */
export function unlike(where: string, expected: string, found: string): VimiError {
  return new VimiError('MEDIA_UNSUPPORTED', 'This image cannot be decoded correctly', { expected, found, where });
}

/** The still of a file as WebP: see `stillAsWebp`. */
export async function imageAsWebp(path: string, longest: number): Promise<Buffer> {
  return stillAsWebp(await stillOf(path), longest);
}

/** The same, and its pixels laid on white, of one decoding. */
export async function imageAndWebp(path: string, longest: number): Promise<{ webp: Buffer; image: RgbImage }> {
  const drawn = await drawStill(await stillOf(path), longest);
  return { webp: await losslessWebp(drawn), image: await onWhite(drawn) };
}

async function stillOf(path: string): Promise<Still> {
  const format = await imageFormat(path);
  if (!format) throw damaged(path, 'a file of another kind', undefined);
  return { image: path, format, where: path };
}

async function onWhite({ width, height, channels, data }: Pixels): Promise<RgbImage> {
  if (channels === 3) return { width, height, data };
  const laid = sharp(data, { raw: { width, height, channels } }).flatten({ background: '#ffffff' });
  return { width, height, data: await laid.raw().toBuffer() };
}

/** A frame as WebP, lossless. */
export function frameAsWebp(frame: RgbImage): Promise<Buffer> {
  return losslessWebp({ ...frame, channels: 3 });
}

/** A frame as PNG, for readers that may know no WebP. */
export function frameAsPng({ width, height, data }: RgbImage): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

export interface DecodeOptions {
  /** By its header; 40 million when left out. */
  maxPixels?: number;
  /** The image covers a frame of this size, its middle, without being stretched; of its own size when left out. */
  cover?: { width: number; height: number };
}

/**
 * Decodes a still of a known format, upright, transparent pixels laid on white. MEDIA_DAMAGED, also for bytes of any other
 * kind, MEDIA_TOO_LARGE.
 */
export async function decodeImage(
  bytes: Buffer,
  where: string,
  { maxPixels = 40_000_000, cover }: DecodeOptions = {},
): Promise<RgbImage> {
  const format = formatOf(bytes, { moving: true });
  if (format === null) throw damaged(where, 'bytes of no supported image format', null);
  try {
    const drawn = sharp(await asShown(bytes, format.name), { limitInputPixels: maxPixels })
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .removeAlpha();
    if (cover) drawn.resize(cover.width, cover.height, { fit: 'cover' });
    const { data, info } = await drawn.raw().toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data };
  } catch (cause) {
    if (/pixel limit/.test((cause as Error).message))
      throw new VimiError('MEDIA_TOO_LARGE', 'This image has too many pixels', {
        expected: `at most ${maxPixels}`,
        where,
      });
    throw undecodable(where, format.name, cause as Error);
  }
}

/** Pages [from, from + count) of an animation as RGB frames of the given size, on white. */
export async function decodePages(
  path: string,
  page: ImageHeader,
  { from, count, width, height }: { from: number; count: number; width: number; height: number },
): Promise<Uint8Array[]> {
  // The canvas twice, in RGBA, and what comes out, before and after it is laid on white.
  const bytes = 8 * page.width * page.height + 7 * count * width * height;
  const { data } = await inDecodingRoom(Math.min(bytes, decodingRoom), async () =>
    sharp(await asShown(path, page.format), { page: from, pages: count, failOn: 'error', limitInputPixels: false })
      .resize(width, height, { fit: 'fill' })
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true })
      .catch((cause: Error) => {
        throw undecodable(path, page.format, cause);
      }),
  );
  const size = width * height * 3;
  return Array.from({ length: count }, (_, n) => data.subarray(n * size, (n + 1) * size));
}
