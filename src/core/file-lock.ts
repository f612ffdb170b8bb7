import { SqliteFile } from './sqlite.js';

/** A lock on a file; the system lets go of it when its process ends, however it ends. */
export interface FileLock {
  release(): void;
}

/**
 * Locks a file, which is made when it is missing and stays empty; null: somebody has it, in this process or another. The
 * kernel keeps the lock, so it holds between containers that share a folder and know nothing of each other's process
 * numbers, and neither a killed process nor a copied folder leaves one behind. Node has no such call; SQLite has one for
 * every system.
 */
export function lockFile(path: string): FileLock | null {
  const file = new SqliteFile(path, { timeout: 0 });
  try {
    file.exec('BEGIN EXCLUSIVE');
    return { release: () => void file.close() };
  } catch (thrown) {
    file.close();
    if ((thrown as { code?: unknown }).code === 'SQLITE_BUSY') return null;
    throw thrown;
  }
}
