import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { type ErrorCode, VimiError } from './errors.js';

type Refusal = readonly [code: ErrorCode, summary: string];

export interface Bounds {
  /** Bytes. */
  most: number;
  /** It is not there, is no file, or cannot be read. */
  unreadable: Refusal;
  /** It has more than `most` bytes; nothing is read of it. */
  tooLarge: Refusal;
  /** What should have been there. */
  expected?: string;
}

/** All of a regular file of at most `most` bytes. Never waits on a pipe or a device. */
export async function readBounded(path: string, { most, unreadable, tooLarge, expected }: Bounds): Promise<Buffer> {
  const failed = (cause: Error) => new VimiError(...unreadable, { expected, found: cause.message, where: path, cause });
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: Error) => {
    throw failed(cause);
  });
  try {
    const found = await file.stat();
    if (!found.isFile())
      throw new VimiError(...unreadable, {
        expected: expected ?? 'a file',
        found: found.isDirectory() ? 'a folder' : 'a pipe, socket or device',
        where: path,
      });
    if (found.size > most)
      throw new VimiError(...tooLarge, { expected: `at most ${most} bytes`, found: String(found.size), where: path });
    const bytes = Buffer.allocUnsafe(found.size);
    let at = 0;
    while (at < bytes.length) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at, at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return bytes.subarray(0, at);
  } catch (cause) {
    throw cause instanceof VimiError ? cause : failed(cause as Error);
  } finally {
    await file.close();
  }
}

/**
 * The first bytes of a file: `most` at most, and one more where there are more. Nothing of a pipe or a device, on which it
 * never waits. Fails as the system does.
 */
export function readStartSync(path: string, most: number): { isFile: boolean; bytes: Buffer } {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(file);
    const isFile = found.isFile();
    if (!isFile && !found.isDirectory()) return { isFile, bytes: Buffer.alloc(0) };
    const room = Buffer.alloc(most + 1);
    return { isFile, bytes: room.subarray(0, readSync(file, room)) };
  } finally {
    closeSync(file);
  }
}
