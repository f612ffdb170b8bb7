import { headBytes, headOf } from './mp4-boxes.js';

/** How much is read at once: the index of a short video is in the first such stretch of the file. */
const stretch = 64 * 1024;

/**
 * The index (`moov`) of an MP4 of `size` bytes, of which only the index and the heads of the boxes before it are read. null:
 * it has none, or ends before it. `read` gives the bytes from `start` up to `end`, without that one.
 */
export async function readIndex(
  size: number,
  read: (start: number, end: number) => Promise<Buffer>,
): Promise<Buffer | null> {
  let from = 0;
  let bytes: Buffer = Buffer.alloc(0);
  const at = async (start: number, length: number): Promise<Buffer> => {
    if (start < from || start + length > from + bytes.length) {
      const end = Math.min(size, start + Math.max(length, stretch));
      bytes = await read(start, end);
      from = start;
    }
    return bytes.subarray(start - from, start - from + length);
  };
  for (let start = 0; start + headBytes <= size; ) {
    const head = await at(start, headBytes);
    if (head.length < headBytes) return null;
    const { type, size: length } = headOf(head, 0);
    if (length === undefined || start + length > size) return null;
    if (type === 'moov') return at(start, length);
    start += length;
  }
  return null;
}
