import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { processRuns } from '../process-runs.js';

/**
 * Makes a folder for the temporary files of one pipeline of this process, and removes those of processes that died
 * before they could. Names: PIPELINE.PID.RANDOM.
 */
export async function makeWorkFolder(root: string, pipeline: string): Promise<string> {
  await mkdir(root, { recursive: true });
  for (const name of await readdir(root)) {
    const pid = Number(name.split('.').at(-2));
    if (Number.isInteger(pid) && !processRuns(pid)) await rm(join(root, name), { recursive: true, force: true });
  }
  return mkdtemp(join(root, `${pipeline}.${process.pid}.`));
}
