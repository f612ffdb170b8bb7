import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Brings generated files up to date and gives the paths of those that were not; with `check` it only tells. What lies in
 * `folders` and is not among the files is stale too, and is removed.
 */
export function updateFiles(top: string, files: Map<string, string>, folders: string[], check: boolean): string[] {
  const stale: string[] = [];
  for (const [path, content] of files) {
    const file = join(top, path);
    if (existsSync(file) && readFileSync(file, 'utf8') === content) continue;
    stale.push(path);
    if (check) continue;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  for (const folder of folders)
    for (const name of existsSync(join(top, folder)) ? readdirSync(join(top, folder)) : []) {
      const path = `${folder}/${name}`;
      if (files.has(path)) continue;
      stale.push(path);
      if (!check) rmSync(join(top, path), { recursive: true });
    }
  return stale;
}
