import sharp, { type Sharp } from 'sharp';
import { decodeImage, imageAsWebp } from '../../src/media/images.js';

/** Top left, top right, bottom left, bottom right. */
export const quarters = [
  [220, 30, 30],
  [30, 180, 30],
  [30, 30, 220],
  [220, 200, 30],
] as const;

/** An image of four plain quarters. */
export function quartered(width = 64, height = 48): Sharp {
  const data = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      data.set(quarters[(y < height / 2 ? 0 : 2) + (x < width / 2 ? 0 : 1)]!, (y * width + x) * 3);
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** Colours in the middles of the quarters of a stored image, in their order. */
export async function quartersOf(webp: Buffer): Promise<number[][]> {
  const { width, height, data } = await decodeImage(webp, 'a test');
  return [1, 3].flatMap((y) =>
    [1, 3].map((x) => {
      const at = (((y * height) >> 2) * width + ((x * width) >> 2)) * 3;
      return [...data.subarray(at, at + 3)];
    }),
  );
}

export async function keptQuarters(path: string): Promise<number[][]> {
  return quartersOf(await imageAsWebp(path, 512));
}

/** How far the worst channel of all is from what it should be. */
export function farthest(found: number[][], wanted: readonly (readonly number[])[] = quarters): number {
  return Math.max(...found.flatMap((colour, n) => colour.map((value, c) => Math.abs(value - wanted[n]![c]!))));
}

export interface TiffRecipe {
  big?: boolean;
  littleEndian?: boolean;
  tags?: Record<number, number | number[]>;
  pixels: Buffer;
}

/** A TIFF of one strip, 64 x 48, 8-bit RGB where `tags` do not say otherwise. */
export function tiff({ big = false, littleEndian = true, tags = {}, pixels }: TiffRecipe): Buffer {
  const wide = big ? 8 : 4;
  const [shortSize, entrySize] = [2, 4 + 2 * wide];
  const dataAt = 16;
  const listAt = dataAt + pixels.length;
  const lists: Buffer[] = [];
  const write = (value: number, size: number): Buffer => {
    const bytes = Buffer.alloc(size);
    for (let n = 0; n < Math.min(size, 6); n++)
      bytes[littleEndian ? n : size - 1 - n] = Math.floor(value / 256 ** n) & 255;
    return bytes;
  };
  const all: Record<number, number | number[]> = {
    256: 64,
    257: 48,
    258: [8, 8, 8],
    259: 1,
    262: 2,
    273: dataAt,
    277: 3,
    278: 48,
    279: pixels.length,
    ...tags,
  };
  const entries = Object.entries(all).map(([tag, given]) => {
    const values = [given].flat();
    const isLong = values.some((value) => value > 65_535);
    const size = isLong ? 4 : shortSize;
    const bytes = Buffer.concat(values.map((value) => write(value, size)));
    let field: Buffer = Buffer.concat([bytes, Buffer.alloc(wide)]).subarray(0, wide);
    if (bytes.length > wide) {
      field = write(listAt + Buffer.concat(lists).length, wide);
      lists.push(bytes);
    }
    return Buffer.concat([write(Number(tag), 2), write(isLong ? 4 : 3, 2), write(values.length, wide), field]);
  });
  const directoryAt = listAt + Buffer.concat(lists).length;
  const header = big
    ? [Buffer.from(littleEndian ? 'II' : 'MM'), write(43, 2), write(8, 2), write(0, 2), write(directoryAt, 8)]
    : [Buffer.from(littleEndian ? 'II' : 'MM'), write(42, 2), write(directoryAt, 4), Buffer.alloc(8)];
  if (entries.some((entry) => entry.length !== entrySize)) throw new Error('an entry has a wrong length');
  const count = write(entries.length, big ? 8 : 2);
  return Buffer.concat([...header, pixels, ...lists, count, ...entries, Buffer.alloc(wide)]);
}

/** The beginning of an ISO media file of these brands, and nothing behind it. */
export function isoFile(major: string, ...further: string[]): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(16 + 4 * further.length);
  return Buffer.concat([
    size,
    Buffer.from(`ftyp${major}`, 'latin1'),
    Buffer.alloc(4),
    Buffer.from(further.join(''), 'latin1'),
    Buffer.alloc(200, 1),
  ]);
}

/** A JPEG whose scan has the three bytes of Samsung's cameras. */
export function withSamsungScan(jpeg: Buffer): Buffer {
  const bytes = Buffer.from(jpeg);
  const at = bytes.indexOf(Buffer.from([0xff, 0xda])) + 4;
  bytes.fill(0, at + 1 + 2 * bytes[at]!, at + 4 + 2 * bytes[at]!);
  return bytes;
}
