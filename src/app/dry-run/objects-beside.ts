import { VimiError } from '../../core/errors.js';
import type { ObjectRef } from '../../events/prompt.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';

/**
 * A store that reads from `real` and writes to `beside` alone: what is put hides what was there, and what is removed is hidden.
 * `onPut` is told of each object that would be stored.
 */
export function objectsBeside(real: ObjectStore, beside: ObjectStore, onPut: (object: ObjectRef) => void): ObjectStore {
  const removed = new Set<string>();
  const placeOf = async (key: string): Promise<ObjectStore> => {
    if (await beside.stat(key)) return beside;
    if (!removed.has(key)) return real;
    throw new VimiError('OBJECT_NOT_FOUND', 'There is no such object', { where: key });
  };
  return {
    async put(key, body, options) {
      const there = options.byContent && !removed.has(key) ? await real.stat(key) : null;
      const stored = await beside.put(key, body, options);
      if (there && there.sha256 !== stored.sha256)
        throw new VimiError('OBJECT_DAMAGED', 'Different bytes have this name already', {
          ...{ expected: there.sha256, found: stored.sha256, where: key },
        });
      onPut(stored);
      return stored;
    },
    get: async (key, options) => (await placeOf(key)).get(key, options),
    stream: async (key, range) => (await placeOf(key)).stream(key, range),
    stat: async (key) => (await beside.stat(key)) ?? (removed.has(key) ? null : real.stat(key)),
    async *list(prefix, options) {
      const keys = new Set<string>();
      for (const store of [real, beside])
        for await (const key of store.list(prefix, options)) if (store === beside || !removed.has(key)) keys.add(key);
      yield* [...keys].sort();
    },
    async remove(key) {
      removed.add(key);
      await beside.remove(key);
    },
    changedAt: async (key) => (await beside.changedAt(key)) ?? (removed.has(key) ? null : real.changedAt(key)),
    localFile: async (key) => (await placeOf(key)).localFile(key),
  };
}
