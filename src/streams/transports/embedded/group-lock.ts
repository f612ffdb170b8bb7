import { createHash } from 'node:crypto';
import { type FileLock, lockFile } from '../../../core/file-lock.js';
import { inMemory, translated } from './file.js';

export type LockGroup = (log: string, group: string) => FileLock | null;

/** The lock of who consumes a group of the log, in a file beside it; null: it is held. A log in memory has one user. */
export function lockGroup(log: string, group: string): FileLock | null {
  if (log === inMemory) return { release: () => {} };
  // Groups are named as people like: the file is not.
  const name = createHash('sha256').update(group).digest('hex').slice(0, 16);
  return translated(log, () => lockFile(`${log}-consumer-${name}.lock`));
}
