// @ts-nocheck: a plain script
/** Numbers at the edges of what formats hold. */
const edges = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

const at = (bytes, random) => Math.floor(random() * Math.max(1, bytes.length));
/** More often near the beginning, where headers are. */
const early = (bytes, random) => Math.floor(random() ** 3 * Math.max(1, bytes.length));

const changes = [
  /** Bits. */
  (bytes, _, random) => {
    const made = Buffer.from(bytes);
    for (let n = 0; n <= random() * 32; n++) {
      const place = early(made, random);
      made[place] ^= 1 << Math.floor(random() * 8);
    }
    return made;
  },
  /** A number of four bytes. */
  (bytes, _, random) => {
    const made = Buffer.from(bytes);
    if (made.length < 4) return made;
    const place = Math.min(early(made, random), made.length - 4);
    const value = edges[Math.floor(random() * edges.length)];
    if (random() < 0.5) made.writeUInt32BE(value, place);
    else made.writeUInt32LE(value, place);
    return made;
  },
  /** The end is missing. */
  (bytes, _, random) => bytes.subarray(0, at(bytes, random)),
  /** A piece is missing. */
  (bytes, _, random) => {
    const [from, length] = [at(bytes, random), Math.floor(random() * 512)];
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + length)]);
  },
  /** A piece stands twice. */
  (bytes, _, random) => {
    const [from, length] = [at(bytes, random), Math.floor(random() * 2048)];
    return Buffer.concat([bytes.subarray(0, from + length), bytes.subarray(from)]);
  },
  /** A piece of another file. */
  (bytes, other, random) => {
    const [from, of] = [at(bytes, random), at(other, random)];
    return Buffer.concat([bytes.subarray(0, from), other.subarray(of, of + 1024), bytes.subarray(from)]);
  },
  /** Zeros. */
  (bytes, _, random) => {
    const made = Buffer.from(bytes);
    const from = early(made, random);
    return made.fill(0, from, Math.min(made.length, from + Math.floor(random() * 256)));
  },
];

/** One to four changes, mostly one, of a file's bytes; the same for the same numbers. */
export function mutate(bytes, other, random) {
  let made = bytes;
  for (let n = 0; n <= random() ** 2 * 4; n++)
    made = changes[Math.floor(random() * changes.length)](made, other, random);
  return made;
}
