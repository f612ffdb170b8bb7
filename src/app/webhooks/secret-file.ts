import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { VimiError } from '../../core/errors.js';
import { readJsonFile } from '../../core/json-file.js';
import type { Log } from '../../core/log.js';
import { changeAlone, type PrivateFile, WatchedFile, writePrivate } from '../../core/private-file.js';
import { newSecret, secretBytes } from './signature.js';

/*
 * Secrets that sign webhooks, in one file for its owner alone: `.vimi/webhooks.json` beside the topology, or where
 * VIMI_WEBHOOKS says. Whoever signs needs the secret itself, so no hash can stand for it.
 */

const storedSecret = z.object({
  id: z.string().regex(/^[0-9a-f]{8}$/),
  tenant: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
    .nullable(),
  secret: z.string().refine((text) => secretBytes(text) !== undefined),
  created: z.iso.datetime(),
});
export type StoredSecret = z.infer<typeof storedSecret>;
const secretFile = z.object({ secrets: z.array(storedSecret).max(10_000) });

/** A receiver tries every signature: a rotation needs two. */
const mostOfTenant = 4;

export function secretPath(topologyFolder: string, env: Record<string, string | undefined> = process.env): string {
  return env.VIMI_WEBHOOKS || join(topologyFolder, '.vimi', 'webhooks.json');
}

const readable = {
  most: 4 * 1024 * 1024,
  unreadable: ['FILE_UNUSABLE', 'The file of webhook secrets cannot be read'],
  tooLarge: ['FILE_UNUSABLE', 'The file of webhook secrets is too large'],
  expected: 'what vimi webhooks secrets add writes',
  isSecret: true,
  parse: (value: unknown) => secretFile.parse(value).secrets,
} as const;

/** All secrets of a file; none where there is no file. FILE_UNUSABLE for a file that holds something else. */
export async function readSecrets(path: string): Promise<StoredSecret[]> {
  return existsSync(path) ? readJsonFile(path, readable) : [];
}

/** Makes a secret of a tenant; null: of all requests that come without a key. USAGE for a name that no tenant can have. */
export async function addSecret(path: string, tenant: string | null): Promise<StoredSecret> {
  const id = randomBytes(4).toString('hex');
  const made = { id, tenant, secret: newSecret(), created: new Date().toISOString() };
  if (!storedSecret.safeParse(made).success)
    throw new VimiError('USAGE', 'No tenant can have this name', {
      ...{
        expected: 'the name of API keys: 1 to 64 letters, digits, dots, dashes and underscores',
        found: tenant ?? '',
      },
    });
  const file = fileOfSecrets(path);
  return changeAlone(file, async () => {
    const secrets = await readSecrets(path);
    if (secrets.filter((one) => one.tenant === tenant).length >= mostOfTenant)
      throw new VimiError('USAGE', `There are ${mostOfTenant} secrets already`, {
        remedy: 'Revoke those that receivers no longer know: vimi webhooks secrets revoke ID.',
      });
    await writePrivate(file, { secrets: [...secrets, made] });
    return made;
  });
}

/** Removes a secret: nothing is signed with it any more. USAGE where there is none of this id. */
export async function revokeSecret(path: string, id: string): Promise<StoredSecret> {
  const file = fileOfSecrets(path);
  return changeAlone(file, async () => {
    const secrets = await readSecrets(path);
    const found = secrets.find((one) => one.id === id);
    if (!found)
      throw new VimiError('USAGE', 'There is no secret with this id', {
        ...{ expected: 'an id of vimi webhooks secrets list', found: id },
      });
    await writePrivate(file, { secrets: secrets.filter((one) => one !== found) });
    return found;
  });
}

/** The tenant of a request by its source: the name of its API key; null: it came without one. */
function tenantOf(source: string): string | null {
  const [, name] = /^\/vimi\/http\/([^/]+)$/.exec(source) ?? [];
  return name ?? null;
}

/** The secrets of a file as they are now. */
export class Secrets {
  readonly #file: WatchedFile<StoredSecret[]>;

  private constructor(file: WatchedFile<StoredSecret[]>) {
    this.#file = file;
  }

  static async open(path: string, log: Pick<Log, 'warn'>): Promise<Secrets> {
    return new Secrets(
      await WatchedFile.open<StoredSecret[]>({
        ...{ path, read: readSecrets, log, isEmpty: (secrets) => secrets.length === 0 },
        troubleText: 'Webhook secrets stay as they were, also those that were revoked since',
      }),
    );
  }

  /** Those that sign what goes out for a request of this source, the oldest first. */
  async of(source: string): Promise<string[]> {
    const tenant = tenantOf(source);
    const own = (secrets: StoredSecret[]) => secrets.filter((one) => one.tenant === tenant);
    const found = own(await this.#file.now());
    return (found.length > 0 ? found : own(await this.#file.now(true))).map(({ secret }) => secret);
  }
}

function fileOfSecrets(path: string): PrivateFile {
  return { path, what: 'file of webhook secrets' };
}
