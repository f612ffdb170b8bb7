import { afterEach, expect, it, vi } from 'vitest';
import { PassedOver } from '../../../src/app/ingest/passed-over.js';
import { PublicationTimes } from '../../../src/app/ingest/publication-times.js';
import { publishMedia } from '../../../src/app/ingest/publish-media.js';
import { decodeEvent } from '../../../src/events/cloudevents.js';
import type { StoredRecord } from '../../../src/events/record.js';
import type { MediaAdded } from '../../../src/events/schemas.js';
import { comparePublished } from '../../../src/flow/order.js';
import { memoryTransport } from '../../../src/testing/memory.js';
import { never } from '../../media/make-media.js';

afterEach(() => {
  vi.useRealTimers();
});

it('the order of a listing is written down with its media, whatever their partitions', async () => {
  const transport = memoryTransport();
  await transport.ensureTopics([{ name: 'media', partitions: 4, cleanup: 'delete' }]);
  const uris = Array.from({ length: 1200 }, (_, n) => `${(n * 7919) % 1200}.png`);
  async function* media() {
    for (const uri of uris) yield { uri, version: '1' };
  }
  await publishMedia([{ name: 'test', media }], {
    ...{ transport, topic: 'media', refused: new Map(), passedOver: new PassedOver(), broken: [], signal: never },
  });
  const records: StoredRecord[] = [];
  for await (const record of transport.read('media')) records.push(record);
  const inOrder = records.sort(comparePublished);
  expect(inOrder.map((record) => (decodeEvent(record, ['media.added']).data as MediaAdded).uri)).toEqual(uris);
  expect(new Set(inOrder.map(({ partition }) => partition)).size).toBe(4);
  // The next one to publish, perhaps another process, goes on behind them.
  expect(inOrder.at(-1)!.timestamp).toBeLessThanOrEqual(Date.now() + 1000);
  await transport.close();
});

it('a clock that is set back an hour keeps the order and is not waited for', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const times = new PublicationTimes();
  const before = times.next();
  vi.setSystemTime(Date.now() - 3_600_000);
  expect(times.next()).toBe(before + 1);
  await times.settled();
});
