/*
 * A block is a row of sequences. Each: a token (high nibble: count of literals, low nibble: length of the match less 4; a
 * nibble of 15 goes on in bytes that are added to it, up to the first below 255), the literals, and how far back the match
 * starts (uint16, little endian). The last sequence ends after its literals.
 */
const shortestMatch = 4;

/** Where a block may write: from `at` up to `end`; its matches reach back to `floor`. */
export interface Room {
  out: Uint8Array;
  at: number;
  end: number;
  floor: number;
}

/** Unpacks one block of LZ4 and returns where what it wrote ends. Throws for damage, and when the room is too small. */
export function unpackBlock(block: Uint8Array, { out, at: start, end, floor }: Room): number {
  let from = 0;
  let at = start;
  while (from < block.length) {
    const token = block[from++]!;

    let literals = token >> 4;
    if (literals === 15) {
      const next = extensionEnd(block, from);
      literals += extension(block, from, next);
      from = next;
    }
    if (literals > block.length - from || literals > end - at) throw damaged();
    for (const until = from + literals; from < until; ) out[at++] = block[from++]!;
    if (from === block.length) return at;

    if (block.length - from < 2) throw damaged();
    const back = block[from]! | (block[from + 1]! << 8);
    from += 2;
    let length = (token & 15) + shortestMatch;
    if (length === 15 + shortestMatch) {
      const next = extensionEnd(block, from);
      length += extension(block, from, next);
      from = next;
    }
    if (back === 0 || back > at - floor || length > end - at) throw damaged();
    // Byte after byte: a match may run into what it is writing.
    for (const until = at + length; at < until; at++) out[at] = out[at - back]!;
  }
  throw damaged();
}

/** Behind the first byte below 255. */
function extensionEnd(block: Uint8Array, from: number): number {
  let at = from;
  while (block[at] === 255) at++;
  if (at >= block.length) throw damaged();
  return at + 1;
}

function extension(block: Uint8Array, from: number, end: number): number {
  return 255 * (end - 1 - from) + block[end - 1]!;
}

function damaged(): Error {
  return new Error('a block is damaged, or larger than it may be');
}
