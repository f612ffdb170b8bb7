import { type FileHandle, open } from 'node:fs/promises';

/*
 * TIFF is a container for much that is no image for the eye: measurements as floating point numbers, layers of a
 * microscope, raw data of cameras whose first image is a thumbnail. libvips reads some of it as black, white or in wrong
 * colours, and without a word. So the directory of the first image is read here, and only what is sure to come out as it
 * was meant goes on.
 */

const tags = {
  kind: 254,
  bits: 258,
  compression: 259,
  photometric: 262,
  samples: 277,
  subDirectories: 330,
  extra: 338,
  format: 339,
  dngVersion: 50706,
} as const;

const compressions = new Set([1, 2, 3, 4, 5, 7, 8, 32773, 32946]);
/** How colours are written; 0 and 1 are grey. */
const colourKinds = { rgb: 2, palette: 3, cmyk: 5, yCbCr: 6 };
const jpeg = 7;
const unsigned = 1;

/** What keeps this TIFF from being read as an image, or null when nothing does, or when its directory is not whole. */
export async function tiffObstacle(path: string): Promise<string | null> {
  const file = await open(path);
  try {
    const directory = await firstDirectory(file);
    return directory && obstacle(directory);
  } finally {
    await file.close();
  }
}

type Directory = Map<number, number[]>;

function obstacle(directory: Directory): string | null {
  const { rgb, palette, cmyk, yCbCr } = colourKinds;
  const [photometric = -1] = directory.get(tags.photometric) ?? [];
  const [compression = 1] = directory.get(tags.compression) ?? [];
  const [samples = 1] = directory.get(tags.samples) ?? [];
  const [bits = 1] = directory.get(tags.bits) ?? [];
  const [format = unsigned] = directory.get(tags.format) ?? [];
  const [kind = 0] = directory.get(tags.kind) ?? [];
  const extra = directory.get(tags.extra)?.length ?? 0;
  const isThumbnail = (kind & 1) === 1;
  if (directory.has(tags.dngVersion) || (isThumbnail && directory.has(tags.subDirectories)))
    return 'raw data of a camera';
  if (format !== unsigned) return `a TIFF with ${format === 3 ? 'floating point' : 'signed'} samples`;
  if (![1, 2, 4, 8, 16].includes(bits)) return `a TIFF with samples of ${bits} bits`;
  if (!compressions.has(compression)) return `a TIFF with compression ${compression}`;
  const isKnown = photometric <= palette || photometric === cmyk || (photometric === yCbCr && compression === jpeg);
  if (!isKnown) return `a TIFF with colours of kind ${photometric}`;
  const colours = photometric === cmyk ? 4 : photometric === rgb || photometric === yCbCr ? 3 : 1;
  if (samples - extra > colours || extra > 1 || samples < colours) return `a TIFF with ${samples} channels`;
  return null;
}

/** Numbers of the tags above; null where the file ends too soon. */
async function firstDirectory(file: FileHandle): Promise<Directory | null> {
  const at = async (position: number, length: number) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
    return bytesRead === length ? buffer : null;
  };
  const header = await at(0, 16);
  if (!header) return null;
  const little = header[0] === 0x49;
  const number = (bytes: Buffer, from: number, size: number): number => {
    if (size === 8) return Number(little ? bytes.readBigUInt64LE(from) : bytes.readBigUInt64BE(from));
    return little ? bytes.readUIntLE(from, size) : bytes.readUIntBE(from, size);
  };
  const big = number(header, 2, 2) === 43;
  const [wide, entrySize, countSize] = big ? [8, 20, 8] : [4, 12, 2];
  const start = number(header, big ? 8 : 4, wide);
  const counted = Number.isSafeInteger(start) && (await at(start, countSize));
  if (!counted) return null;
  const count = Math.min(1000, number(counted, 0, countSize));
  const entries = await at(start + countSize, count * entrySize);
  if (!entries) return null;

  const found: Directory = new Map();
  for (let n = 0; n < count; n++) {
    const from = n * entrySize;
    const tag = number(entries, from, 2);
    if (!(Object.values(tags) as number[]).includes(tag)) continue;
    const size = { 1: 1, 3: 2, 4: 4, 13: 4, 16: 8 }[number(entries, from + 2, 2)] ?? 1;
    const values = Math.min(64, number(entries, from + 4, wide));
    const inline = values * size <= wide;
    const place = inline ? null : number(entries, from + 4 + wide, wide);
    const bytes = place === null ? entries.subarray(from + 4 + wide, from + entrySize) : await at(place, values * size);
    if (!bytes) return null;
    found.set(
      tag,
      Array.from({ length: values }, (_, i) => number(bytes, i * size, size)),
    );
  }
  return found;
}
