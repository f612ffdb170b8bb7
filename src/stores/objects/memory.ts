import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { VimiError } from '../../core/errors.js';
import type { ObjectRef } from '../../events/prompt.js';
import { checkObjectKey } from './object-key.js';
import type { ObjectStore } from './object-store.js';

/** Objects that live as long as their store: for tests and evaluations. `localFile` writes a temporary file. */
export function memoryObjects(): ObjectStore {
  const objects = new Map<string, { bytes: Buffer; ref: ObjectRef; changed: number }>();
  const found = (key: string) => {
    checkObjectKey(key);
    const object = objects.get(key);
    if (!object)
      throw new VimiError('OBJECT_NOT_FOUND', 'There is no such object', {
        expected: 'an object under this key',
        where: key,
      });
    return object;
  };
  return {
    async put(key, body, { mediaType, sha256: announced, byContent }) {
      checkObjectKey(key);
      // A copy: what the caller does with its bytes afterwards is its own business.
      const bytes = Buffer.isBuffer(body) ? Buffer.from(body) : await readFile(body.file);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      if (announced !== undefined && announced !== sha256)
        throw new VimiError('OBJECT_DAMAGED', 'The bytes to store differ from the announced ones', {
          expected: announced,
          found: sha256,
          where: key,
        });
      const there = byContent ? objects.get(key) : undefined;
      if (there && there.ref.sha256 !== sha256)
        throw new VimiError('OBJECT_DAMAGED', 'Different bytes have this name already', {
          expected: there.ref.sha256,
          found: sha256,
          where: key,
        });
      const ref = there?.ref ?? { key, size: bytes.length, sha256, media_type: mediaType };
      objects.set(key, { bytes, ref, changed: Date.now() });
      return ref;
    },
    async get(key, { sha256, maxBytes = Number.POSITIVE_INFINITY } = {}) {
      const { bytes, ref } = found(key);
      if (bytes.length > maxBytes)
        throw new VimiError('MEDIA_TOO_LARGE', 'This object is too large', {
          expected: `at most ${maxBytes} bytes`,
          found: `${bytes.length} bytes`,
          where: key,
        });
      if (sha256 !== undefined && sha256 !== ref.sha256)
        throw new VimiError('OBJECT_DAMAGED', 'The object differs from the announced one', {
          expected: sha256,
          found: ref.sha256,
          where: key,
        });
      return Buffer.from(bytes);
    },
    async stream(key, { start, end } = { start: 0, end: Number.POSITIVE_INFINITY }) {
      return Readable.from([Buffer.from(found(key).bytes.subarray(start, end + 1))], { objectMode: false });
    },
    async stat(key) {
      checkObjectKey(key);
      return objects.get(key)?.ref ?? null;
    },
    async *list(prefix, { after = '' } = {}) {
      yield* [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    },
    async remove(key) {
      checkObjectKey(key);
      objects.delete(key);
    },
    changedAt: async (key) => objects.get(key)?.changed ?? null,
    async localFile(key) {
      const { bytes } = found(key);
      const folder = await mkdtemp(join(tmpdir(), 'vimi-object-'));
      const path = join(folder, basename(key));
      await writeFile(path, bytes);
      return { path, release: () => rm(folder, { recursive: true, force: true }) };
    },
  };
}
