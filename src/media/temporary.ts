import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { asStorageError } from '../core/errors.js';

/** Gives `work` a fresh folder under `workDir`; it is gone afterwards, whether the work succeeded or not. */
export async function withTemporaryFolder<T>(workDir: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdir(workDir, { recursive: true })
    .then(() => mkdtemp(join(workDir, 'media-')))
    .catch((thrown: unknown) => {
      throw asStorageError(thrown);
    });
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
