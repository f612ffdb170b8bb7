import { buffer } from 'node:stream/consumers';
import { type Extract, extract, pack } from 'tar-stream';

export interface TarMember {
  name: string;
  bytes: Uint8Array;
}

/** What ends a tar: two empty blocks. Without them, tars can be joined. */
export const tarEnd = Buffer.alloc(1024);

/** Members as a tar (USTAR; PAX for what does not fit) without owner or time: the same members give the same bytes. */
export async function packTar(members: readonly TarMember[]): Promise<Buffer> {
  const tar = pack();
  const whole = buffer(tar);
  for (const { name, bytes } of members)
    tar.entry({ name, mode: 0o644, uid: 0, gid: 0, uname: '', gname: '', mtime: new Date(0) }, Buffer.from(bytes));
  tar.finalize();
  return whole;
}

/**
 * The files of a tar, one after the other. A member of more than `most` bytes is refused before it is read; whatever is
 * no tar fails as the source or the library says it.
 */
export async function* unpackTar(
  source: NodeJS.ReadableStream,
  { most = Number.POSITIVE_INFINITY }: { most?: number } = {},
): AsyncGenerator<{ name: string; bytes: Buffer }> {
  const tar: Extract = extract();
  source.on('error', (error) => tar.destroy(error));
  source.pipe(tar);
  for await (const entry of tar) {
    const { type, name, size = 0 } = entry.header;
    if (type !== 'file') {
      entry.resume();
      continue;
    }
    if (size > most) throw new Error(`the member ${name} is too large: expected at most ${most} bytes`);
    yield { name, bytes: await buffer(entry) };
  }
}

/** Where the bytes of each file lie in what `packTar` wrote, in its order. */
export function contentsOf(tar: Buffer): { offset: number; size: number }[] {
  const found: { offset: number; size: number }[] = [];
  for (let at = 0; at + 512 <= tar.length; ) {
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 136), 8) || 0;
    // A PAX header, which a long name has before it, is no file.
    if (tar[at + 156] === file) found.push({ offset: at + 512, size });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return found;
}
const file = '0'.charCodeAt(0);
