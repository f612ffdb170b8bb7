import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock as clock } from '../../../src/core/clock.js';
import { decodeEvent } from '../../../src/events/cloudevents.js';
import type { NewRecord } from '../../../src/events/record.js';
import type { Product } from '../../../src/flow/flow.js';
import { openFileStore } from '../../../src/stores/objects/files.js';
import type { ObjectStore } from '../../../src/stores/objects/object-store.js';
import type { SinkSpec } from '../../../src/streams/delivery/pipeline-spec.js';
import { createSinks } from '../../../src/streams/delivery/sinks.js';
import { thrownBy } from '../../operators/run-operator.js';
import { temporaryFolder } from './pipeline-fixtures.js';

let folder: ReturnType<typeof temporaryFolder>;
let store: ObjectStore;
beforeEach(async () => {
  folder = temporaryFolder();
  store = await openFileStore(join(folder.path, 'objects'));
});
afterEach(() => folder.remove());

const product = (more: Partial<Product> = {}): Product => ({
  body: Buffer.from('the bytes'),
  mediaType: 'text/plain',
  fields: { job: 'order-66' },
  schema: 'job.changed',
  data: { job: 'order-66', state: 'completed' },
  id: 'order-66-done',
  ...more,
});
const sinks = (to: SinkSpec[], objects = store) => createSinks(to, { pipeline: 'test', objects: () => objects, clock });
const eventOf = (record: NewRecord) =>
  decodeEvent({ ...record, partition: 0, offset: 0, timestamp: 0 }, ['job.changed', 'samples.sealed']);
const out: SinkSpec = { topic: 'out', schema: 'job.changed' };
const keys = async () => {
  const found: string[] = [];
  for await (const key of store.list('')) found.push(key);
  return found;
};

describe('the sinks of a pipeline', () => {
  it('store the bytes, then name them in the event, whatever their order in the topology', async () => {
    const [record] = await sinks([out, { objects: 'made/{job}.txt' }])(product());
    const { data, id, source } = eventOf(record!);
    const { object } = data as { object: { key: string; sha256: string; size: number } };
    expect({ id, source, key: object.key, size: object.size }).toEqual({
      ...{ id: 'order-66-done', source: '/pipelines/test', key: 'made/order-66.txt', size: 9 },
    });
    expect(String(await store.get(object.key, { sha256: object.sha256 }))).toBe('the bytes');
  });

  it('make the same of the same product again', async () => {
    const put = sinks([out, { objects: 'made/{job}-{digest}.txt' }]);
    const fields = { job: 'order-66', digest: 'abcd' };
    const [first] = await put(product({ fields }));
    const [again] = await put(product({ fields }));
    expect(eventOf(again!)).toMatchObject({ id: eventOf(first!).id, data: eventOf(first!).data });
    expect(await keys()).toEqual(['made/order-66-abcd.txt']);
  });

  it('store what lies beside the bytes, named for its own, and name it in the event where it is told', async () => {
    const beside = [
      { ending: '.idx', body: Buffer.from('index'), mediaType: 'text/plain' },
      {
        ...{ ending: '-face-{digest}.webp', body: Buffer.from('a face'), mediaType: 'image/webp' },
        named: { field: 'face', more: { eyes: 2 } },
      },
    ];
    const put = sinks([out, { objects: 'made/{job}.txt' }]);
    const [record] = await put(product({ beside }));
    const { face, ...data } = eventOf(record!).data as unknown as Record<string, { key: string }>;
    expect(face).toMatchObject({ media_type: 'image/webp', size: 6, eyes: 2 });
    expect(face!.key).toMatch(/^made\/order-66-face-[0-9a-f]{16}\.webp$/);
    expect(Object.keys(data)).toEqual(['job', 'state', 'object']);
    // Other bytes lie beside these.
    await put(product({ beside: [{ ...beside[1]!, body: Buffer.from('another face') }] }));
    expect(await keys()).toEqual(expect.arrayContaining(['made/order-66.idx', 'made/order-66.txt', face!.key]));
    expect(await keys()).toHaveLength(4);
    // Without a sink of objects there is nothing to name.
    const [alone] = await sinks([out])(product({ beside }));
    expect(eventOf(alone!).data).not.toHaveProperty('face');
  });

  it('publish to each topic that carries the schema, and to no other', async () => {
    const to: SinkSpec[] = [
      out,
      { topic: 'copies', schema: 'job.changed' },
      { topic: 'sealed', schema: 'samples.sealed' },
    ];
    expect((await sinks(to)(product())).map(({ topic }) => topic)).toEqual(['out', 'copies']);
    // Without a sink of objects nothing is stored.
    expect(await keys()).toEqual([]);
  });

  it('publish under the key of the record it comes from, or the id of the product', async () => {
    const put = sinks([out]);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const [keyed] = await put(product(), { key: Buffer.from('fox'), traceparent });
    expect([String(keyed!.key), eventOf(keyed!).traceparent]).toEqual(['fox', traceparent]);
    const [unkeyed] = await put(product(), { key: null });
    expect(String(unkeyed!.key)).toBe('order-66-done');
  });

  it('make a link for the topics that ask for one, where the store has links', async () => {
    const to: SinkSpec[] = [
      { objects: '{job}.txt' },
      { ...out, linkSeconds: 60 },
      { topic: 'copies', schema: 'job.changed' },
    ];
    const link = { url: 'https://store.example/order-66.txt', expires: '2026-01-31T12:00:00.000Z' };
    const [without] = await sinks(to)(product());
    expect((eventOf(without!).data as { link?: object }).link).toBeUndefined();
    const records = await sinks(to, Object.assign(store, { link: async () => link }))(product());
    expect(records.map((record) => (eventOf(record).data as { link?: object }).link)).toEqual([link, undefined]);
  });

  it('let no value leave the folder that the pattern names, nor meet another value there', async () => {
    const hostile = fc.oneof(
      fc.constantFrom('', '.', '..', '../x', '../../etc/passwd', '..\\x', '/etc', 'a/b', '.store', 'x\0', '%2e%2e'),
      fc.string({ unit: 'binary', maxLength: 300 }),
    );
    await fc.assert(
      fc.asyncProperty(hostile, hostile, async (job, other) => {
        const keyOf = async (fields: Record<string, string>) => {
          const [record] = await sinks([out, { objects: 'made/{job}/x-{digest}.txt' }])(product({ fields }));
          return (eventOf(record!).data as unknown as { object: { key: string } }).object.key;
        };
        const key = await keyOf({ job, digest: other });
        expect(key).toMatch(/^made\/[A-Za-z0-9_][A-Za-z0-9._-]*\/x-[A-Za-z0-9_][A-Za-z0-9._-]*\.txt$/);
        if (job !== other) expect(await keyOf({ job: other, digest: other })).not.toBe(key);
      }),
      { numRuns: 50 },
    );
  });

  it('refuse a name that needs what the product does not say', async () => {
    const error = await thrownBy(() => sinks([{ objects: '{shard}.tar' }])(product()));
    expect(error).toMatchObject({ code: 'OBJECT_KEY_INVALID', expected: '{job}', where: '{shard}.tar' });
    expect(await thrownBy(() => sinks([{ objects: '{toString}.tar' }])(product()))).toMatchObject({
      code: 'OBJECT_KEY_INVALID',
    });
  });
});
