import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import type { Transport } from '../../src/streams/transports/transport.js';
import { numbered, numbers, read, values } from '../streams/transports/transport-contract.js';
import { patient } from '../support/patience.js';
import { kafkaTransport } from './kafka-broker.js';
import {
  endWorkers,
  events,
  expectExactlyOnce,
  freshTopic,
  metricsOf,
  partitionsOf,
  startWorker,
  wait,
} from './kafka-workers.js';
import { type OwnBrokers, startBrokers } from './own-brokers.js';

// A broker of its own, for it comes and goes.
let own: OwnBrokers;
const transports: Transport[] = [];

function open(): Transport {
  const transport = kafkaTransport({ brokers: own.addresses });
  transports.push(transport);
  return transport;
}

beforeAll(async () => {
  own = await startBrokers(1);
});
afterEach(async () => {
  await endWorkers();
  for (const transport of transports.splice(0)) await transport.close();
});
afterAll(() => own?.remove(), 60_000);

it('loses and doubles nothing while the broker is away', async () => {
  const transport = open();
  const topic = await freshTopic(transport, 3);
  const worker = startWorker(topic, { brokers: own.addresses, slow: 20, slowMs: 1_000 });
  await vi.waitFor(() => expect(partitionsOf(worker).length).toBe(3), wait);
  await transport.publish(events(topic, 0, 400));
  await vi.waitFor(() => expect(worker.lines.filter(({ began }) => began).length).toBeGreaterThan(80), wait);

  own.kill();
  await vi.waitFor(() => expect(worker.lines.some(({ warn }) => warn)).toBe(true), wait);
  // Published while nobody is there to take it. A broker may need longer to start than one publish waits.
  const published = vi.waitFor(() => transport.publish(events(topic, 400, 500)), patient);
  await own.up();
  await published;
  await vi.waitFor(() => expect(worker.lines.some(({ began }) => began === 'm499')).toBe(true), wait);

  await own.down();
  const warnings = worker.lines.length;
  // Longer than any session and transaction: a publish gives up after a minute, and nothing of it shows later.
  const unheard = transport.publish(events(topic, 7_000, 7_001));
  await expect(unheard).rejects.toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
  await vi.waitFor(() => expect(worker.lines.length).toBeGreaterThan(warnings), wait);
  await own.up();
  await transport.publish(events(topic, 500, 600));
  await expectExactlyOnce(transport, topic, 600);
  await vi.waitFor(async () => {
    const metric = await metricsOf(worker);
    expect(metric('vimi_transport_outages_total')).toBeGreaterThan(0);
    expect(metric('vimi_transport_retries_total')).toBeGreaterThan(metric('vimi_transport_outages_total'));
    expect(metric('vimi_transport_waiting')).toBe(0);
  }, wait);
  worker.kill('SIGTERM');
  expect(await worker.ended).toBe(0);
});

it('keeps on reading and telling the ends', async () => {
  const transport = open();
  const topic = await freshTopic(transport, 1);
  await transport.publish(numbered(topic, 3));
  const stop = new AbortController();
  const got: string[] = [];
  const following = (async () => {
    for await (const record of transport.read(topic, { follow: true, signal: stop.signal }))
      got.push(String(record.value));
  })();
  await vi.waitFor(() => expect(got).toEqual(numbers(3)), wait);
  await own.down();
  const ends = transport.ends(topic);
  const again = read(transport, topic);
  await own.up();
  expect(await ends).toEqual([{ partition: 0, low: 0, high: 3 }]);
  expect(values(await again)).toEqual(numbers(3));
  await transport.publish(numbered(topic, 1));
  await vi.waitFor(() => expect(got).toEqual([...numbers(3), '0']), wait);
  stop.abort();
  await following;
});

it('says so when there is no broker at all', async () => {
  const transport = kafkaTransport({ brokers: ['127.0.0.1:1'] });
  transports.push(transport);
  await expect(transport.ends('any')).rejects.toMatchObject({ code: 'TRANSPORT_UNAVAILABLE', retryable: true });
});
