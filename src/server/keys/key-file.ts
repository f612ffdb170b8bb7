import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { readBounded } from '../../core/bounded-file.js';
import { asVimiError, VimiError } from '../../core/errors.js';
import { type FileLock, lockFile } from '../../core/file-lock.js';
import type { Log } from '../../core/log.js';

/*
 * API keys in one file, `.vimi/keys.json` beside the topology or where VIMI_KEYS says. A key is vimi_ID_SECRET; the file has
 * the SHA-256 of it. The secret is 32 random bytes, so that nothing slower is needed.
 */

/** What a key may do; `admin`: all of it, for the jobs of everybody. */
export const scopes = ['create', 'read', 'cancel', 'corpus', 'admin'] as const;
export type Scope = (typeof scopes)[number];

const storedKey = z.object({
  id: z.string().regex(/^[0-9a-f]{8}$/),
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  scopes: z.array(z.enum(scopes)).min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  created: z.iso.datetime(),
});
export type StoredKey = z.infer<typeof storedKey>;
const keyFile = z.object({ keys: z.array(storedKey).max(10_000) });

export function keyPath(topologyFolder: string, env: Record<string, string | undefined> = process.env): string {
  return env.VIMI_KEYS || join(topologyFolder, '.vimi', 'keys.json');
}

const bounds = {
  most: 4 * 1024 * 1024,
  unreadable: ['FILE_UNUSABLE', 'The file of API keys cannot be read'],
  tooLarge: ['FILE_UNUSABLE', 'The file of API keys is too large'],
  expected: 'what vimi keys add writes',
} as const;

/** All keys of a file; none where there is no file. FILE_UNUSABLE for a file that holds something else. */
export async function readKeys(path: string): Promise<StoredKey[]> {
  if (!existsSync(path)) return [];
  const text = (await readBounded(path, bounds)).toString();
  try {
    return keyFile.parse(JSON.parse(text)).keys;
  } catch (cause) {
    throw new VimiError(...bounds.unreadable, {
      expected: bounds.expected,
      found: 'something else',
      where: path,
      cause,
    });
  }
}

/** Makes a key; gives its text, which nobody can read again. USAGE for a name that no key can have. */
export async function addKey(
  path: string,
  name: string,
  granted: readonly Scope[],
): Promise<{ id: string; text: string }> {
  const id = randomBytes(4).toString('hex');
  const text = `vimi_${id}_${randomBytes(32).toString('base64url')}`;
  const key = { id, name, scopes: [...granted], sha256: hashOf(text), created: new Date().toISOString() };
  if (!storedKey.safeParse(key).success)
    throw new VimiError('USAGE', 'No key can have this name', {
      expected: '1 to 64 letters, digits, dots, dashes and underscores',
      found: name,
    });
  await alone(path, async () => writeKeys(path, [...(await readKeys(path)), key]));
  return { id, text };
}

/** Removes a key for good. USAGE where there is none of this id. */
export async function revokeKey(path: string, id: string): Promise<StoredKey> {
  return alone(path, async () => {
    const keys = await readKeys(path);
    const found = keys.find((key) => key.id === id);
    if (!found)
      throw new VimiError('USAGE', 'There is no key with this id', { expected: 'an id of vimi keys list', found: id });
    await writeKeys(
      path,
      keys.filter((key) => key !== found),
    );
    return found;
  });
}

/** One change after the other: what one command revoked, no other brings back. */
async function alone<T>(path: string, change: () => Promise<T>): Promise<T> {
  let lock: FileLock | null = null;
  try {
    await mkdir(dirname(path), { recursive: true });
    while (!lock) {
      lock = lockFile(`${path}.lock`);
      if (!lock) await pause(20);
    }
  } catch (cause) {
    throw unwritable(path, cause);
  }
  try {
    return await change();
  } finally {
    lock.release();
  }
}

async function writeKeys(path: string, keys: StoredKey[]): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify({ keys }, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw unwritable(path, cause);
  }
}

function unwritable(where: string, cause: unknown): VimiError {
  const found = (cause as Error).message;
  return new VimiError('FILE_UNUSABLE', 'The file of API keys cannot be written', { found, where, cause });
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Looked at again after so long, so that a new or a revoked key counts without a restart. Milliseconds. */
const freshMs = 1000;

/** The keys of a file as they are now. */
export class Keys {
  readonly #path: string;
  #keys: readonly StoredKey[];
  #looked = performance.now();
  #changed: string;
  /** Why the file cannot be read now; undefined: it can. */
  #trouble: string | undefined;
  readonly #log: Pick<Log, 'warn'>;

  private constructor(path: string, keys: readonly StoredKey[], changed: string, log: Pick<Log, 'warn'>) {
    this.#log = log;
    this.#path = path;
    this.#keys = keys;
    this.#changed = changed;
  }

  /** undefined: there are none. */
  static async open(path: string, log: Pick<Log, 'warn'>): Promise<Keys | undefined> {
    // Before it is read: what changes meanwhile is read again.
    const changed = await changeOf(path);
    const keys = await readKeys(path);
    return keys.length > 0 ? new Keys(path, keys, changed, log) : undefined;
  }

  /** The key with this text; undefined: nobody has it, or has it no more. */
  async find(text: string): Promise<StoredKey | undefined> {
    await this.#look();
    const [, id] = /^vimi_([0-9a-f]{8})_[A-Za-z0-9_-]{43}$/.exec(text) ?? [];
    const key = this.#keys.find((one) => one.id === id);
    if (!key) return undefined;
    return timingSafeEqual(Buffer.from(key.sha256, 'hex'), Buffer.from(hashOf(text), 'hex')) ? key : undefined;
  }

  /** A file that is gone has no keys; one that cannot be read is as it was, which is logged. */
  async #look(): Promise<void> {
    if (performance.now() - this.#looked < freshMs) return;
    this.#looked = performance.now();
    const changed = await changeOf(this.#path);
    if (changed === this.#changed) return;
    try {
      this.#keys = await readKeys(this.#path);
      this.#changed = changed;
      this.#trouble = undefined;
    } catch (thrown) {
      const { code, message } = asVimiError(thrown);
      if (message !== this.#trouble)
        this.#log.warn({ code, error: message }, 'API keys stay as they were, also those that were revoked since');
      this.#trouble = message;
    }
  }
}

async function changeOf(path: string): Promise<string> {
  try {
    const { mtimeNs, ino } = await stat(path, { bigint: true });
    return `${ino} ${mtimeNs}`;
  } catch {
    return 'none';
  }
}
