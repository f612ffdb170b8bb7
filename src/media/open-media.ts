import { type BigIntStats, constants, statSync } from 'node:fs';
import { type FileHandle, open, readlink, realpath, stat } from 'node:fs/promises';
import { VimiError } from '../core/errors.js';
import { allowedPath, checkUnderRoots, unreadable } from './media-path.js';

/*
 * A name can lead elsewhere at any moment: whoever may write into a media root can swap a file, or a folder above it, for
 * a link between a check and an opening. So a medium is opened once, the checks are of what was opened, and everybody
 * reads through that handle. Libraries and programs that want a path get one that leads to the handle:
 *
 *   Linux       /proc/PID/fd/N, which opens the same file anew, at its own place, from this process or from a child
 *   elsewhere   the real path; the checks before and after the work tell a file that was swapped for good
 */

export interface OpenMedia {
  handle: FileHandle;
  /** Leads to what was opened, for as long as the handle is open. */
  path: string;
  /** Where it lay when it was opened, without links. */
  realPath: string;
  size: number;
  /** By which a later step knows the file again: device, inode, size and time of change. */
  identity: string;
  close(): Promise<void>;
}

/** Whether a child can open the handles of this process; not where a node that has capabilities keeps them to itself. */
const throughHandles =
  process.platform === 'linux' &&
  statSync('/proc/self/fd', { throwIfNoEntry: false })?.uid === (process.geteuid?.() ?? -1);

/**
 * Opens the file that a path leads to, when it lies under one of the roots: MEDIA_FORBIDDEN, MEDIA_NOT_FOUND. Links
 * within the roots are followed. Never waits: a pipe, a device or a folder is MEDIA_UNSUPPORTED.
 */
export async function openMedia(path: string, uri: string, roots: string[]): Promise<OpenMedia> {
  return opened(await allowedPath(path, uri, roots), uri, (realPath) => checkUnderRoots(realPath, uri, roots));
}

/** Opens a file whose path is our own, such as that of an object. Never waits, either. */
export function openOwn(path: string, uri: string): Promise<OpenMedia> {
  return opened(path, uri, async () => {});
}

/**
 * Opens a file that was opened before and gives `work` a path to it. MEDIA_DAMAGED when the file is another one by now,
 * or is written to meanwhile. What `work` says of the path it says of the uri.
 */
export async function withMedia<T>(
  { path, uri, identity }: { path: string; uri: string; identity: string },
  work: (path: string) => Promise<T>,
): Promise<T> {
  const medium = await openOwn(path, uri).catch((error: VimiError) => {
    throw error.code === 'MEDIA_NOT_FOUND' || error.code === 'MEDIA_FORBIDDEN' || error.code === 'MEDIA_UNSUPPORTED'
      ? replaced(uri)
      : error;
  });
  try {
    const checkUnchanged = async () => {
      // By its name too: on Linux the handle leads to the file whatever takes its place, elsewhere the name is read.
      const byName = throughHandles ? identity : await stat(path, { bigint: true }).then(identityOf, () => 'gone');
      if (byName !== identity || identityOf(await medium.handle.stat({ bigint: true })) !== identity)
        throw replaced(uri);
    };
    await checkUnchanged();
    const result = await work(medium.path).catch(async (error: unknown) => {
      await checkUnchanged();
      throw error instanceof VimiError ? error.renamed(medium.path, uri) : error;
    });
    await checkUnchanged();
    return result;
  } finally {
    await medium.close();
  }
}

export function identityOf({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs].join(' ');
}

/** The first bytes of a file, `most` or all there are, whatever size it says it has. */
export async function readStart(handle: FileHandle, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let at = 0;
  while (at < most) {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(1 << 20, most - at)), 0, undefined, at);
    if (bytesRead === 0) break;
    chunks.push(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  return Buffer.concat(chunks, at);
}

async function opened(path: string, uri: string, check: (realPath: string) => Promise<void>): Promise<OpenMedia> {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW, O_NOCTTY } = constants;
  const handle = await open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY).catch(
    (cause: NodeJS.ErrnoException) => {
      throw unreadable(cause, uri, path);
    },
  );
  try {
    const found = await handle.stat({ bigint: true });
    const realPath = await whereItLies(handle, found, path, uri);
    await check(realPath);
    if (!found.isFile())
      throw new VimiError('MEDIA_UNSUPPORTED', 'This is not a regular file', {
        expected: 'a file',
        found: found.isDirectory() ? 'a folder (`vimi ingest` publishes what is in it)' : 'a pipe, socket or device',
        where: uri,
      });
    return {
      handle,
      path: throughHandles ? `/proc/${process.pid}/fd/${handle.fd}` : path,
      realPath,
      size: Number(found.size),
      identity: identityOf(found),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The real path of what was opened, and not of what its name leads to by now. */
async function whereItLies(handle: FileHandle, found: BigIntStats, path: string, uri: string): Promise<string> {
  if (throughHandles) return (await readlink(`/proc/self/fd/${handle.fd}`)).replace(/ \(deleted\)$/, '');
  const again = await realpath(path).catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(cause, uri, path);
  });
  if (identityOf(await stat(again, { bigint: true })) !== identityOf(found)) throw replaced(uri);
  return again;
}

export function replaced(uri: string): VimiError {
  return new VimiError('MEDIA_DAMAGED', 'This file changed while it was processed', {
    expected: 'the file that was fetched',
    found: 'another one',
    where: uri,
  });
}
