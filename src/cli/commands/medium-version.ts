import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { parse } from 'node:path';

/** Of a file up to here all bytes count; of a larger one its size, its time of change, and both ends. */
const whole = 8 * 1024 * 1024;
const end = 64 * 1024;

/**
 * Tells one state of a file and of its caption from another: the same while neither changes. `caption`: of the event; the
 * text beside the file counts where there is none. A file that cannot be read has the version of nothing.
 */
export async function mediumVersion(path: string, caption?: string): Promise<string> {
  const hash = createHash('sha256');
  const { dir, name } = parse(path);
  await addFile(hash, path);
  if (caption === undefined) await addFile(hash, `${dir}/${name}.txt`);
  else hash.update(`caption ${caption}`);
  return hash.digest('hex').slice(0, 32);
}

async function addFile(hash: ReturnType<typeof createHash>, path: string): Promise<void> {
  const file = await open(path).catch(() => null);
  if (!file) {
    hash.update('none ');
    return;
  }
  try {
    const { size, mtimeMs } = await file.stat();
    hash.update(`${size} `);
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
