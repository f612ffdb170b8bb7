/**
 * FNV-1a over the UTF-8 bytes of a text, finished with murmur3's mixer: 32 bits, the same everywhere.
 * FNV alone leaves the low bits of short texts alike; the mixer spreads them.
 */
export function hash32(text: string, seed = 0): number {
  let h = 0x811c9dc5 ^ seed;
  for (const byte of encoder.encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const encoder = new TextEncoder();
