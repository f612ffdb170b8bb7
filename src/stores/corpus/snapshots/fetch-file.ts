import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { VimiError } from '../../../core/errors.js';
import type { ObjectStore } from '../../objects/object-store.js';

/** Writes an object to a file. OBJECT_DAMAGED as soon as it is longer than announced, and in the end if it is another. */
export async function fetchFile(
  objects: ObjectStore,
  key: string,
  { size, sha256 }: { size: number; sha256: string },
  path: string,
): Promise<void> {
  const hash = createHash('sha256');
  let seen = 0;
  const damaged = (expected: string, found: string) =>
    new VimiError('OBJECT_DAMAGED', 'A file of a snapshot differs from its manifest', { expected, found, where: key });
  await pipeline(
    await objects.stream(key),
    async function* (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        seen += chunk.length;
        if (seen > size) throw damaged(`${size} bytes`, 'more');
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(path, { flags: 'wx' }),
  );
  if (seen < size) throw damaged(`${size} bytes`, `${seen} bytes`);
  const found = hash.digest('hex');
  if (found !== sha256) throw damaged(sha256, found);
}
