import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { lockFile } from '../core/file-lock.js';

export interface WorkFolder {
  path: string;
  remove(): Promise<void>;
}

const lockName = 'lock';

/**
 * Makes a folder for the temporary files of one pipeline of this process, and removes those of processes that died
 * before they could: nobody has the lock in them any more.
 */
export async function makeWorkFolder(root: string, pipeline: string): Promise<WorkFolder> {
  // One at a time, so that none is taken for a dead one between its making and its lock, or while its owner removes it.
  return alone(root, async () => {
    for (const entry of await readdir(root, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      const left = lockFile(join(root, entry.name, lockName));
      left?.release();
      if (left) await rm(join(root, entry.name), { recursive: true, force: true });
    }
    const path = await mkdtemp(join(root, `${pipeline}.`));
    const lock = lockFile(join(path, lockName));
    const removed = async () => {
      lock?.release();
      await rm(path, { recursive: true, force: true });
    };
    return { path, remove: () => alone(root, removed) };
  });
}

async function alone<T>(root: string, work: () => Promise<T>): Promise<T> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  const door = await untilLocked(join(root, '.lock'));
  try {
    return await work();
  } finally {
    door.release();
  }
}

async function untilLocked(path: string) {
  for (;;) {
    const lock = lockFile(path);
    if (lock) return lock;
    await pause(20);
  }
}
