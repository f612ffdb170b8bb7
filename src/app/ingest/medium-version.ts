import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { sidecarNames } from '../../operators/media/sidecar.js';

/** Of a file up to here all bytes count; of a larger one its size, its time of change, and both ends. */
const whole = 8 * 1024 * 1024;
const end = 64 * 1024;

/**
 * Tells one state of a file and of its caption, in the event or beside the file, from another: the same while neither
 * changes. A file that cannot be read has the version of nothing.
 */
export async function mediumVersion(path: string, caption?: string): Promise<string> {
  const hash = createHash('sha256');
  hash.update(JSON.stringify({ caption }));
  await addFile(hash, path);
  for (const name of sidecarNames(basename(path))) await addFile(hash, join(dirname(path), name));
  return hash.digest('hex').slice(0, 32);
}

async function addFile(hash: ReturnType<typeof createHash>, path: string): Promise<void> {
  // Without O_NONBLOCK a pipe would be waited for until somebody writes to it.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => null);
  if (!file) {
    hash.update('none ');
    return;
  }
  try {
    const found = await file.stat();
    const { size, mtimeMs } = found;
    hash.update(`${size} `);
    if (!found.isFile()) return;
    if (size <= whole) hash.update(await file.readFile());
    else {
      hash.update(`${mtimeMs} `);
      for (const from of [0, size - end]) {
        const { buffer } = await file.read(Buffer.alloc(end), 0, end, from);
        hash.update(buffer);
      }
    }
  } catch {
    hash.update('unreadable ');
  } finally {
    await file.close();
  }
}
