import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { VimiError } from '../errors.js';
import type { ObjectRef } from '../events/prompt.js';
import { checkObjectKey } from '../stores/object-key.js';
import type { ObjectStore } from '../stores/object-store.js';

/** Objects that live as long as an evaluation: pictures of documents and prompts. */
export function memoryObjects(): ObjectStore {
  const objects = new Map<string, { bytes: Buffer; ref: ObjectRef; changed: number }>();
  const found = (key: string) => {
    const object = objects.get(key);
    if (!object) throw new VimiError('OBJECT_NOT_FOUND', 'There is no such object', { where: key });
    return object;
  };
  return {
    async put(key, body, { mediaType, sha256: announced }) {
      checkObjectKey(key);
      const bytes = Buffer.isBuffer(body) ? body : await readFile(body.file);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      if (announced !== undefined && announced !== sha256)
        throw new VimiError('OBJECT_DAMAGED', 'The bytes to be stored are not the announced ones', { where: key });
      const ref = { key, size: bytes.length, sha256, media_type: mediaType };
      objects.set(key, { bytes, ref, changed: Date.now() });
      return ref;
    },
    async get(key, { sha256, maxBytes = Number.POSITIVE_INFINITY } = {}) {
      const { bytes, ref } = found(key);
      if (bytes.length > maxBytes) throw new VimiError('MEDIA_TOO_LARGE', 'This object is too large', { where: key });
      if (sha256 !== undefined && sha256 !== ref.sha256)
        throw new VimiError('OBJECT_DAMAGED', 'The object is not the announced one', { where: key });
      return bytes;
    },
    stream: async (key) => Readable.from(found(key).bytes),
    stat: async (key) => objects.get(key)?.ref ?? null,
    async *list(prefix) {
      yield* [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    },
    async remove(key) {
      objects.delete(key);
    },
    changedAt: async (key) => objects.get(key)?.changed ?? null,
    async localFile(key) {
      throw new VimiError('INTERNAL', 'Objects in memory have no files', { where: key });
    },
  };
}
