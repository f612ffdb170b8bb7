import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { VimiError } from '../../core/errors.js';
import { readJsonFile } from '../../core/json-file.js';
import type { Log } from '../../core/log.js';
import { changeAlone, type PrivateFile, WatchedFile, writePrivate } from '../../core/private-file.js';

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

const readable = {
  most: 4 * 1024 * 1024,
  unreadable: ['FILE_UNUSABLE', 'The file of API keys cannot be read'],
  tooLarge: ['FILE_UNUSABLE', 'The file of API keys is too large'],
  expected: 'what vimi keys add writes',
  parse: (value: unknown) => keyFile.parse(value).keys,
} as const;

/** All keys of a file; none where there is no file. FILE_UNUSABLE for a file that holds something else. */
export async function readKeys(path: string): Promise<StoredKey[]> {
  return existsSync(path) ? readJsonFile(path, readable) : [];
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
  const file = fileOfKeys(path);
  await changeAlone(file, async () => writePrivate(file, { keys: [...(await readKeys(path)), key] }));
  return { id, text };
}

/** Removes a key for good. USAGE where there is none of this id. */
export async function revokeKey(path: string, id: string): Promise<StoredKey> {
  const file = fileOfKeys(path);
  return changeAlone(file, async () => {
    const keys = await readKeys(path);
    const found = keys.find((key) => key.id === id);
    if (!found)
      throw new VimiError('USAGE', 'There is no key with this id', { expected: 'an id of vimi keys list', found: id });
    await writePrivate(file, { keys: keys.filter((key) => key !== found) });
    return found;
  });
}

function fileOfKeys(path: string): PrivateFile {
  return { path, what: 'file of API keys' };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The keys of a file as they are now. */
export class Keys {
  readonly #file: WatchedFile<StoredKey[]>;
  #asks: boolean;

  private constructor(file: WatchedFile<StoredKey[]>, asks: boolean) {
    this.#file = file;
    this.#asks = asks;
  }

  /** FILE_UNUSABLE for a file that holds something else. */
  static async open(path: string, log: Pick<Log, 'warn'>): Promise<Keys> {
    const file = await WatchedFile.open<StoredKey[]>({
      ...{ path, read: readKeys, log, isEmpty: (keys) => keys.length === 0 },
      troubleText: 'API keys stay as they were, also those that were revoked since',
    });
    return new Keys(file, (await file.now()).length > 0);
  }

  /** Whether callers are asked for keys: from the first key on, and then as long as this process lives, whatever becomes of the file. */
  async ask(): Promise<boolean> {
    this.#asks ||= (await this.#file.now()).length > 0;
    return this.#asks;
  }

  /** Whether there are keys of several tenants. */
  async isOfSeveral(): Promise<boolean> {
    const [first, ...others] = await this.#file.now();
    return others.some(({ name }) => name !== first?.name);
  }

  /** The key with this text; undefined: nobody has it, or has it no more. */
  async find(text: string): Promise<StoredKey | undefined> {
    const [, id] = /^vimi_([0-9a-f]{8})_[A-Za-z0-9_-]{43}$/.exec(text) ?? [];
    const key = (await this.#file.now()).find((one) => one.id === id);
    if (!key) return undefined;
    return timingSafeEqual(Buffer.from(key.sha256, 'hex'), Buffer.from(hashOf(text), 'hex')) ? key : undefined;
  }

  /** Whether a key that was found before may still be used. */
  async isValid({ id, sha256 }: StoredKey): Promise<boolean> {
    return (await this.#file.now()).some((key) => key.id === id && key.sha256 === sha256);
  }
}
