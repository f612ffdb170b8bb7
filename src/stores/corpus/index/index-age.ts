import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/*
 * When an index last had all that its topic had. The topic keeps a tombstone for some time only: an index that stood still for longer
 * may hold what was removed since, and would never learn of it.
 */

/** Milliseconds since 1970; null: nobody wrote it down. */
export function currentAt(folder: string): number | null {
  try {
    const at = Number(readFileSync(fileOf(folder), 'utf8'));
    return Number.isFinite(at) && at > 0 ? at : null;
  } catch {
    return null;
  }
}

/** Where it cannot be written, as on a full disk, the index counts as older than it is: nobody is kept from searching for that. */
export function noteCurrent(folder: string, at: number): void {
  // Of nobody else: process numbers are the same in many containers.
  const temporary = `${fileOf(folder)}.${randomUUID()}.temporary`;
  try {
    writeFileSync(temporary, `${at}\n`);
    renameSync(temporary, fileOf(folder));
  } catch {
    rmSync(temporary, { force: true });
  }
}

function fileOf(folder: string): string {
  return join(folder, 'current');
}
