// @ts-nocheck: a plain script
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/*
 * A file system of its own for the objects, so that it can be full without anybody else's being so. It is mounted in a
 * mount namespace of this run: nobody else sees it, and it is gone with the last process.
 */

const marker = 'VIMI_CHAOS_MOUNTS';

/** Whether this process may mount; null: it may, else why it may not. */
export function whyNoMounts() {
  return process.env[marker] === 'yes' ? null : (process.env[marker] ?? 'not tried');
}

/** Starts this script again where it may mount, or knows why not. True: that was done, and this one has nothing to do. */
export function startedAgain() {
  if (process.env[marker] !== undefined) return false;
  const flags = process.getuid?.() === 0 ? ['-m'] : ['-r', '-m'];
  const tried = spawnSync('unshare', [...flags, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { encoding: 'utf8' });
  if (tried.status !== 0) {
    process.env[marker] = (tried.error?.message ?? tried.stderr).trim().split('\n')[0] || 'unshare failed';
    return false;
  }
  const child = spawn('unshare', [...flags, process.execPath, ...process.argv.slice(1)], {
    env: { ...process.env, [marker]: 'yes' },
    stdio: 'inherit',
  });
  // Both get the signals of a terminal; the one that works ends by itself.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code) => {
    process.exitCode = code ?? 1;
  });
  return true;
}

export function mountSmallDisk(folder, megabytes) {
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
}

export function unmount(folder) {
  spawnSync('umount', ['-l', folder]);
}

export function usedMegabytes(folder) {
  const { bsize, blocks, bfree } = statfsSync(folder);
  return Math.round(((blocks - bfree) * bsize) / 2 ** 20);
}

/** Takes all the space that is left, beside what it took before; what it returns gives all of it back. */
export function fill(folder) {
  const path = join(folder, '.ballast');
  const file = openSync(path, 'a');
  try {
    for (let size = 1 << 20; size >= 1; )
      try {
        if (writeSync(file, Buffer.alloc(size)) < size) size >>= 1;
      } catch (error) {
        if (error.code !== 'ENOSPC') throw error;
        size >>= 1;
      }
  } finally {
    closeSync(file);
  }
  return () => rmSync(path, { force: true });
}
