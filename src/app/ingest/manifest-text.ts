import { createReadStream, type ReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';

/** The bytes of a manifest of lines, in pieces. */
export interface ManifestText {
  chunks: AsyncIterable<Buffer>;
  /** How much of the manifest its first `bytes` are, from 0 to 1. */
  share(bytes: number): number;
}

/** As it lies, or unpacked on the way where gzip packed it. Whatever is wrong with the file comes with its chunks. */
export async function openManifestText(path: string): Promise<ManifestText> {
  const size = await stat(path).then(
    (entry) => entry.size,
    () => 0,
  );
  const file = createReadStream(path, { highWaterMark: 1 << 20 });
  if (!(await isPacked(path))) return { chunks: file, share: (bytes) => bytes / size };
  return { chunks: unpacked(file), share: () => file.bytesRead / size };
}

async function isPacked(path: string): Promise<boolean> {
  const file = await open(path).catch(() => null);
  try {
    const start = await file?.read(Buffer.alloc(2), 0, 2, 0);
    return start?.buffer.toString('hex') === '1f8b';
  } finally {
    await file?.close();
  }
}

async function* unpacked(file: ReadStream): AsyncGenerator<Buffer> {
  const chunks = createGunzip();
  file.once('error', (error) => chunks.destroy(error));
  try {
    yield* file.pipe(chunks) as AsyncIterable<Buffer>;
  } finally {
    file.destroy();
  }
}
