import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KeepListPlace, openKeepList, storeKeepList } from '../../src/app/passes/keep-lists.js';
import type { LeftOut } from '../../src/stores/keep-lists/keep-list.js';
import { memoryObjects } from '../../src/stores/objects/memory.js';
import { openEmbedded } from '../../src/streams/transports/embedded/open-embedded.js';
import { thrownBy } from '../operators/run-operator.js';

const transport = openEmbedded({ path: ':memory:' });
beforeAll(() => transport.ensureTopics([{ name: 'passes', partitions: 1, cleanup: 'compact' }]));
afterAll(() => transport.close());
const objects = memoryObjects();
const place: KeepListPlace = { transport, objects, topic: 'passes' };
const without = (digit: string): LeftOut => ({ document: digit.repeat(64), image: digit.repeat(64), reason: 'like' });
const store = (digit: string) =>
  storeKeepList(
    { name: 'dedup', pass: 'dedup', settings: {}, position: { 0: 1 }, documents: 2 },
    [without(digit)],
    place,
  );

describe('a keep-list', () => {
  it('is the newer one where another takes its place while it is opened', async () => {
    await store('a');
    let isReplaced = false;
    const get: typeof objects.get = async (key, options) => {
      if (!isReplaced) {
        isReplaced = true;
        await store('b');
      }
      return objects.get(key, options);
    };
    const list = await openKeepList('dedup', { ...place, objects: { ...objects, get } });
    expect([list.ofDocument('a'.repeat(64)), list.ofDocument('b'.repeat(64))?.reason]).toEqual([null, 'like']);
  });

  it('whose object is gone is missing', async () => {
    const { list } = await store('c');
    await objects.remove(list.key);
    expect((await thrownBy(() => openKeepList('dedup', place))).code).toBe('OBJECT_NOT_FOUND');
  });
});
