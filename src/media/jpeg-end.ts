import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';

/*
 * Many JPEGs lack nothing but the marker at their end, and others were cut, or filled with zeros, in the middle of their
 * pixels. libjpeg takes both for "premature end", or, with zeros, for an image. With the marker put at the end of the data
 * the difference shows: what was cut has too little data before it.
 */

const endMarker = Buffer.from([0xff, 0xd9]);

/** The file itself when an end marker follows its pixels, else its bytes with one added. */
export async function withEnd(image: string | Buffer): Promise<{ input: string | Buffer; added: boolean }> {
  const chunks =
    typeof image === 'string'
      ? (createReadStream(image, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>)
      : [image];
  if (await hasEnd(chunks)) return { input: image, added: false };
  const bytes = typeof image === 'string' ? await readFile(image) : image;
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return { input: Buffer.concat([bytes.subarray(0, end), endMarker]), added: true };
}

/** Headers may hold a small JPEG with an end of its own, so the marker counts only behind the start of a scan. */
async function hasEnd(chunks: AsyncIterable<Buffer> | Buffer[]): Promise<boolean> {
  let next = 2;
  let at = 0;
  let inScan = false;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = Buffer.concat([rest, chunk]);
    while (!inScan && next - at + 4 <= bytes.length) {
      const here = next - at;
      // Stray bytes between segments are skipped, as libjpeg does.
      if (bytes[here] !== 0xff || bytes[here + 1] === 0xff) next++;
      else if (bytes[here + 1] === 0xda) inScan = true;
      else next += 2 + bytes.readUInt16BE(here + 2);
    }
    if (inScan && bytes.indexOf(endMarker, Math.max(0, next - at)) >= 0) return true;
    rest = bytes.subarray(Math.max(0, bytes.length - 4));
    at += bytes.length - rest.length;
  }
  return false;
}
