import type { FileHandle } from 'node:fs/promises';
import { VimiError } from '../core/errors.js';

/*
 * A tar is read by its headers alone, which stand at multiples of 512 bytes; the bytes of members are skipped. A header:
 *
 *     0  100  name            156    1  type: '0' or NUL a file, 'x' and 'g' PAX, 'L' the long name of the next member
 *                             'S' a sparse file (GNU)
 *   124   12  size, octal     257    6  'ustar' and NUL (POSIX), or a space (GNU)
 *   148    8  checksum        345  155  what stands before the name (POSIX)
 *
 * A size above 8 GiB is a binary number, and the first bit of its field says so. An empty block ends the tar.
 *
 * Of a sparse file only the parts that are not empty are in the tar, and a map of them: in further blocks behind the header (GNU;
 * a byte says whether one follows), or before the parts (PAX, and the file's name is a record of its own).
 */

export interface TarMember {
  name: string;
  /** Where its headers begin: one that holds a long name stands before its own. */
  header: number;
  /** Where its bytes begin. */
  at: number;
  size: number;
  /** Why it cannot be read where it lies; undefined: it can. Folders are left out. */
  obstacle?: typeof noFile | typeof sparse;
}

export const noFile = 'a link, pipe or device in a tar';
export const sparse = 'a sparse file in a tar (pack it without --sparse)';

const block = 512;
/** Of a PAX header or a long name. */
const mostExtra = 1 << 20;
const longestName = 4096;

/**
 * The members of a tar of `size` bytes, in order, from a header on. MEDIA_DAMAGED, with the place, for what is no tar.
 * `onNoEnd`: it stops behind a whole member, without the empty block that ends a tar.
 */
export async function* tarMembers(
  file: FileHandle,
  size: number,
  { from = 0, where, onNoEnd }: { from?: number; where: string; onNoEnd?: () => void },
): AsyncGenerator<TarMember> {
  let extra: { name?: string; size?: number; header?: number; isSparse?: boolean } = {};
  for (let header = from; header < size; ) {
    const found = readHeader(await bytesAt(file, header, block, where), header, where);
    if (!found) return;
    const { type } = found;
    const at = header + block + (type === 'S' ? await mapBytes(file, header, where) : 0);
    if (type === 'x' || type === 'L') {
      if (found.size > mostExtra)
        throw damaged(`a header of at most ${mostExtra} bytes`, `${found.size}`, header, where);
      const text = await bytesAt(file, at, found.size, where);
      extra = { header, ...extra, ...(type === 'L' ? { name: textUntilNul(text) } : paxOf(text)) };
    } else if (!'gK'.includes(type)) {
      const { isSparse = type === 'S', ...others } = extra;
      const member = { name: found.name, header, at, size: found.size, ...others };
      if (!(member.size <= size - at))
        throw damaged(`${member.size} bytes of ${member.name}`, `${size - at}`, header, where);
      const isFile = type === '0' || type === '\0' || type === '7';
      if (member.name.length > longestName) throw damaged('a shorter name', `${member.name.length}`, header, where);
      const obstacle = isSparse ? sparse : isFile ? undefined : noFile;
      if (type !== '5' && !(isFile && member.name.endsWith('/'))) yield { ...member, ...(obstacle && { obstacle }) };
      found.size = member.size;
      extra = {};
    }
    header = at + Math.ceil(found.size / block) * block;
  }
  onNoEnd?.();
}

function readHeader(bytes: Buffer, at: number, where: string): { name: string; size: number; type: string } | null {
  if (bytes.every((byte) => byte === 0)) return null;
  // The checksum is summed up as if its own field held spaces.
  const sum = bytes.reduce((total, byte, n) => total + (n >= 148 && n < 156 ? 32 : byte), 0);
  if (octal(bytes.subarray(148, 156)) !== sum) throw damaged('a header of a tar', 'bytes that are none', at, where);
  const isPosix = bytes.toString('latin1', 257, 263) === 'ustar\0';
  const before = isPosix ? textUntilNul(bytes.subarray(345, 500)) : '';
  const name = textUntilNul(bytes.subarray(0, 100));
  const size = bytes[124]! & 0x80 ? Number(bytes.readBigUInt64BE(128)) : octal(bytes.subarray(124, 136));
  if (!Number.isSafeInteger(size)) throw damaged('the size of a member', bytes.toString('latin1', 124, 136), at, where);
  return { name: before ? `${before}/${name}` : name, size, type: String.fromCharCode(bytes[156]!) };
}

function octal(field: Buffer): number {
  const digits = textUntilNul(field).trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || '0', 8) : Number.NaN;
}

function textUntilNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end === -1 ? bytes.length : end);
}

/** Of the map behind the header of a sparse file. */
async function mapBytes(file: FileHandle, header: number, where: string): Promise<number> {
  let bytes = 0;
  let [from, place] = [header, 482];
  while ((await bytesAt(file, from, block, where))[place] !== 0) {
    bytes += block;
    [from, place] = [header + bytes, 504];
  }
  return bytes;
}

/** Records of "LENGTH KEY=VALUE\n", where the length counts the whole record. */
function paxOf(bytes: Buffer): { name?: string; size?: number; isSparse?: true } {
  const found: ReturnType<typeof paxOf> = {};
  /** Of a sparse file; `path` is then one that nobody gave it. */
  let name: string | undefined;
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at);
    const length = Number.parseInt(bytes.toString('latin1', at, space), 10);
    if (space === -1 || !(length > space - at)) break;
    const record = bytes.toString('utf8', space + 1, at + length - 1);
    const [key, value] = [record.slice(0, record.indexOf('=')), record.slice(record.indexOf('=') + 1)];
    if (key === 'path') found.name = value;
    if (key === 'GNU.sparse.name') name = value;
    if (key?.startsWith('GNU.sparse.')) found.isSparse = true;
    if (key === 'size') found.size = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    at += length;
  }
  return { ...found, ...(name !== undefined && { name }) };
}

async function bytesAt(file: FileHandle, at: number, length: number, where: string): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
  if (bytesRead < length) throw damaged(`${length} bytes`, `${bytesRead}: it is cut short`, at, where);
  return buffer;
}

function damaged(expected: string, found: string, at: number, where: string): VimiError {
  return new VimiError('MEDIA_DAMAGED', 'This tar is damaged', { expected, found, where: `${where}, byte ${at}` });
}
