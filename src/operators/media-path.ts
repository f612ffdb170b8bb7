import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asVimiError, VimiError } from '../errors.js';

/** The path that a uri names: a path, or a file: URL. MEDIA_FORBIDDEN for every other protocol. */
export function pathOf(uri: string): string {
  const protocol = /^([a-z][a-z0-9+.-]+):/i.exec(uri)?.[1]?.toLowerCase();
  if (uri.includes('\0')) throw forbidden(uri, 'a path without NUL bytes', 'a NUL byte');
  if (protocol === undefined) return resolve(uri);
  try {
    if (protocol === 'file' && uri.slice(5).startsWith('//')) return fileURLToPath(uri);
  } catch (cause) {
    throw forbidden(uri, 'a file: URL of this machine', (cause as Error).message);
  }
  throw forbidden(uri, 'a path, file:///PATH or object:KEY', `${protocol}:`);
}

/** The real path, which lies under a root. What lies outside is forbidden whether it exists or not: no answer leaks. */
export async function allowedPath(path: string, uri: string, mediaRoots: string[]): Promise<string> {
  const roots = await Promise.all(mediaRoots.map((root) => realpath(resolve(root)).catch(() => resolve(root))));
  const isUnder = (inside: string) =>
    [...roots, ...mediaRoots.map((root) => resolve(root))].some((root) => {
      const way = relative(root, inside);
      return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
    });
  const outside = () =>
    forbidden(uri, `a file under ${mediaRoots.join(' or ') || 'an allowed root (there is none)'}`, path);
  if (!isUnder(path)) throw outside();
  const real = await realpath(path).catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(cause, uri, path);
  });
  if (!isUnder(real)) throw outside();
  return real;
}

/** A real path, opened without waiting (a named pipe would wait for a writer for ever) and never through a link. */
export async function openRegular(path: string, uri: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW).catch(
    (cause: NodeJS.ErrnoException) => {
      throw unreadable(cause, uri, path);
    },
  );
  const found = await file.stat();
  if (found.isFile()) return file;
  await file.close();
  throw new VimiError('MEDIA_UNSUPPORTED', 'This is not a regular file', {
    expected: 'a file',
    found: found.isDirectory() ? 'a folder (`vimi ingest` publishes what is in it)' : 'a pipe, socket or device',
    where: uri,
  });
}

export function identityOf({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs].join(' ');
}

/**
 * MEDIA_DAMAGED unless a path still leads to the file that was fetched. ffmpeg opens a medium by its path, and by then
 * somebody may have written to it, or put a link to elsewhere in its place.
 */
export async function checkUnchanged({ path, uri, identity }: { path: string; uri: string; identity: string }) {
  const found = await stat(path, { bigint: true }).then(identityOf, (error: NodeJS.ErrnoException) => error.code);
  if (found === identity) return;
  throw new VimiError('MEDIA_DAMAGED', 'This file was changed or replaced while it was worked on', {
    expected: 'the file that was fetched',
    found: 'another one',
    where: uri,
  });
}

function unreadable(cause: NodeJS.ErrnoException, uri: string, path: string): VimiError {
  const facts = { expected: 'a file that can be read', found: `${path}: ${cause.code}`, where: uri, cause };
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
