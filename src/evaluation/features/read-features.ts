import { readBounded } from '../../core/bounded-file.js';
import { VimiError } from '../../core/errors.js';
import { fromHalf } from '../../models/numerics/half.js';

/** n rows of d numbers: what a net says of n videos, images or texts. */
export interface Features {
  n: number;
  d: number;
  values: Float64Array;
}

/** What a buffer, read at once, takes. */
const mostBytes = 2 ** 31 - 1;
/** Nets give float32; the fourth powers of larger numbers, which distances go through, would be none any more. */
const largest = 2 ** 128;

/**
 * Reads a matrix of features: .npy (version 1 to 3, little-endian float16, float32 or float64, C order, two axes) or .json
 * (a list of rows). MEDIA_UNSUPPORTED, MEDIA_DAMAGED, MEDIA_TOO_LARGE, MEDIA_NOT_FOUND.
 */
export async function readFeatures(file: string): Promise<Features> {
  const bytes = await readBounded(file, {
    most: mostBytes,
    unreadable: ['MEDIA_NOT_FOUND', 'The features cannot be read'],
    tooLarge: ['MEDIA_TOO_LARGE', 'These features are too many'],
  });
  const features = bytes.toString('latin1', 0, 6) === '\x93NUMPY' ? parseNpy(bytes, file) : parseJson(bytes, file);
  if (features.values.length === 0) throw new VimiError('MEDIA_DAMAGED', 'This file has no features', { where: file });
  if (!features.values.every((value) => Math.abs(value) < largest))
    throw new VimiError('MEDIA_DAMAGED', 'Features must be finite numbers, as float32 holds them', { where: file });
  return features;
}

function parseNpy(bytes: Buffer, where: string): Features {
  const damaged = (found: string) =>
    new VimiError('MEDIA_DAMAGED', 'This is not a readable .npy file', {
      expected: 'little-endian floats, C order, two axes',
      found,
      where,
    });
  const long = bytes[6]! >= 2;
  const start = long ? 12 : 10;
  if (bytes.length < start) throw damaged('a cut header');
  const end = start + (long ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8));
  if (bytes.length < end) throw damaged('a cut header');
  const header = bytes.toString('latin1', start, end);
  const type = header.match(/'descr':\s*'(<f[248])'/)?.[1];
  const shape = header.match(/'shape':\s*\((\d+),\s*(\d+),?\)/);
  if (!type || !shape || !/'fortran_order':\s*False/.test(header)) throw damaged(header.trim());
  const [n, d, width] = [Number(shape[1]), Number(shape[2]), Number(type[2])];
  if (bytes.length - end !== n * d * width) throw damaged(`${bytes.length - end} bytes for [${n}, ${d}]`);
  const at = (i: number) => {
    const place = end + i * width;
    return width === 8 ? bytes.readDoubleLE(place) : bytes.readFloatLE(place);
  };
  if (width === 2) {
    const halves = Uint16Array.from({ length: n * d }, (_, i) => bytes.readUInt16LE(end + 2 * i));
    return { n, d, values: Float64Array.from(fromHalf(halves)) };
  }
  return { n, d, values: Float64Array.from({ length: n * d }, (_, i) => at(i)) };
}

function parseJson(bytes: Buffer, where: string): Features {
  const damaged = (found: string) =>
    new VimiError('MEDIA_DAMAGED', 'This is not a list of rows of features', {
      expected: '.npy, or JSON such as [[0.1, 2], [0.3, 1]]',
      found,
      where,
    });
  let rows: unknown;
  try {
    rows = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw damaged((cause as Error).message);
  }
  if (!Array.isArray(rows) || rows.length === 0 || !Array.isArray(rows[0])) throw damaged(typeof rows);
  const d = rows[0].length;
  for (const [i, row] of rows.entries())
    if (!Array.isArray(row) || row.length !== d || !row.every((value) => typeof value === 'number'))
      throw damaged(`row ${i}`);
  return { n: rows.length, d, values: Float64Array.from((rows as number[][]).flat()) };
}
