// Two that start servers at the same time would start them twice.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { home } from './places.mjs';

const file = join(home, 'lock');

/** Runs `work` while no other process does. The lock of a process that is gone is void. */
export async function alone(work, patienceMs = 1_500_000) {
  mkdirSync(home, { recursive: true });
  const until = Date.now() + patienceMs;
  while (!taken()) {
    if (Date.now() > until)
      throw new Error(`another process has been starting or stopping servers for too long (${file})`);
    await pause(200);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function taken() {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    const owner = Number(readFileSync(file, 'utf8').trim() || 0);
    if (owner > 0 && !alive(owner)) rmSync(file, { force: true });
    return false;
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
