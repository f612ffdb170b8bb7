import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

it("asks no server with redirect: 'error': Node 20 and 22 lose the signal of such a request with the next garbage, so it never ends", () => {
  const files = ['src', 'web', 'infra', 'examples'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(ts|mjs)$/.test(file) && !file.includes('node_modules'))
      .map((file) => join(folder, file)),
  );
  expect(files.length).toBeGreaterThan(400);
  const losing = files.filter((file) => /redirect: ['"]error['"]/.test(readFileSync(join(root, file), 'utf8')));
  expect(losing).toEqual([]);
});
