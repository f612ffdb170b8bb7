/*
 * Near-duplicates in an inverted index, without a miss (multi-index hashing; Norouzi et al., 2012). A perceptual hash is cut
 * into four bands of 16 bits. Of two hashes that differ in at most d bits, one band differs in at most d / 4. So it is
 * enough to look up each band with so few bits turned; the whole hashes are compared afterwards.
 */

const width = 16;

/** Above it so many spellings of a band would have to be looked up that comparing everything is the better way. */
export const mostBits = 11;

/** The hash of a flat image says nothing and is near to none. */
export const isFlat = (perceptual: string) => /^0*$/.test(perceptual);

/** The bands of a hash of 16 hex digits, each with its place: what is indexed. */
export function bandsOf(perceptual: string): string[] {
  return [0, 1, 2, 3].map((n) => `${n}:${perceptual.slice(4 * n, 4 * n + 4)}`);
}

/** One of these is a band of every hash at most `distance` (up to `mostBits`) bits away. */
export function bandsNear(perceptual: string, distance: number): string[] {
  const turned = Math.floor(distance / 4);
  return [0, 1, 2, 3].flatMap((n) => {
    const band = Number.parseInt(perceptual.slice(4 * n, 4 * n + 4), 16);
    return turnedUpTo(band, turned).map((value) => `${n}:${value.toString(16).padStart(4, '0')}`);
  });
}

function turnedUpTo(band: number, most: number, from = 0): number[] {
  const found = [band];
  if (most === 0) return found;
  for (let bit = from; bit < width; bit++) found.push(...turnedUpTo(band ^ (1 << bit), most - 1, bit + 1));
  return found;
}

/** Bits in which two hashes differ. */
export function bitsBetween(a: string, b: string): number {
  let different = BigInt(`0x${a}`) ^ BigInt(`0x${b}`);
  let bits = 0;
  for (; different > 0n; different &= different - 1n) bits++;
  return bits;
}
