import { existsSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import { errorCodes } from '../../core/errors.js';
import type { Profile } from '../../streams/topology/profiles.js';
import type { Finding } from '../findings.js';
import { scaled } from '../scaled.js';

/** Below it the next video may not fit any more. */
const nothing = 64 * 2 ** 20;
/** Below it a run of some hours, or an index that is filled again, may not. */
const little = 2 ** 30;

/** The space that each file system has left, on which the profile has a folder. */
export async function freeSpace({
  transport,
  objects,
  search,
  work,
}: Profile): Promise<Pick<Finding, 'state' | 'text'>[]> {
  const all = [
    ...(transport.type === 'embedded' ? [transport.path] : []),
    ...(objects.type === 'files' ? [objects.path] : []),
    ...(search.type === 'embedded' ? [search.path] : []),
    work,
  ];
  const folders = all.filter((one) => !all.some((other) => one.startsWith(`${other}${sep}`)));
  const byDevice = new Map<number, string[]>();
  for (const folder of folders) {
    const { dev } = statSync(nearest(folder));
    byDevice.set(dev, [...(byDevice.get(dev) ?? []), folder]);
  }
  return Promise.all(
    [...byDevice.values()].map(async (on) => {
      const { bavail, bsize } = await statfs(nearest(on[0]!));
      return judged(bavail * bsize, on.join(', '));
    }),
  );
}

function judged(free: number, where: string): Pick<Finding, 'state' | 'text'> {
  const text = `${free > 0 ? scaled(free, 'B') : 'nothing'} free for ${where}`;
  if (free >= little) return { state: 'good', text };
  return free < nothing
    ? { state: 'bad', text: `STORAGE_FULL: ${text} → ${errorCodes.STORAGE_FULL.remedy}` }
    : { state: 'warning', text: `${text} → Free some space before there is none.` };
}

/** The folder itself, or the one above it in which it would be made. */
export function nearest(path: string): string {
  let found = path;
  while (!existsSync(found) && dirname(found) !== found) found = dirname(found);
  return found;
}
