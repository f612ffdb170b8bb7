/*
 * An image of a hundred kilobytes can take hundreds of megabytes while it is decoded, and many are decoded at once. So
 * all that are decoded in a process share so much memory, and each waits, in turn, until there is room for it.
 */

/** Bytes. The largest image of 48 megapixels takes as much: an AVIF of 44, a PNG of 64 with 16-bit colours and alpha. */
export const decodingRoom = 768 * 1024 ** 2;

let free = decodingRoom;
const waiting: { bytes: number; enter(): void }[] = [];

/** Does the work as soon as there is room for `bytes` (at most `decodingRoom`). */
export async function inDecodingRoom<T>(bytes: number, work: () => Promise<T>): Promise<T> {
  if (waiting.length > 0 || bytes > free) await new Promise<void>((enter) => waiting.push({ bytes, enter }));
  else free -= bytes;
  try {
    return await work();
  } finally {
    free += bytes;
    for (let [next] = waiting; next && next.bytes <= free; [next] = waiting) {
      waiting.shift();
      free -= next.bytes;
      next.enter();
    }
  }
}
