import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { asStorageError, VimiError } from '../core/errors.js';
import { mediaPath } from './media-path.js';
import { identityOf, type OpenMedia, openOwn, replaced } from './open-media.js';
import { openTar } from './open-tar.js';
import { parseTarAddress } from './tar-address.js';
import { type TarMember, tarMembers } from './tar-members.js';

/** A file of its own with the bytes of a member, for programs that want one; `release` removes it. */
export interface CopiedMember {
  medium: OpenMedia;
  release(): void;
}

/**
 * Copies a member of a tar under the roots into a file of its own. MEDIA_NOT_FOUND when the tar has no such member
 * there, MEDIA_FORBIDDEN, MEDIA_TOO_LARGE before anything is copied.
 */
export async function copyTarMember(
  uri: string,
  { roots, workDir, maxBytes, signal }: { roots: string[]; workDir: string; maxBytes: number; signal: AbortSignal },
): Promise<CopiedMember> {
  const tar = await openMember(uri, roots, workDir);
  try {
    if (tar.size > maxBytes) {
      const found = `${tar.size} bytes`;
      throw new VimiError('MEDIA_TOO_LARGE', 'This member of a tar is too large', {
        ...{ expected: `at most ${maxBytes} bytes`, found, where: uri },
      });
    }
    const folder = await mkdir(workDir, { recursive: true })
      .then(() => mkdtemp(join(workDir, 'member-')))
      .catch((thrown: unknown) => {
        throw asStorageError(thrown);
      });
    const release = () => void rm(folder, { recursive: true, force: true }).catch(() => {});
    try {
      const path = join(folder, 'medium');
      if (tar.size > 0) {
        const bytes = { start: tar.at, end: tar.at + tar.size - 1, fd: tar.medium.handle, autoClose: false };
        await pipeline(createReadStream('', bytes), createWriteStream(path), { signal }).catch((thrown: unknown) => {
          throw signal.aborted ? thrown : asStorageError(thrown);
        });
      } else await pipeline([], createWriteStream(path));
      const medium = await openOwn(path, uri);
      if (medium.size === tar.size && (await isUnchanged(tar.medium))) return { medium, release };
      await medium.close();
      throw replaced(uri);
    } catch (error) {
      release();
      throw error;
    }
  } finally {
    await tar.medium.close();
  }
}

/** The tar, opened, and where in it the member's bytes are. The caller closes it. */
export async function openMember(
  uri: string,
  roots: string[],
  workDir: string,
): Promise<{ medium: OpenMedia; at: number; size: number }> {
  const address = parseTarAddress(uri);
  if (!address)
    throw new VimiError('MEDIA_FORBIDDEN', 'This medium may not be read', {
      ...{ expected: 'tar:PATH#PLACE/NAME, as `vimi ingest` writes it', found: 'tar:', where: uri },
    });
  const medium = await openTar(await mediaPath(address.path, roots), uri, roots, workDir);
  const member = await memberAt(medium, address.header);
  if (member?.name === address.name && !member.obstacle) return { medium, at: member.at, size: member.size };
  await medium.close();
  throw new VimiError('MEDIA_NOT_FOUND', 'The tar has no such member at this place', {
    ...{ expected: address.name, found: member?.name ?? 'no header of a tar', where: uri },
    remedy: 'The tar was written anew: ingest it again.',
  });
}

async function isUnchanged({ handle, identity }: OpenMedia): Promise<boolean> {
  return identityOf(await handle.stat({ bigint: true })) === identity;
}

/** The member whose headers begin at a place. Null: none does. */
async function memberAt({ handle, size }: OpenMedia, header: number): Promise<TarMember | null> {
  try {
    for await (const member of tarMembers(handle, size, { from: header, where: '' }))
      return member.header === header ? member : null;
  } catch {
    // The bytes there are no header.
  }
  return null;
}
