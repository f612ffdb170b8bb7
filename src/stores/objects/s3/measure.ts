import { createHash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { fileSha256 } from '../../../core/file-sha256.js';
import type { ObjectBody } from '../object-store.js';
import { partBytes } from './connect.js';

/** What is to be stored, and what is known of it. */
export interface Measured {
  body: ObjectBody;
  size: number;
  sha256: string;
}

/** A file that fits into one part is read whole; a larger one is read through once, for its hash. */
export async function measure(body: ObjectBody): Promise<Measured> {
  if (!Buffer.isBuffer(body)) {
    const { size } = await stat(body.file);
    if (size > partBytes) return { body, ...(await fileSha256(body.file)) };
  }
  const bytes = Buffer.isBuffer(body) ? body : await readFile(body.file);
  return { body: bytes, size: bytes.length, sha256: hashOf(bytes) };
}

/** In pieces of `partBytes`, the last one shorter; of a file one is in memory at a time. */
export async function* partsOf(body: ObjectBody): AsyncIterable<Buffer> {
  if (Buffer.isBuffer(body)) {
    for (let from = 0; from < body.length; from += partBytes) yield body.subarray(from, from + partBytes);
    return;
  }
  const file = await open(body.file);
  try {
    for (;;) {
      const part = Buffer.allocUnsafe(partBytes);
      let filled = 0;
      for (let read = 1; read > 0 && filled < partBytes; filled += read)
        read = (await file.read(part, filled, partBytes - filled)).bytesRead;
      if (filled > 0) yield part.subarray(0, filled);
      if (filled < partBytes) return;
    }
  } finally {
    await file.close();
  }
}

export function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
