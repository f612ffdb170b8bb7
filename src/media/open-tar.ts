import { randomUUID } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { asStorageError, VimiError } from '../core/errors.js';
import { identityOf, type OpenMedia, openMedia, readStart, replaced } from './open-media.js';

/*
 * A tar is read where its members lie. One that gzip made smaller has no such places, so each process unpacks it once into a
 * file without a name, which goes with the process however that ends. Listing and fetching share that file; places in the
 * addresses of its members are those of the unpacked tar.
 */

/** Unpacked, a tar may have so many times the bytes that it has packed, or so many in any case. Media hardly get smaller by gzip. */
const mostTimes = 50;
const allowedAnyway = 64 * 1024 ** 2;
/** Of tars that nobody reads at the moment. */
const mostKept = 8 * 1024 ** 3;
const keptMs = 60_000;

const packings: [name: string, start: string, program: string][] = [
  ['gzip', '1f8b', 'gunzip'],
  ['zstd', '28b52ffd', 'unzstd'],
  ['xz', 'fd377a585a00', 'unxz'],
  ['bzip2', '425a68', 'bunzip2'],
];

interface Unpacked {
  tar: Promise<{ handle: FileHandle; size: number; identity: string }>;
  /** Who have it open. */
  users: number;
  forget?: NodeJS.Timeout;
}

/** By the identity of the packed file; what was used last stands last. */
const unpacked = new Map<string, Unpacked>();

/**
 * Opens a tar under the roots, packed by gzip or not; whoever gets it closes it. `workDir`: where an unpacked one may lie.
 * MEDIA_UNSUPPORTED for other packings, MEDIA_TOO_LARGE for what unpacks to far too much, MEDIA_DAMAGED, STORAGE_FULL, and as openMedia.
 */
export async function openTar(path: string, uri: string, roots: string[], workDir: string): Promise<OpenMedia> {
  const medium = await openMedia(path, uri, roots);
  try {
    const start = (await readStart(medium.handle, 6)).toString('hex');
    const packing = packings.find(([, bytes]) => start.startsWith(bytes));
    if (!packing) return medium;
    const [name, , program] = packing;
    if (name !== 'gzip')
      throw new VimiError('MEDIA_UNSUPPORTED', 'This tar is compressed in a way that cannot be read', {
        ...{ expected: 'a tar, or one compressed by gzip', found: name, where: uri },
        remedy: `Unpack it (${program}), and give the tar to \`vimi ingest\`.`,
      });
    const opened = await openUnpacked(medium, uri, workDir);
    await medium.close();
    return opened;
  } catch (thrown) {
    await medium.close();
    throw thrown;
  }
}

async function openUnpacked(packed: OpenMedia, uri: string, workDir: string): Promise<OpenMedia> {
  const key = packed.identity;
  const own: Unpacked = unpacked.get(key) ?? { tar: unpack(packed, uri, workDir), users: 0 };
  unpacked.delete(key);
  unpacked.set(key, own);
  clearTimeout(own.forget);
  own.users++;
  try {
    const tar = await own.tar;
    let isOpen = true;
    return {
      ...tar,
      path: packed.path,
      realPath: packed.realPath,
      async close() {
        if (isOpen) await leave(key, own);
        isOpen = false;
      },
    };
  } catch (thrown) {
    if (unpacked.get(key) === own) unpacked.delete(key);
    throw thrown;
  }
}

/** It may be wanted again soon, member by member. */
async function leave(key: string, own: Unpacked): Promise<void> {
  if (--own.users > 0) return;
  own.forget = setTimeout(() => void forget(key, own).catch(() => {}), keptMs).unref();
  let bytes = 0;
  for (const [key, one] of [...unpacked].reverse()) {
    if (one.users > 0) continue;
    bytes += (await one.tar).size;
    if (bytes > mostKept) await forget(key, one);
  }
}

async function forget(key: string, own: Unpacked): Promise<void> {
  if (own.users > 0 || unpacked.get(key) !== own) return;
  clearTimeout(own.forget);
  unpacked.delete(key);
  await (await own.tar).handle.close();
}

async function unpack(packed: OpenMedia, uri: string, workDir: string): Promise<Awaited<Unpacked['tar']>> {
  const most = Math.max(allowedAnyway, mostTimes * packed.size);
  const handle = await nameless(workDir);
  try {
    let size = 0;
    // Not by `pipeline`, which tells of an abort instead of what is wrong with the bytes.
    const source = Readable.from(bytesOf(packed.handle), { objectMode: false });
    const chunks = createGunzip();
    source.once('error', (error) => chunks.destroy(error));
    try {
      for await (const chunk of source.pipe(chunks) as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > most) throw tooLarge(uri, packed.size, most);
        await write(handle, chunk);
      }
    } finally {
      source.destroy();
    }
    if (identityOf(await packed.handle.stat({ bigint: true })) !== packed.identity) throw replaced(uri);
    return { handle, size, identity: identityOf(await handle.stat({ bigint: true })) };
  } catch (thrown) {
    await handle.close();
    const { code = '' } = thrown as NodeJS.ErrnoException;
    if (!/^Z_/.test(code)) throw thrown instanceof VimiError ? thrown : asStorageError(thrown);
    const found = (thrown as Error).message;
    throw new VimiError('MEDIA_DAMAGED', 'This tar is damaged', { expected: 'what gzip made', found, where: uri });
  }
}

/** A file that no other process finds. Many may read it at a time. */
async function nameless(workDir: string): Promise<FileHandle> {
  try {
    await mkdir(workDir, { recursive: true });
    const path = join(workDir, `unpacked-${randomUUID()}`);
    const handle = await open(path, 'wx+', 0o600);
    (handle as FileHandle & Partial<EventEmitter>).setMaxListeners?.(0);
    await rm(path);
    return handle;
  } catch (thrown) {
    throw asStorageError(thrown);
  }
}

/** A stream over the handle would close it. */
async function* bytesOf(handle: FileHandle): AsyncGenerator<Buffer> {
  for (let at = 0; ; ) {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
const chunkBytes = 256 * 1024;

async function write(handle: FileHandle, chunk: Buffer): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await handle.write(chunk, at)).bytesWritten;
}

function tooLarge(uri: string, packed: number, most: number): VimiError {
  return new VimiError('MEDIA_TOO_LARGE', 'This compressed tar unpacks to far more than media do', {
    ...{ expected: `at most ${most} bytes of ${packed}`, found: 'more', where: uri },
    remedy: 'Unpack it yourself (gunzip) if you trust it, and give the tar to `vimi ingest`.',
  });
}
