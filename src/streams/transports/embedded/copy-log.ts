import { rename, rm } from 'node:fs/promises';
import { SqliteFile } from '../../../core/sqlite.js';
import { checkEnds, translated } from './file.js';

/** In one go: between two, another writer would make SQLite begin anew. Readers and writers go on meanwhile. */
const allPages = 2 ** 31 - 1;

/** Copies the log as it is at one moment, whoever writes to it, and checks the copy. LOG_DAMAGED, STORAGE_FULL. */
export async function copyLog(path: string, to: string): Promise<void> {
  const unfinished = `${to}.part`;
  await rm(unfinished, { force: true });
  const log = translated(path, () => new SqliteFile(path, { readonly: true, fileMustExist: true }));
  try {
    await log.backup(unfinished, { progress: () => allPages }).catch((thrown: unknown) =>
      translated(unfinished, () => {
        throw thrown;
      }),
    );
  } finally {
    log.close();
  }
  translated(unfinished, () => {
    const copy = new SqliteFile(unfinished);
    try {
      // A copy is one file: nothing of it may wait in another.
      copy.pragma('journal_mode = DELETE');
      checkEnds(copy, unfinished);
    } finally {
      copy.close();
    }
  });
  await rename(unfinished, to);
}
