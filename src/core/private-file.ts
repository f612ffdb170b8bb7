import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { asVimiError, VimiError } from './errors.js';
import { type FileLock, lockFile } from './file-lock.js';
import type { Log } from './log.js';

/*
 * A small JSON file that commands change and running servers read, such as API keys: only its owner may read it, and a reader
 * sees the old file or the new one, never half of one.
 */

/** `what`, for messages: "file of API keys". */
export interface PrivateFile {
  path: string;
  what: string;
}

/** One change after the other: what one command removed, no other brings back. FILE_UNUSABLE. */
export async function changeAlone<T>(file: PrivateFile, change: () => Promise<T>): Promise<T> {
  let lock: FileLock | null = null;
  try {
    await mkdir(dirname(file.path), { recursive: true, mode: 0o700 });
    while (!lock) {
      lock = lockFile(`${file.path}.lock`);
      if (!lock) await pause(20);
    }
  } catch (cause) {
    throw unwritable(file, cause);
  }
  try {
    return await change();
  } finally {
    lock.release();
  }
}

/** Replaces the file, readable and writable for its owner alone. FILE_UNUSABLE. */
export async function writePrivate(file: PrivateFile, content: object): Promise<void> {
  const temporary = `${file.path}.${randomUUID()}`;
  try {
    const written = await open(temporary, 'wx', 0o600);
    try {
      await written.writeFile(`${JSON.stringify(content, null, 2)}\n`);
      await written.sync();
    } finally {
      await written.close();
    }
    await rename(temporary, file.path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw unwritable(file, cause);
  }
}

function unwritable({ path, what }: PrivateFile, cause: unknown): VimiError {
  const found = (cause as Error).message;
  return new VimiError('FILE_UNUSABLE', `The ${what} cannot be written`, { found, where: path, cause });
}

/** A file that was read is looked at again after so long. Milliseconds. */
const freshMs = 1000;

export interface WatchOptions<T> {
  path: string;
  read(path: string): Promise<T>;
  /** Nothing is in it yet: it is looked at whenever somebody asks, so that what comes first counts at once. */
  isEmpty(content: T): boolean;
  log: Pick<Log, 'warn'>;
  /** Logged, once, when it cannot be read: what was read last still counts. */
  troubleText: string;
}

/** What a file says now, for a process that reads it again and again. */
export class WatchedFile<T> {
  readonly #options: WatchOptions<T>;
  #content: T;
  #looked = performance.now();
  #changed: string;
  #trouble: string | undefined;

  private constructor(options: WatchOptions<T>, content: T, changed: string) {
    this.#options = options;
    this.#content = content;
    this.#changed = changed;
  }

  /** Rejects where the file is there and cannot be read. */
  static async open<T>(options: WatchOptions<T>): Promise<WatchedFile<T>> {
    // Before it is read: what changes meanwhile is read again.
    const changed = changeOf(options.path);
    return new WatchedFile(options, await options.read(options.path), changed);
  }

  /** `isUrgent`: the caller misses something, which may have come a moment ago. */
  async now(isUrgent = false): Promise<T> {
    const { path, read, isEmpty, log, troubleText } = this.#options;
    const isFresh = performance.now() - this.#looked < freshMs;
    if (isFresh && !isUrgent && !isEmpty(this.#content)) return this.#content;
    this.#looked = performance.now();
    const changed = changeOf(path);
    if (changed === this.#changed) return this.#content;
    try {
      this.#content = await read(path);
      this.#changed = changed;
      this.#trouble = undefined;
    } catch (thrown) {
      const { code, message } = asVimiError(thrown);
      if (message !== this.#trouble) log.warn({ code, error: message }, troubleText);
      this.#trouble = message;
    }
    return this.#content;
  }
}

/** At once: on a busy machine the way through another thread takes longer than the look, and every request may wait for it. */
function changeOf(path: string): string {
  try {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    return found ? `${found.ino} ${found.mtimeNs}` : 'none';
  } catch {
    return 'none';
  }
}
