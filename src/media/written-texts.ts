import type { Metadata } from 'sharp';

/*
 * What somebody wrote into a file about what it shows: descriptions, titles and comments in EXIF, XMP and IPTC of an image, and
 * in the tags of a container. The bytes are a stranger's: every place is checked before it is read, and nothing is read beyond
 * bounds. Descriptions come before titles, and those before comments. Whether a text says anything, its reader judges.
 */

/** Of all texts of a file, and of one; what is longer is no caption. */
const mostTexts = 16;
const mostBytes = 16 * 1024;
/** Of XMP: it stands near the beginning. */
const mostXmp = 256 * 1024;

export function textsOfImage({ exif, xmp, iptc }: Pick<Metadata, 'exif' | 'xmp' | 'iptc'>): string[] {
  const exifTexts = exif ? textsInExif(exif) : [];
  const found = [...(xmp ? textsInXmp(xmp) : []), ...(iptc ? textsInIptc(iptc) : []), ...exifTexts];
  return inOrder(found);
}

/** Names of tags as the containers have them, of most use first. */
const containerTags: [RegExp, Rank][] = [
  [/^(?:com\.apple\.quicktime\.)?(?:description|synopsis|imagedescription)$/i, 0],
  [/^(?:com\.apple\.quicktime\.)?(?:title|displayname)$/i, 1],
  [/^(?:com\.apple\.quicktime\.)?comment$/i, 2],
];

/** Of the tags of a container, and of a stream in it. */
export function textsOfTags(...tags: (Record<string, unknown> | undefined)[]): string[] {
  const found: Found[] = [];
  for (const [name, text] of tags.flatMap((some) => Object.entries(some ?? {}))) {
    const rank = containerTags.find(([pattern]) => pattern.test(name))?.[1];
    if (rank !== undefined && typeof text === 'string') found.push({ rank, text: text.slice(0, mostBytes + 1) });
  }
  return inOrder(found);
}

/** 0: what it shows; 1: its name; 2: a remark. */
type Rank = 0 | 1 | 2;
interface Found {
  rank: Rank;
  text: string;
}

function inOrder(found: readonly Found[]): string[] {
  const texts = [...found].sort((a, b) => a.rank - b.rank).map(({ text }) => text.trim());
  return [...new Set(texts)].filter((text) => text !== '' && text.length <= mostBytes).slice(0, mostTexts);
}

const exifTags: Record<number, { rank: Rank; utf16?: true; charset?: true }> = {
  270: { rank: 0 },
  40091: { rank: 1, utf16: true },
  40092: { rank: 2, utf16: true },
  40095: { rank: 0, utf16: true },
  37510: { rank: 2, charset: true },
};
const exifDirectory = 0x8769;

function textsInExif(bytes: Buffer): Found[] {
  const tiff = bytes.toString('latin1', 0, 6) === 'Exif\0\0' ? bytes.subarray(6) : bytes;
  const order = tiff.toString('latin1', 0, 2);
  if (tiff.length < 8 || (order !== 'II' && order !== 'MM')) return [];
  const number = (at: number, size: 2 | 4) => {
    if (at + size > tiff.length) return 0;
    return order === 'II' ? tiff.readUIntLE(at, size) : tiff.readUIntBE(at, size);
  };
  const found: Found[] = [];
  const directory = (at: number): number => {
    let inner = 0;
    const entries = at >= 8 ? Math.min(500, number(at, 2)) : 0;
    for (let n = 0; n < entries; n++) {
      const entry = at + 2 + n * 12;
      const [tag, count] = [number(entry, 2), number(entry + 4, 4)];
      if (tag === exifDirectory) inner = number(entry + 8, 4);
      const kind = exifTags[tag];
      if (!kind || count > mostBytes) continue;
      const from = count <= 4 ? entry + 8 : number(entry + 8, 4);
      if (from + count > tiff.length) continue;
      const text = exifText(tiff.subarray(from, from + count), kind, order);
      if (text !== null) found.push({ rank: kind.rank, text });
    }
    return inner;
  };
  const inner = directory(number(4, 4));
  if (inner !== 0) directory(inner);
  return found;
}

function exifText(bytes: Buffer, { utf16, charset }: { utf16?: true; charset?: true }, order: string): string | null {
  if (utf16) return untilZero(decoded(bytes, 'utf-16le'));
  if (!charset) return untilZero(decoded(bytes, 'utf-8'));
  const [name, text] = [bytes.toString('latin1', 0, 8), bytes.subarray(8)];
  if (name === 'ASCII\0\0\0') return untilZero(decoded(text, 'utf-8'));
  return name === 'UNICODE\0' ? untilZero(decoded(text, order === 'II' ? 'utf-16le' : 'utf-16be')) : null;
}

/** Captions of the press (2:120) and names of objects (2:5). */
const iptcTags: Record<number, Rank> = { 120: 0, 5: 1 };

function textsInIptc(bytes: Buffer): Found[] {
  const found: Found[] = [];
  for (let at = bytes.indexOf(0x1c); at >= 0 && at + 5 <= bytes.length && found.length < mostTexts; ) {
    const [record, tag, size] = [bytes[at + 1]!, bytes[at + 2]!, bytes.readUInt16BE(at + 3)];
    const end = at + 5 + size;
    // Anything but a data set: a marker among other bytes.
    const isOne = bytes[at] === 0x1c && record >= 1 && record <= 9 && size < 0x8000 && end <= bytes.length;
    const rank = isOne && record === 2 ? iptcTags[tag] : undefined;
    if (rank !== undefined) {
      const text = decoded(bytes.subarray(at + 5, end), 'utf-8');
      if (text !== null) found.push({ rank, text });
    }
    at = bytes.indexOf(0x1c, isOne ? end : at + 1);
  }
  return found;
}

const xmpTags: [string, Rank][] = [
  ['dc:description', 0],
  ['dc:title', 1],
];

function textsInXmp(bytes: Buffer): Found[] {
  const xml = decoded(bytes.subarray(0, mostXmp), 'utf-8', false) ?? '';
  return xmpTags.flatMap(([tag, rank]) => {
    const inner = contentOf(xml, tag);
    if (inner === null) return [];
    // In several languages: the first is the default.
    const text = contentOf(inner, 'rdf:li') ?? inner;
    return text.includes('<') ? [] : [{ rank, text: unescaped(text) }];
  });
}

/** Of the first such element; searched by plain steps, which no text can make slow. */
function contentOf(xml: string, tag: string): string | null {
  const open = xml.indexOf(`<${tag}`);
  const from = open < 0 ? -1 : xml.indexOf('>', open + tag.length) + 1;
  if (from <= 0 || xml[from - 2] === '/') return null;
  const end = xml.indexOf(`</${tag}>`, from);
  return end < 0 ? null : xml.slice(from, end);
}

const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescaped(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos));/gi, (all, decimal, hex, name) => {
    if (name !== undefined) return named[String(name).toLowerCase()]!;
    const code = Number.parseInt(decimal ?? hex, decimal === undefined ? 16 : 10);
    return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) ? String.fromCodePoint(code) : all;
  });
}

/** null: bytes of another encoding. */
function decoded(bytes: Buffer, encoding: 'utf-8' | 'utf-16le' | 'utf-16be', fatal = true): string | null {
  try {
    return new TextDecoder(encoding, { fatal }).decode(bytes);
  } catch {
    return null;
  }
}

function untilZero(text: string | null): string | null {
  return text?.split('\0', 1)[0] ?? null;
}
