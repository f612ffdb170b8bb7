import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';

export interface TarMember {
  name: string;
  bytes: Uint8Array;
}

/** What ends a tar: two empty blocks. Without them, tars can be joined. */
export const tarEnd = Buffer.alloc(1024);

/** Members as a tar (USTAR; PAX for what does not fit) without owner or time: the same members give the same bytes. */
export async function packTar(members: TarMember[]): Promise<Buffer> {
  const tar = pack();
  const whole = buffer(tar);
  for (const { name, bytes } of members)
    tar.entry({ name, mode: 0o644, uid: 0, gid: 0, uname: '', gname: '', mtime: new Date(0) }, Buffer.from(bytes));
  tar.finalize();
  return whole;
}
