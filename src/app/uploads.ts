import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { asStorageError, VimiError } from '../core/errors.js';
import { mayBeMedia, otherKind } from '../media/file-kinds.js';
import type { ObjectStore } from '../stores/objects/object-store.js';

/*
 * Media that came over HTTP are objects under names made from their bytes, `uploads/SHA256`: the same medium again is the same object.
 * They stay as long as their event does; `vimi objects sweep` finds those that no event names, and a removal takes them along.
 */

const keyForm = /^uploads\/[0-9a-f]{64}$/;

export function isUploadKey(key: string): boolean {
  return keyForm.test(key);
}

/** A medium in a file of this process, whole. */
export interface Upload {
  path: string;
  key: string;
  size: number;
  sha256: string;
}

/** So much of a beginning says whether it is an image or a video. */
const startBytes = 4096;

/**
 * Writes a medium to a file as it comes. MEDIA_TOO_LARGE beyond `mostBytes`, MEDIA_UNSUPPORTED by its first bytes: then nothing
 * more of it is read. MEDIA_EMPTY.
 */
export async function receiveUpload(
  bytes: Readable,
  { path, mostBytes, where, signal }: { path: string; mostBytes: number; where: string; signal: AbortSignal },
): Promise<Upload> {
  const hash = createHash('sha256');
  let size = 0;
  let start: Buffer | undefined = Buffer.alloc(0);
  const check = () => {
    if (!start) return;
    if (start.length === 0)
      throw new VimiError('MEDIA_EMPTY', 'This upload is empty', {
        expected: 'an image or a video',
        found: '0 bytes',
        where,
      });
    // What nothing is known of, ffmpeg may read.
    const kind = mayBeMedia(start) ? null : otherKind(start);
    if (kind !== null)
      throw new VimiError('MEDIA_UNSUPPORTED', 'This is no image and no video', { found: kind, where });
    start = undefined;
  };
  const counted = new Transform({
    transform(chunk: Buffer, _, done) {
      try {
        size += chunk.length;
        if (size > mostBytes)
          throw new VimiError('MEDIA_TOO_LARGE', 'This upload is too large', {
            expected: `at most ${mostBytes} bytes`,
            where,
          });
        hash.update(chunk);
        if (start) start = Buffer.concat([start, chunk.subarray(0, startBytes - start.length)]);
        if (start && start.length === startBytes) check();
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
    flush(done) {
      try {
        check();
        done();
      } catch (error) {
        done(error as Error);
      }
    },
  });
  try {
    await pipeline(bytes, counted, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal });
  } catch (thrown) {
    // Of the disk; all else is of the sender.
    throw typeof (thrown as { syscall?: unknown }).syscall === 'string' ? asStorageError(thrown) : thrown;
  }
  const sha256 = hash.digest('hex');
  return { path, key: `uploads/${sha256}`, size, sha256 };
}

/** Where it is there already, it stays. */
export async function storeUpload({ path, key, sha256 }: Upload, objects: ObjectStore): Promise<void> {
  await objects.put(key, { file: path }, { mediaType: 'application/octet-stream', sha256, byContent: true });
}
