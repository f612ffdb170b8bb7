import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { VimiError } from '../../errors.js';

/** All of a regular file of at most `most` bytes: WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED. Never waits on a pipe or a device. */
export async function boundedFile(path: string, most: number): Promise<Buffer> {
  const unreadable = (cause: Error) =>
    new VimiError('WEIGHTS_NOT_FOUND', 'A file of the net cannot be read', {
      found: cause.message,
      where: path,
      cause,
    });
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: Error) => {
    throw unreadable(cause);
  });
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new VimiError('WEIGHTS_NOT_FOUND', 'This is no file', { where: path });
    if (found.size > most)
      throw new VimiError('WEIGHTS_DAMAGED', 'This file is too large', {
        expected: `at most ${most} bytes`,
        found: String(found.size),
        where: path,
      });
    const bytes = Buffer.alloc(found.size);
    let at = 0;
    while (at < bytes.length) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at, at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return bytes.subarray(0, at);
  } catch (cause) {
    throw cause instanceof VimiError ? cause : unreadable(cause as Error);
  } finally {
    await file.close();
  }
}

/** The same for a JSON file. */
export async function boundedJson(path: string, most: number): Promise<unknown> {
  const bytes = await boundedFile(path, most);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new VimiError('WEIGHTS_DAMAGED', 'This is no JSON', { found: (cause as Error).message, where: path, cause });
  }
}
