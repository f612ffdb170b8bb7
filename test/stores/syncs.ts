import { type FileHandle, open } from 'node:fs/promises';
import { vi } from 'vitest';

/** What `look` sees at each moment at which something is brought to the disk while `work` runs. */
export async function atEachSync<T>(work: () => Promise<unknown>, look: () => Promise<T>): Promise<T[]> {
  const handle = await open('/', 'r');
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const seen: T[] = [];
  const original = prototype.sync;
  const spy = vi.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
    await original.call(this);
    seen.push(await look());
  });
  try {
    await work();
  } finally {
    spy.mockRestore();
  }
  return seen;
}
