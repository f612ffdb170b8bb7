import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';

/*
 * Animations byte by byte, since no encoder here leaves canvas free: GIF, WebP and PNG of plain frames that may be smaller
 * than the canvas.
 */

export interface PlainFrame {
  left?: number;
  top?: number;
  /** Of its own; else it covers the canvas. */
  side?: number;
  /** Of `colours`. */
  colour: number;
  /** As the format writes it. */
  dispose?: number;
  /** GIF: index 255 of it is transparent. */
  transparency?: boolean;
  /** GIF: its colours are in a table of its own. */
  ownTable?: boolean;
}

export interface Animation {
  side: number;
  frames: PlainFrame[];
}

const colours = [
  [10, 20, 200],
  [220, 30, 30],
  [30, 180, 30],
] as const;

/** Its background colour is the first of `colours`. Not packed: each code has 9 bits. */
export function plainGif({ side: all, frames }: Animation): Buffer {
  const table = Buffer.alloc(768);
  for (const [n, colour] of colours.entries()) table.set(colour, 3 * n);
  const parts: Buffer[] = [Buffer.from('GIF89a'), Buffer.from([all, 0, all, 0, 0xf7, 0, 0]), table];
  for (const { left = 0, top = 0, side = all, colour, dispose = 1, transparency = false, ownTable = false } of frames) {
    parts.push(Buffer.from([0x21, 0xf9, 4, (dispose << 2) | (transparency ? 1 : 0), 20, 0, 255, 0]));
    parts.push(Buffer.from([0x2c, left, 0, top, 0, side, 0, side, 0, ownTable ? 0x87 : 0]));
    if (ownTable) parts.push(table);
    // A clear before each pixel keeps the codes at 9 bits.
    const codes = Array.from({ length: side * side }, () => [256, colour]).flat();
    const packed = bits([...codes, 257], 9);
    parts.push(Buffer.from([8]));
    for (let at = 0; at < packed.length; at += 255) {
      const block = packed.subarray(at, at + 255);
      parts.push(Buffer.from([block.length]), block);
    }
    parts.push(Buffer.from([0]));
  }
  return Buffer.concat([...parts, Buffer.from([0x3b])]);
}

function bits(codes: readonly number[], width: number): Buffer {
  const packed = Buffer.alloc(Math.ceil((codes.length * width) / 8));
  for (const [n, code] of codes.entries())
    for (let bit = 0; bit < width; bit++)
      if ((code >> bit) & 1) packed[(n * width + bit) >> 3]! |= 1 << ((n * width + bit) & 7);
  return packed;
}

/** Without the flag that says there is alpha. */
export async function plainWebp({ side: all, frames }: Animation): Promise<Buffer> {
  const u24 = (n: number) => Buffer.from([n & 255, n >> 8, 0]);
  const chunk = (name: string, data: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(data.length);
    return Buffer.concat([Buffer.from(name), length, data, Buffer.alloc(data.length & 1)]);
  };
  const canvas = Buffer.concat([Buffer.from([2, 0, 0, 0]), u24(all - 1), u24(all - 1)]);
  const parts = [chunk('VP8X', canvas), chunk('ANIM', Buffer.from([200, 20, 10, 255, 0, 0]))];
  for (const { left = 0, top = 0, side = all, colour, dispose = 0 } of frames) {
    const [r, g, b] = colours[colour]!;
    const still = await sharp({ create: { width: side, height: side, channels: 3, background: { r, g, b } } })
      .webp({ lossless: true })
      .toBuffer();
    const place = [u24(left / 2), u24(top / 2), u24(side - 1), u24(side - 1), u24(200), Buffer.from([2 | dispose])];
    parts.push(chunk('ANMF', Buffer.concat([...place, still.subarray(12)])));
  }
  return chunk('RIFF', Buffer.concat([Buffer.from('WEBP'), ...parts]));
}

export interface PngAnimation extends Animation {
  /** RGBA; else RGB. */
  alpha?: true;
  /** The image of the file is no frame of it. */
  hidden?: true;
}

export function plainApng({ side: all, frames, alpha, hidden }: PngAnimation): Buffer {
  const u32 = (...numbers: number[]) => {
    const bytes = Buffer.alloc(4 * numbers.length);
    for (const [n, number] of numbers.entries()) bytes.writeUInt32BE(number >>> 0, 4 * n);
    return bytes;
  };
  const chunk = (name: string, ...data: Buffer[]) => {
    const body = Buffer.concat([Buffer.from(name), ...data]);
    return Buffer.concat([u32(body.length - 4), body, u32(crc32(body))]);
  };
  const pixels = (side: number, colour: number) => {
    const pixel = [...colours[colour]!, ...(alpha ? [255] : [])];
    const row = Buffer.from([0, ...Array.from({ length: side }, () => pixel).flat()]);
    return deflateSync(Buffer.concat(Array.from({ length: side }, () => row)));
  };
  const parts = [
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', u32(all, all), Buffer.from([8, alpha ? 6 : 2, 0, 0, 0])),
    chunk('acTL', u32(frames.length, 0)),
    ...(hidden ? [chunk('IDAT', pixels(all, 0))] : []),
  ];
  let number = 0;
  for (const [n, { left = 0, top = 0, side = all, colour, dispose = 0 }] of frames.entries()) {
    const rest = Buffer.from([0, 20, 0, 100, dispose, 0]);
    parts.push(chunk('fcTL', u32(number++, side, side, left, top), rest));
    const data = pixels(side, colour);
    parts.push(n === 0 && !hidden ? chunk('IDAT', data) : chunk('fdAT', u32(number++), data));
  }
  return Buffer.concat([...parts, chunk('IEND')]);
}
