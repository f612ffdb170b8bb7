import { brandsOf, formatOf } from './image-formats.js';

/*
 * What a file is that vimi does not read, in words, by its first bytes. A refusal says this and nothing else of the
 * content: it is written where others can read it, and the file may be a secret that was named by mistake.
 */

/** Text (each letter a byte), or hex after `x:`, at the start or at a place. */
const beginnings: [kind: string, start: string, at?: number][] = [
  ['a Photoshop document (PSD)', '8BPS'],
  ['a JPEG 2000 image', 'x:0000000c6a5020200d0a870a'],
  ['a JPEG 2000 image', 'x:ff4fff51'],
  ['a JPEG XL image', 'x:ff0a'],
  ['a JPEG XL image', 'x:0000000c4a584c200d0a870a'],
  ['an icon (ICO)', 'x:00000100'],
  ['an icon (ICNS)', 'icns'],
  ['a GIMP image (XCF)', 'gimp xcf'],
  ['an OpenEXR image', 'x:762f3101'],
  ['a Radiance image (HDR)', '#?RADIANCE'],
  ['a DDS texture', 'DDS '],
  ['a QOI image', 'qoif'],
  ['a PCX image', 'x:0a0501'],
  ['an SGI image', 'x:01da'],
  ['raw data of a camera', 'FUJIFILMCCD-RAW'],
  ['raw data of a camera', 'IIRO'],
  ['raw data of a camera', 'IIRS'],
  ['raw data of a camera', 'MMOR'],
  ['raw data of a camera', 'x:49495500'],
  ['a DICOM image', 'DICM', 128],
  ['a FITS image', 'SIMPLE  ='],
  ['a PDF document', '%PDF-'],
  ['a PostScript document', '%!PS'],
  ['a ZIP archive', 'PK\x03\x04'],
  ['a ZIP archive', 'PK\x05\x06'],
  ['a gzip archive', 'x:1f8b08'],
  ['a 7-Zip archive', 'x:377abcaf271c'],
  ['a RAR archive', 'Rar!\x1a'],
  ['an XZ archive', 'x:fd377a585a00'],
  ['a Zstandard archive', 'x:28b52ffd'],
  ['a bzip2 archive', 'BZh'],
  ['a tar archive', 'ustar', 257],
  ['an Apache Parquet table', 'PAR1'],
  ['an Arrow table', 'ARROW1'],
  ['a NumPy array', 'x:934e554d5059'],
  ['an HDF5 file', 'x:894844460d0a1a0a'],
  ['an SQLite database', 'SQLite format 3'],
  ['a program', 'x:7f454c46'],
  ['a document of Microsoft Office', 'x:d0cf11e0a1b11ae1'],
  ['an audio file', 'WAVE', 8],
  ['an audio file', 'AIFF', 8],
  ['an audio file', 'AIFC', 8],
  ['an audio file', 'ID3'],
  ['an audio file', 'fLaC'],
  ['an audio file', 'wvpk'],
  // Frames of MP3, AAC and AC-3 without a header before them.
  ['an audio file', 'x:fffb'],
  ['an audio file', 'x:fff3'],
  ['an audio file', 'x:fff1'],
  ['an audio file', 'x:fff9'],
  ['an audio file', 'x:0b77'],
  ['an AppleDouble file (what macOS keeps beside a file)', 'x:00051607'],
];

/** HEIF's ways to pack an image that no decoder here reads; the names that their owners know. */
const heifBrands: [kind: string, brands: string[]][] = [
  ['a HEIC image', ['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx']],
  ['raw data of a camera', ['crx ']],
  ['a JPEG 2000 image', ['jp2 ', 'j2ki', 'j2is']],
  ['a HEIF image', ['mif1', 'mif2', 'avci', 'vvic', 'jpeg']],
];

/** The kind of a file that is neither an image nor a video for vimi, or null when it may be one of these. */
export function otherKind(bytes: Buffer): string | null {
  const [major, ...further] = brandsOf(bytes);
  if (major !== undefined) {
    if (further.includes('avis')) return null;
    // The major brand `msf1` or `mif1` only says that it is HEIF; the others say of which kind.
    const says = (brands: string[]) => brands.includes(major) || (/^m[is]f\d/.test(major) && brands.some(inFurther));
    const inFurther = (brand: string) => further.includes(brand);
    return heifBrands.find(([, brands]) => says(brands))?.[0] ?? null;
  }
  const known = beginnings.find(([, start, at = 0]) => {
    const wanted = start.startsWith('x:') ? Buffer.from(start.slice(2), 'hex') : Buffer.from(start, 'latin1');
    return bytes.subarray(at, at + wanted.length).equals(wanted);
  });
  if (known) return known[0];
  if (/^P[1-7]\s/.test(bytes.toString('latin1', 0, 3))) return 'a Netpbm image (PPM, PGM or PBM)';
  if (bytes.length > 0 && bytes.every((byte) => byte === 0)) return 'nothing but zero bytes';
  return textKind(bytes);
}

/** Beginnings of what ffmpeg is asked to read: containers, streams and BMP. */
const films = [
  '1a45dfa3',
  '000001ba',
  '000001b3',
  '3026b2758e66cf11',
  '464c5601',
  '4f676753',
  '060e2b34',
  '2e524d46',
  '1f0700',
  '424d',
  '595556344d50454732',
  '444b4946',
];

/**
 * H.264 and H.265 without a container, as recorders of cameras write them: a parameter set, a delimiter or a message, behind
 * a start code of three or four bytes.
 */
const bareStream = /^(00)?000001([246]7|09|06|(40|46|4e)01)/;

/** Whether a file of any name is worth a look by `probe`: an image, or what begins like a video. */
export function mayBeMedia(bytes: Buffer): boolean {
  if (formatOf(bytes, { moving: true })) return true;
  if (otherKind(bytes) !== null) return false;
  const start = bytes.toString('latin1', 0, 12);
  if (/^....(ftyp|moov|mdat|wide|free|skip)/s.test(start) || /^RIFF....AVI /s.test(start)) return true;
  // Packets of 188 bytes, or of 192 with a time before each.
  if ([0, 4].some((at) => [0, 1, 2].every((n) => bytes[at + n * (188 + at)] === 0x47))) return true;
  const hex = bytes.toString('hex', 0, 12);
  return bareStream.test(hex) || films.some((beginning) => hex.startsWith(beginning));
}

/** What a file that cannot be read is called when its bytes say nothing. */
export const unknownKind = 'bytes of no kind that is known here';

function textKind(bytes: Buffer): string | null {
  const start = bytes.subarray(0, 4096);
  const text = start
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart();
  const root = text.startsWith('<') ? /<!doctype (html|svg)|<(html|head|body|svg)[\s>]/i.exec(text) : null;
  if (root) return /svg/i.test(root[0]) ? 'an SVG drawing' : 'a web page (HTML)';
  if (/^(?:<\?xml|<!doctype)/i.test(text)) return 'an XML document';
  if (text.startsWith('version https://git-lfs.github.com/')) return 'a pointer of Git LFS, not the file itself';
  if (text.startsWith('#EXTM3U')) return 'a playlist';
  if (/^(?:\xff\xfe|\xfe\xff)/.test(text)) return 'text';
  return start.every(isOfText) ? 'text' : null;
}

/** White space, escape and all that is no control character: no image or video keeps to these for long. */
function isOfText(byte: number): boolean {
  return byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d) || byte === 0x1b;
}
