import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { mediumVersion } from '../../../src/app/ingest/medium-version.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vimi-version-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('follows the bytes, the caption and the text beside a medium', async () => {
  const path = join(folder, 'fox.png');
  const versions = [await mediumVersion(path)];
  await writeFile(path, 'pixels');
  versions.push(await mediumVersion(path), await mediumVersion(path, 'a fox'));
  await writeFile(join(folder, 'fox.txt'), 'a fox');
  versions.push(await mediumVersion(path));
  await writeFile(path, 'pixelz');
  versions.push(await mediumVersion(path));
  expect(new Set(versions).size).toBe(5);
  expect(await mediumVersion(path)).toBe(versions[4]);
});

it.runIf(process.platform === 'linux')('waits for no pipe, and reads no device, in the place of a text', async () => {
  const path = join(folder, 'fox.png');
  await writeFile(path, 'pixels');
  execFileSync('mkfifo', [join(folder, 'fox.txt')]);
  await symlink('/dev/zero', join(folder, 'fox.png.txt'));
  expect(await mediumVersion(path)).toHaveLength(32);
});
