import sharp from 'sharp';

/*
 * A file is of the format that its first bytes say: names lie. But bytes can be made to look like one format to us and
 * like another to libvips, which knows many more: an SVG, say, that begins with "<!--ftypavif", and that may show the
 * images that lie beside it. So the decoders that we do not name are switched off, for the whole process.
 */

export interface ImageFormat {
  name: 'png' | 'jpeg' | 'gif' | 'webp' | 'tiff' | 'avif';
  is(bytes: Buffer): boolean;
  /** Has further frames, which sharp does not see and ffmpeg does. */
  moves?(bytes: Buffer): boolean;
  /** libvips's name of its decoder. */
  decoder: string;
  /** Bytes in memory for each pixel, measured: beside those of its samples, or whatever its samples are. */
  held: { perSample: number } | { perPixel: number };
}

const formats: ImageFormat[] = [
  {
    name: 'png',
    is: (bytes) => begins(bytes, '89504e470d0a1a0a'),
    moves: isAnimatedPng,
    decoder: 'Png',
    held: { perSample: 1.25 },
  },
  { name: 'jpeg', is: (bytes) => begins(bytes, 'ffd8ff'), decoder: 'Jpeg', held: { perSample: 1.25 } },
  { name: 'gif', is: (bytes) => begins(bytes, '47494638'), decoder: 'Nsgif', held: { perPixel: 6 } },
  {
    name: 'webp',
    is: (bytes) => begins(bytes, '52494646') && begins(bytes, '57454250', 8),
    decoder: 'Webp',
    held: { perPixel: 5 },
  },
  {
    name: 'tiff',
    is: (bytes) => ['49492a00', '4d4d002a', '49492b00', '4d4d002b'].some((start) => begins(bytes, start)),
    decoder: 'Tiff',
    held: { perSample: 1.25 },
  },
  {
    name: 'avif',
    // One with `avis` moves: that is a video.
    is: (bytes) => ['avif', 'mif1'].includes(brandsOf(bytes)[0] ?? '') && brandsOf(bytes).includes('avif'),
    decoder: 'Heif',
    held: { perPixel: 18 },
  },
];

sharp.block({ operation: ['VipsForeignLoad'] });
// Results are kept by file name, whatever bytes it has by now.
sharp.cache(false);
sharp.unblock({ operation: formats.map(({ decoder }) => `VipsForeignLoad${decoder}`) });

/** How many bytes `formatOf` looks at; an animation says so behind the colour profile of a PNG. */
export const signatureBytes = 1 << 16;

/**
 * The format of an image that sharp reads, by the first bytes of a file. Null: none; or, unless `moving`, one that moves
 * and that is a video for ffmpeg.
 */
export function formatOf(bytes: Buffer, { moving = false } = {}): ImageFormat | null {
  const format = formats.find(({ is }) => is(bytes));
  return format && (moving || !format.moves?.(bytes)) ? format : null;
}

/** The brands of an ISO media file, the major one first; empty for every other file. */
export function brandsOf(bytes: Buffer): string[] {
  if (bytes.length < 16 || bytes.toString('latin1', 4, 8) !== 'ftyp') return [];
  const end = Math.min(bytes.readUInt32BE(0), bytes.length);
  const brands = [bytes.toString('latin1', 8, 12)];
  for (let at = 16; at + 4 <= end; at += 4) brands.push(bytes.toString('latin1', at, at + 4));
  return brands;
}

function begins(bytes: Buffer, hex: string, at = 0): boolean {
  return bytes.toString('hex', at, at + hex.length / 2) === hex;
}

/** The chunk that says so stands before the first one with pixels. */
function isAnimatedPng(bytes: Buffer): boolean {
  for (let at = 8; at + 8 <= bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    const type = bytes.toString('latin1', at + 4, at + 8);
    if (type === 'acTL') return true;
    if (type === 'IDAT') return false;
  }
  return false;
}
