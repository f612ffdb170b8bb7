import { createHash, randomUUID } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import {
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  opendir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { asStorageError, VimiError } from '../../core/errors.js';
import { processRuns } from '../../core/process-runs.js';
import type { ObjectRef } from '../../events/prompt.js';
import { mediaTypeOf } from './media-type.js';
import { checkObjectKey, isKeySegment } from './object-key.js';
import { type ByteRange, freshMs, type ObjectBody, type ObjectStore, type PutOptions } from './object-store.js';

/*
 * Objects as files of one folder, an object's path being its key, so that people find them with what they have.
 *
 *   ROOT/videos/abc.mp4                     the bytes
 *   ROOT/.store/meta/videos/abc.mp4.json    media type and SHA-256, so that stat need not read the bytes
 *   ROOT/.store/temporary/PID.UUID          being written
 *
 * Bytes and sidecar cannot be renamed in one step. So the sidecar names the inode and change time of the file that it
 * speaks of (a rename keeps both); if they differ, the hash is computed from the bytes and the sidecar is mended.
 */

export interface FileStoreOptions {
  /** Writes one chunk. Tests put a full disk here. */
  write?(handle: FileHandle, chunk: Buffer): Promise<void>;
  /** Nothing is written but what is put: no folder is made, no leftover removed, no hash kept. */
  looksOnly?: boolean;
}

interface Sidecar {
  sha256: string;
  media_type: string;
  size: number;
  inode: string;
  changed: string;
}

/** Opens the folder (or makes it, for its owner alone) and removes what crashed processes left half written. */
export async function openFileStore(root: string, options: FileStoreOptions = {}): Promise<ObjectStore> {
  const temporary = join(root, '.store', 'temporary');
  if (!options.looksOnly) {
    await mkdir(root, { recursive: true, mode: 0o700 });
    // In a folder that was there, whom it is open to stays its owner's decision.
    await mkdir(temporary, { recursive: true });
  }
  const real = await realpath(root);
  const store = new FileStore(real, (await lstat(real)).dev, options);
  if (!options.looksOnly) await removeLeftovers(temporary);
  return store;
}

class FileStore implements ObjectStore {
  readonly #root: string;
  /** The file system that it is on. */
  readonly #device: number;
  readonly #write: NonNullable<FileStoreOptions['write']>;
  readonly #looksOnly: boolean;

  constructor(root: string, device: number, { write = writeAll, looksOnly = false }: FileStoreOptions) {
    this.#root = root;
    this.#device = device;
    this.#write = write;
    this.#looksOnly = looksOnly;
  }

  async put(key: string, body: ObjectBody, options: PutOptions): Promise<ObjectRef> {
    const path = this.#path(key);
    const temporary = this.#temporary();
    await this.#ensureRoot();
    try {
      await this.#makeFolders('.store/temporary/');
      const { size, sha256 } = await this.#writeDurably(temporary, body);
      if (options.sha256 !== undefined && options.sha256 !== sha256)
        throw new VimiError('OBJECT_DAMAGED', 'The bytes to store differ from the announced ones', {
          expected: options.sha256,
          found: sha256,
          where: key,
        });
      const { ino, mtimeNs } = await lstat(temporary, { bigint: true });
      await this.#makeFolders(key);
      const ref = { key, size, sha256, media_type: options.mediaType };
      const isNew = options.byContent === true && (await linked(temporary, path));
      if (options.byContent && !isNew && (await this.#keepsFresh(ref))) {
        await rm(temporary);
        return ref;
      }
      if (isNew) await rm(temporary);
      else await rename(temporary, path);
      await syncFolder(dirname(path));
      await this.#writeSidecar(ref, ino, mtimeNs);
      return ref;
    } catch (thrown) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw translate(thrown, key);
    }
  }

  async get(key: string, options: { sha256?: string; maxBytes?: number } = {}): Promise<Buffer> {
    const handle = await this.#openObject(key);
    try {
      const { size } = await handle.stat();
      if (options.maxBytes !== undefined && size > options.maxBytes)
        throw new VimiError('MEDIA_TOO_LARGE', 'An object is larger than its reader allows', {
          expected: `at most ${options.maxBytes} bytes`,
          found: `${size} bytes`,
          where: key,
        });
      const bytes = await handle.readFile();
      if (options.sha256 !== undefined) {
        const found = createHash('sha256').update(bytes).digest('hex');
        if (found !== options.sha256)
          throw new VimiError('OBJECT_DAMAGED', 'An object differs from what was stored', {
            expected: options.sha256,
            found,
            where: key,
          });
      }
      return bytes;
    } finally {
      await handle.close();
    }
  }

  async stream(key: string, range?: ByteRange): Promise<Readable> {
    return (await this.#openObject(key)).createReadStream(range);
  }

  async stat(key: string): Promise<ObjectRef | null> {
    let handle: FileHandle;
    try {
      handle = await this.#openObject(key);
    } catch (thrown) {
      if (thrown instanceof VimiError && thrown.code === 'OBJECT_NOT_FOUND') return null;
      throw thrown;
    }
    try {
      const { ino, mtimeNs, size } = await handle.stat({ bigint: true });
      const known = await this.#readSidecar(key);
      if (known && known.inode === `${ino}` && known.changed === `${mtimeNs}` && known.size === Number(size))
        return { key, size: known.size, sha256: known.sha256, media_type: known.media_type };
      const hash = createHash('sha256');
      for await (const chunk of handle.createReadStream({ autoClose: false })) hash.update(chunk as Buffer);
      const sha256 = hash.digest('hex');
      const mediaType = known?.sha256 === sha256 ? known.media_type : mediaTypeOf(key);
      const ref = { key, size: Number(size), sha256, media_type: mediaType };
      // A full disk must not keep anybody from reading.
      if (!this.#looksOnly) await this.#writeSidecar(ref, ino, mtimeNs).catch(() => {});
      return ref;
    } finally {
      await handle.close();
    }
  }

  async *list(
    prefix: string,
    { after = '', onOther = () => {} }: { after?: string; onOther?(name: string): void } = {},
  ): AsyncIterable<string> {
    checkObjectKey(prefix, { prefix: true });
    await this.#ensureRoot();
    for await (const key of this.#walk(prefix.slice(0, prefix.lastIndexOf('/') + 1), prefix, onOther))
      if (key > after) yield key;
  }

  async remove(key: string): Promise<void> {
    const path = this.#path(key);
    await this.#ensureRoot();
    if (!(await this.#staysInside(dirname(path)))) return;
    try {
      await rm(path, { force: true });
    } catch (thrown) {
      if (systemCode(thrown) !== 'ENOTDIR' && systemCode(thrown) !== 'ERR_FS_EISDIR') throw translate(thrown, key);
    }
    await rm(this.#sidecarPath(key), { force: true }).catch(() => {});
  }

  async changedAt(key: string): Promise<number | null> {
    try {
      const handle = await this.#openObject(key);
      return await handle
        .stat()
        .then(({ mtimeMs }) => mtimeMs)
        .finally(() => handle.close());
    } catch (thrown) {
      if (thrown instanceof VimiError && thrown.code === 'OBJECT_NOT_FOUND') return null;
      throw thrown;
    }
  }

  /** The object's own file: nothing is copied, so the caller must not write to it. */
  async localFile(key: string): Promise<{ path: string; release(): Promise<void> }> {
    await (await this.#openObject(key)).close();
    return { path: this.#path(key), release: async () => {} };
  }

  /** Whether these very bytes were put lately. OBJECT_DAMAGED: others are there. */
  async #keepsFresh({ key, sha256 }: ObjectRef): Promise<boolean> {
    const there = await this.stat(key);
    if (there && there.sha256 !== sha256)
      throw new VimiError('OBJECT_DAMAGED', 'An object differs from what was stored', {
        expected: sha256,
        found: there.sha256,
        where: key,
      });
    const changed = await this.changedAt(key);
    return there !== null && changed !== null && Date.now() - changed < freshMs;
  }

  #path(key: string): string {
    checkObjectKey(key);
    return join(this.#root, key);
  }

  #sidecarPath(key: string): string {
    return join(this.#root, '.store', 'meta', `${key}.json`);
  }

  #temporary(): string {
    return join(this.#root, '.store', 'temporary', `${process.pid}.${randomUUID()}`);
  }

  async #openObject(key: string): Promise<FileHandle> {
    const path = this.#path(key);
    try {
      if (!(await this.#staysInside(dirname(path)))) throw missing(key);
      const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      if ((await handle.stat()).isFile()) return handle;
      await handle.close();
      throw missing(key);
    } catch (thrown) {
      const isMissing = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(systemCode(thrown));
      const error = isMissing ? missing(key) : translate(thrown, key);
      if (error.code === 'OBJECT_NOT_FOUND') await this.#ensureRoot();
      throw error;
    }
  }

  /**
   * STORAGE_UNAVAILABLE when the folder of all objects is gone, or another file system is where it was: an empty mount
   * point holds nothing, but nobody removed a thing, and what is written there would be hidden by the next mount.
   */
  async #ensureRoot(): Promise<void> {
    const device = await deviceOf(this.#root);
    if (device === this.#device) return;
    if (device !== null && (await deviceOf(join(this.#root, '.store'))) !== null) return;
    throw new VimiError('STORAGE_UNAVAILABLE', 'The folder of all objects is gone', {
      expected: 'the folder that was there at the start',
      where: this.#root,
      remedy: `Put it back, or mount it again. To start with an empty one: mkdir -p ${join(this.#root, '.store')}`,
    });
  }

  /** False when a folder on the way is a link or not there: nothing is read through links. */
  async #staysInside(folder: string): Promise<boolean> {
    try {
      return (await realpath(folder)) === folder;
    } catch {
      return false;
    }
  }

  /** Makes the folders of a key one by one, so that nothing is made behind a link. */
  async #makeFolders(key: string): Promise<void> {
    let folder = this.#root;
    for (const segment of key.split('/').slice(0, -1)) {
      folder = join(folder, segment);
      await mkdir(folder).catch((thrown) => {
        if (systemCode(thrown) !== 'EEXIST') throw thrown;
      });
      if (!(await lstat(folder)).isDirectory())
        throw new VimiError('OBJECT_KEY_INVALID', 'A part of the key is an object itself, or a link', { where: key });
    }
  }

  async #writeDurably(path: string, body: ObjectBody): Promise<{ size: number; sha256: string }> {
    const hash = createHash('sha256');
    let size = 0;
    const handle = await open(path, 'wx');
    try {
      for await (const chunk of Buffer.isBuffer(body) ? [body] : createReadStream(body.file)) {
        hash.update(chunk as Buffer);
        size += (chunk as Buffer).length;
        await this.#write(handle, chunk as Buffer);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    return { size, sha256: hash.digest('hex') };
  }

  async #readSidecar(key: string): Promise<Sidecar | null> {
    try {
      return JSON.parse(await readFile(this.#sidecarPath(key), 'utf8')) as Sidecar;
    } catch {
      return null;
    }
  }

  async #writeSidecar(ref: ObjectRef, inode: bigint, changed: bigint): Promise<void> {
    const { key, ...rest } = ref;
    const sidecar: Sidecar = { ...rest, inode: `${inode}`, changed: `${changed}` };
    const path = this.#sidecarPath(key);
    const temporary = this.#temporary();
    try {
      await mkdir(dirname(path), { recursive: true });
      const handle = await open(temporary, 'wx');
      try {
        await this.#write(handle, Buffer.from(JSON.stringify(sidecar)));
      } finally {
        await handle.close();
      }
      await rename(temporary, path);
    } catch (thrown) {
      await rm(temporary, { force: true });
      throw thrown;
    }
  }

  async *#walk(folder: string, prefix: string, onOther: (name: string) => void): AsyncIterable<string> {
    const path = join(this.#root, folder);
    if (!(await this.#staysInside(path.replace(/\/$/, '')))) return;
    const keys: string[] = [];
    try {
      // One by one: of a folder with a million objects only their keys are kept, which have to be sorted.
      for await (const entry of await opendir(path, { bufferSize: entriesAtOnce })) {
        if (!(entry.isFile() || entry.isDirectory())) continue;
        if (!isKeySegment(entry.name)) {
          const name = folder + entry.name;
          if (name.startsWith(prefix)) onOther(name);
          continue;
        }
        // A folder counts with its slash: `a.b` comes before `a/b`, as it does among keys.
        const key = `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`;
        if (!key.startsWith('.store/') && (key.startsWith(prefix) || prefix.startsWith(key))) keys.push(key);
      }
    } catch (thrown) {
      if (systemCode(thrown) === 'ENOENT' || systemCode(thrown) === 'ENOTDIR') return;
      throw asStorageError(thrown);
    }
    keys.sort((a, b) => (a < b ? -1 : 1));
    for (const key of keys)
      if (key.endsWith('/')) yield* this.#walk(key, prefix, onOther);
      else if (key.startsWith(prefix)) yield key;
  }
}

const entriesAtOnce = 256;

async function writeAll(handle: FileHandle, chunk: Buffer): Promise<void> {
  await handle.writeFile(chunk);
}

/** Gives a file a second name, if nothing has it. False as well where the file system knows no second names. */
async function linked(file: string, path: string): Promise<boolean> {
  try {
    await link(file, path);
    return true;
  } catch (thrown) {
    if (['EEXIST', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(systemCode(thrown))) return false;
    throw thrown;
  }
}

/** Makes a rename in it survive a power cut. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Removes temporary files whose writer is gone; other processes may be writing theirs right now. */
async function removeLeftovers(temporary: string): Promise<void> {
  const started = Date.now() - process.uptime() * 1000;
  for (const name of await readdir(temporary)) {
    const writer = Number.parseInt(name, 10);
    const path = join(temporary, name);
    const written = (await lstat(path).catch(() => null))?.mtimeMs ?? 0;
    // In a container every run may have the same process id.
    if (!processRuns(writer) || (writer === process.pid && written < started)) await rm(path, { force: true });
  }
}

/** Of the file system that holds it; null: nothing is there. */
async function deviceOf(path: string): Promise<number | null> {
  try {
    return (await lstat(path)).dev;
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT' || systemCode(thrown) === 'ENOTDIR') return null;
    throw asStorageError(thrown);
  }
}

function missing(key: string): VimiError {
  return new VimiError('OBJECT_NOT_FOUND', 'There is no such object', { where: key });
}

function systemCode(thrown: unknown): string {
  return String((thrown as { code?: unknown } | null)?.code ?? '');
}

function translate(thrown: unknown, key: string): VimiError {
  if (thrown instanceof VimiError) return thrown;
  if (systemCode(thrown) === 'EISDIR' || systemCode(thrown) === 'ENOTEMPTY')
    return new VimiError('OBJECT_KEY_INVALID', 'Other objects lie below this key', { where: key, cause: thrown });
  return asStorageError(thrown);
}
