import { markdownTable } from '../../core/markdown-table.js';
import { addKey, readKeys, revokeKey, type Scope } from '../../server/keys/key-file.js';

type Out = NodeJS.WritableStream;

/** Makes an API key, and prints it: this once. */
export async function keysAdd(
  path: string,
  name: string,
  { scope, json }: { scope: Scope[]; json?: boolean },
  out: Out,
): Promise<void> {
  const { id, text } = await addKey(path, name, scope);
  if (json) out.write(`${JSON.stringify({ id, name, scopes: scope, key: text })}\n`);
  else {
    out.write(`${text}\n`);
    process.stderr.write(`key ${id} of ${name} (${scope.join(', ')}); it is not shown again\n`);
  }
}

/** Lists the keys, without their texts. */
export async function keysList(path: string, { json }: { json?: boolean }, out: Out): Promise<void> {
  const keys = (await readKeys(path)).map(({ sha256, ...rest }) => rest);
  if (json) for (const key of keys) out.write(`${JSON.stringify(key)}\n`);
  else if (keys.length === 0) out.write('no keys: HTTP is served to this machine alone\n');
  else {
    const rows = keys.map(({ id, name, scopes, created }) => [id, name, scopes.join(', '), created]);
    out.write(`${markdownTable(['Id', 'Name', 'Scopes', 'Made'], rows)}\n`);
  }
}

/** Removes a key: from now on nobody can use it. */
export async function keysRevoke(path: string, id: string, out: Out): Promise<void> {
  const { name } = await revokeKey(path, id);
  out.write(`key ${id} of ${name} is revoked; running servers know within a second\n`);
}
