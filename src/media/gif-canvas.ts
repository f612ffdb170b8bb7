import { readFile, stat } from 'node:fs/promises';

/*
 * What no frame of a GIF has drawn on, and what a frame clears behind itself, is transparent in every browser, whatever
 * the file calls its background. libvips makes it black, or of that background colour, where the frames have no
 * transparent colour. So such files are given to it with one more frame behind the last, which nobody asks for and which
 * has one; and with a white background, since animations are laid on white: the colours of the frames move from the
 * table of the file to tables of their own.
 */

interface Walk {
  /** Of the file: three bytes a colour. */
  table: Buffer;
  frames: Frame[];
  /** Where the file ends, by its own account. */
  end: number;
}

interface Frame {
  /** Where its descriptor begins. */
  at: number;
  coversAll: boolean;
  hasOwnTable: boolean;
  hasTransparency: boolean;
  disposal: number;
}

/** A larger file is not held in memory a second time: it stays as libvips shows it. */
const mostBytes = 512 << 20;

/** The bytes of a GIF of which libvips would show free parts of the canvas wrongly, so that it shows them well; null: it shows this one well. */
export async function clearedGif(image: string | Buffer): Promise<Buffer | null> {
  if (typeof image === 'string' && (await stat(image)).size > mostBytes) return null;
  const bytes = typeof image === 'string' ? await readFile(image) : image;
  const gif = walk(bytes);
  return gif && leavesFree(gif) ? rewritten(bytes, gif) : null;
}

function leavesFree({ frames }: Walk): boolean {
  const first = frames[0]!;
  const begins = !first.coversAll || (frames.length > 1 && first.disposal >= 3);
  const clears = frames.slice(0, -1).some(({ disposal, hasTransparency }) => disposal === 2 && !hasTransparency);
  return clears || (begins && !frames.some(({ hasTransparency }) => hasTransparency));
}

const white = Buffer.alloc(6, 0xff);
/** One pixel, of the colour that is transparent. */
const unseen = Buffer.from([
  ...[0x21, 0xf9, 4, 1, 0, 0, 0, 0],
  ...[0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0x80, ...white],
  ...[2, 2, 0x44, 0x01, 0],
]);

function rewritten(bytes: Buffer, { table, frames, end }: Walk): Buffer {
  const header = Buffer.from(bytes.subarray(0, 13));
  header[10] = 0x80;
  header[11] = 0;
  const parts: Buffer[] = [header, white];
  let done = 13 + (hasTable(bytes[10]!) ? table.length : 0);
  for (const { at, hasOwnTable } of frames) {
    if (hasOwnTable) continue;
    const flags = bytes[at + 9]! & 0x78;
    parts.push(bytes.subarray(done, at + 9), Buffer.from([flags | 0x80 | sizeOf(table)]), table);
    done = at + 10;
  }
  return Buffer.concat([...parts, bytes.subarray(done, end), unseen, Buffer.from([0x3b])]);
}

function hasTable(flags: number): boolean {
  return (flags & 0x80) !== 0;
}

/** As flags say it: of 2 colours 0, of 256 colours 7. */
function sizeOf(table: Buffer): number {
  return Math.log2(table.length / 6);
}

function tableAt(bytes: Buffer, at: number, flags: number): Buffer {
  return bytes.subarray(at, at + (hasTable(flags) ? 6 << (flags & 7) : 0));
}

/** Null: it is not made as GIFs are, or has no frame. The decoder says what that means. */
function walk(bytes: Buffer): Walk | null {
  if (bytes.length < 13) return null;
  const [width, height] = [bytes.readUInt16LE(6), bytes.readUInt16LE(8)];
  const found = tableAt(bytes, 13, bytes[10]!);
  // What decoders take where a file has none.
  const table = found.length > 0 ? found : Buffer.from([0, 0, 0, 0xff, 0xff, 0xff]);
  const frames: Frame[] = [];
  let control = 0;
  let at = 13 + found.length;
  while (at < bytes.length && bytes[at] !== 0x3b) {
    if (bytes[at] === 0x21) {
      if (bytes[at + 1] === 0xf9) control = bytes[at + 3] ?? 0;
      at = afterBlocks(bytes, at + 2);
    } else if (bytes[at] === 0x2c && at + 10 <= bytes.length) {
      const [left, top, w, h] = [1, 3, 5, 7].map((n) => bytes.readUInt16LE(at + n)) as [number, number, number, number];
      const flags = bytes[at + 9]!;
      frames.push({
        at,
        coversAll: left === 0 && top === 0 && w >= width && h >= height,
        hasOwnTable: hasTable(flags),
        hasTransparency: (control & 1) !== 0,
        disposal: (control >> 2) & 7,
      });
      control = 0;
      at = afterBlocks(bytes, at + 11 + tableAt(bytes, at + 10, flags).length);
    } else return null;
  }
  return at > bytes.length || frames.length === 0 ? null : { table, frames, end: at };
}

/** Blocks of up to 255 bytes, each behind its length, to the empty one. */
function afterBlocks(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== 0) at += 1 + bytes[at]!;
  return at + 1;
}
