import { lstat, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asVimiError, VimiError } from '../core/errors.js';

/** The path that a uri names: a path (from `folder` on), or a file: URL. MEDIA_FORBIDDEN for every other protocol. */
export function pathOf(uri: string, folder = '.'): string {
  const protocol = /^([a-z][a-z0-9+.-]+):/i.exec(uri)?.[1]?.toLowerCase();
  if (uri.includes('\0')) throw forbidden(uri, 'a path without NUL bytes', 'a NUL byte');
  if (protocol === undefined) return resolve(folder, uri);
  try {
    if (protocol === 'file' && uri.slice(5).startsWith('//')) return fileURLToPath(uri);
  } catch (cause) {
    throw forbidden(uri, 'a file: URL of this machine', (cause as Error).message);
  }
  throw forbidden(
    uri,
    'a path (./NAME where the name has a colon), file:///PATH, object:KEY or tar:PATH#PLACE/NAME',
    `${protocol}:`,
  );
}

/** The path that a uri of a medium names, as the disk spells it. MEDIA_FORBIDDEN as `pathOf`. */
export async function mediaPath(uri: string, mediaRoots: string[], folder = '.'): Promise<string> {
  return asSpelled(pathOf(uri, folder), mediaRoots);
}

/**
 * A path under the roots as the disk spells it. Unicode writes é in one sign or in two (NFC, NFD); macOS likes the one, others the
 * other, and people see no difference. A path that is not there in either way stays as it is.
 */
export async function asSpelled(path: string, mediaRoots: string[]): Promise<string> {
  const isAscii = Buffer.byteLength(path) === path.length;
  if (isAscii || (await rootsOf(path, mediaRoots)).length === 0 || (await isThere(path))) return path;
  const folder = await asSpelled(dirname(path), mediaRoots);
  const name = basename(path);
  for (const form of [name, name.normalize('NFC'), name.normalize('NFD')])
    if (await isThere(join(folder, form))) return join(folder, form);
  return path;
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** The real path, which lies under a root. What lies outside is forbidden whether it exists or not: no answer leaks. */
export async function allowedPath(path: string, uri: string, mediaRoots: string[]): Promise<string> {
  await checkUnderRoots(path, uri, mediaRoots);
  const real = await realpath(path).catch(async () => {
    await checkRootsAreThere(path, mediaRoots);
    // Asked again: a root that was gone may have come back in between.
    return realpath(path).catch((cause: NodeJS.ErrnoException) => {
      throw unreadable(cause, uri, path);
    });
  });
  await checkUnderRoots(real, uri, mediaRoots);
  return real;
}

/** MEDIA_FORBIDDEN unless a path, as it stands, lies under a root: by the root's name, or by where the root really lies. */
export async function checkUnderRoots(path: string, uri: string, mediaRoots: string[]): Promise<void> {
  if ((await rootsOf(path, mediaRoots)).length > 0) return;
  throw forbidden(uri, `a file under ${mediaRoots.join(' or ') || 'an allowed root (there is none)'}`, path);
}

/**
 * STORAGE_UNAVAILABLE when what should hold a path is gone as a whole: every root above it is missing, cannot be read, or
 * is empty, as a mount point is when nothing is mounted. Then it is not the medium that is missing.
 */
async function checkRootsAreThere(path: string, mediaRoots: string[]): Promise<void> {
  const above = await rootsOf(path, mediaRoots);
  const found = await Promise.all(
    above.map((root) =>
      readdir(root).then(
        (names) => (names.length > 0 ? null : 'an empty folder'),
        (error: NodeJS.ErrnoException) => String(error.code),
      ),
    ),
  );
  if (found.length === 0 || found.includes(null)) return;
  throw new VimiError('STORAGE_UNAVAILABLE', 'A media root is gone, and all media with it', {
    expected: 'a folder that holds media',
    found: found.join(', '),
    where: above.join(', '),
    remedy: 'Put it back or mount it; or correct media_roots in the topology.',
  });
}

/** The roots that a path lies under as it stands: by a root's name, or by where the root really lies. */
async function rootsOf(path: string, mediaRoots: string[]): Promise<string[]> {
  const named = mediaRoots.map((root) => resolve(root));
  const real = await Promise.all(named.map((root) => realpath(root).catch(() => root)));
  return named.filter((root, n) =>
    [root, real[n]!].some((one) => {
      const way = relative(one, path);
      return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
    }),
  );
}

/** Why a file cannot be opened. */
export function unreadable(cause: NodeJS.ErrnoException, uri: string, path: string): VimiError {
  const facts = {
    expected: 'a file that can be read',
    found: path === uri ? cause.code : `${path}: ${cause.code}`,
    where: uri,
    cause,
  };
  if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR' || cause.code === 'ENAMETOOLONG')
    return new VimiError('MEDIA_NOT_FOUND', 'There is no such file', facts);
  if (cause.code === 'EACCES' || cause.code === 'EPERM' || cause.code === 'ELOOP')
    return new VimiError('MEDIA_FORBIDDEN', 'This file may not be read', facts);
  if (cause.code === 'ENXIO') return new VimiError('MEDIA_UNSUPPORTED', 'This is not a regular file', facts);
  return asVimiError(cause);
}

function forbidden(uri: string, expected: string, found: string): VimiError {
  return new VimiError('MEDIA_FORBIDDEN', 'This medium may not be read', { expected, found, where: uri });
}
