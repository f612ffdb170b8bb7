import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VimiError } from '../../../core/errors.js';
import { inodeOf } from './database.js';

/** Of the time when an index did not write down its encoder, and there was but one. */
const first = 'hashed-text-and-looks/2';

/** The name of the encoder whose vectors an index holds; null where there is no index. */
export function indexEncoder(folder: string): string | null {
  const file = fileOf(folder);
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  return inodeOf(folder) === null ? null : first;
}

/** Writes the encoder of a new index down. INDEX_OF_OTHER_ENCODER where it has another one already: vectors of two do not compare. */
export function claimEncoder(folder: string, encoder: string): void {
  if (indexEncoder(folder) === null) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    try {
      writeFileSync(fileOf(folder), `${encoder}\n`, { flag: 'wx' });
      return;
    } catch (thrown) {
      // Another process was first.
      if ((thrown as { code?: unknown }).code !== 'EEXIST') throw thrown;
    }
  }
  const found = indexEncoder(folder);
  if (found === encoder) return;
  throw new VimiError('INDEX_OF_OTHER_ENCODER', 'The index was made with another encoder than the profile names', {
    expected: encoder,
    found: found ?? 'none',
    where: folder,
  });
}

function fileOf(folder: string): string {
  return join(folder, 'encoder');
}
