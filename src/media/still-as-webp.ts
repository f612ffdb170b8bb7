import sharp, { type Metadata } from 'sharp';
import { VimiError } from '../core/errors.js';
import { decodingRoom, inDecodingRoom } from './decoding-room.js';
import { clearedGif } from './gif-canvas.js';
import type { ImageFormat } from './image-formats.js';
import { withEnd } from './jpeg-end.js';

export interface Still {
  /** A path, or the bytes. */
  image: string | Buffer;
  format: ImageFormat;
  /** For messages. */
  where: string;
}

/** What the header says; no pixel is decoded. MEDIA_DAMAGED. */
export function headerOf({ image, format, where }: Still): Promise<Metadata> {
  return sharp(image, { limitInputPixels: false, animated: true })
    .metadata()
    .catch((cause: Error) => {
      throw undecodable(where, format.name, cause);
    });
}

/** Rows of RGB or RGBA bytes. */
export interface Pixels {
  width: number;
  height: number;
  channels: 3 | 4;
  data: Uint8Array;
}

/** A still as WebP, as `drawStill` draws it. Equal input gives equal bytes. */
export async function stillAsWebp(still: Still, longest: number): Promise<Buffer> {
  return losslessWebp(await drawStill(still, longest));
}

/**
 * WebP that keeps each pixel. More effort than this makes it 2 to 5 % smaller and takes three times as long (measured on
 * drawings and photographs).
 */
export function losslessWebp({ width, height, channels, data }: Pixels): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels } }).webp({ lossless: true, effort: 2 }).toBuffer();
}

/**
 * The pixels of a still: upright, in sRGB, its longer side at most `longest`; transparency is kept. What every viewer shows
 * whole is whole: odd headers of cameras, stray bytes, an end marker that is missing. MEDIA_DAMAGED when pixels are
 * missing, MEDIA_TOO_LARGE when decoding takes too much memory.
 */
export async function drawStill(still: Still, longest: number): Promise<Pixels> {
  const header = await headerOf(still);
  const { where, format } = still;
  return inDecodingRoom(memoryOf(still, header), async () => {
    const draw = async (input: string | Buffer, failOn: 'warning' | 'error'): Promise<Pixels> => {
      const drawn = sharp(input, { failOn, limitInputPixels: false })
        .autoOrient()
        .resize(longest, longest, { fit: 'inside', withoutEnlargement: true });
      // libvips applies the profile of an image by itself, but not where colours have 16 bits.
      if (header.icc && header.depth === 'ushort') drawn.withIccProfile('srgb', { attach: false });
      const { data, info } = await drawn.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
      return { width: info.width, height: info.height, channels: info.channels as 3 | 4, data };
    };
    try {
      if (format.name !== 'jpeg') return await draw(await asShown(still.image, format.name), 'error');
      const { input, added } = await withEnd(still.image);
      return await draw(input, 'warning').catch(async (warning: Error) => {
        if (added || (header.isProgressive && /premature end/.test(warning.message))) throw warning;
        const drawn = await draw(input, 'error');
        if (await lacksRows(input)) throw warning;
        return drawn;
      });
    } catch (cause) {
      throw undecodable(where, format.name, cause as Error);
    }
  });
}

/** What sharp is to read, so that it shows what browsers do: the image itself, except for some GIFs. */
export async function asShown(image: string | Buffer, format: ImageFormat['name']): Promise<string | Buffer> {
  return (format === 'gif' && (await clearedGif(image))) || image;
}

/** Bytes that decoding takes. MEDIA_TOO_LARGE when that is more than there is for all images together. */
function memoryOf({ format: { held }, where }: Still, header: Metadata): number {
  const { width, height, channels = 3, depth = 'uchar', pageHeight = height } = header;
  const sample = depth === 'uchar' ? 1 : 2;
  const bytes = Math.ceil(
    width * pageHeight * ('perPixel' in held ? held.perPixel : held.perSample * channels * sample),
  );
  if (bytes <= decodingRoom) return bytes;
  throw new VimiError('MEDIA_TOO_LARGE', 'This image needs too much memory', {
    expected: `at most ${decodingRoom >> 20} MiB while it is decoded`,
    found: `${width} x ${pageHeight} pixels, ${channels} channels of ${8 * sample} bits: ${bytes >> 20} MiB`,
    where,
  });
}

/** Where the data of a JPEG ends too soon, libjpeg leaves the rest of the rows in the middle grey. */
async function lacksRows(input: string | Buffer): Promise<boolean> {
  const [width, height] = [16, 256];
  const { data, info } = await sharp(input, { failOn: 'none', limitInputPixels: false })
    .resize(width, height, { fit: 'fill', kernel: 'nearest' })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const row = width * info.channels;
  let grey = 0;
  while (grey < height) {
    const from = (height - 1 - grey) * row;
    if (!data.subarray(from, from + row).every((value) => Math.abs(value - 128) <= 2)) break;
    grey++;
  }
  return grey > height / 50;
}

/** By its decoder. libvips keeps the complaints of all images that are decoded at the time together, and each many times. */
export function undecodable(where: string, name: ImageFormat['name'], cause: Error): VimiError {
  const decoder = name === 'avif' ? /avif|heif/i : new RegExp(name, 'i');
  const own = cause.message.split('\n').find((line) => decoder.test(line));
  return damaged(where, own?.trim() ?? `${name.toUpperCase()} data that its decoder refuses`, cause);
}

export function damaged(where: string, found: string, cause: unknown): VimiError {
  return new VimiError('MEDIA_DAMAGED', 'This image cannot be decoded', {
    ...{ expected: 'a complete file', found, where, cause },
  });
}
