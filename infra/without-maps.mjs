// Takes the source maps out of the packages that ship them: a quarter of what an installation of this repository weighs,
// and nothing here reads them. Part of `npm ci`; `npm ci --ignore-scripts` keeps them.
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const modules = resolve(dirname(fileURLToPath(import.meta.url)), '..', 'node_modules');
for (const entry of readdirSync(modules, { recursive: true, withFileTypes: true }))
  if (entry.isFile() && /\.(js|mjs|cjs|ts)\.map$/.test(entry.name)) rmSync(join(entry.parentPath, entry.name));
