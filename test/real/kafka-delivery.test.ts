import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Transport } from '../../src/streams/transports/transport.js';
import { readAll } from '../streams/delivery/pipeline-fixtures.js';
import { patience } from '../support/patience.js';
import { kafkaTransport } from './kafka-broker.js';
import {
  endWorkers,
  events,
  expectExactlyOnce,
  expectedOutputs,
  freshTopic,
  metricsOf,
  outputsOf,
  partitionsOf,
  startWorker,
  wait,
} from './kafka-workers.js';

let transport: Transport;
beforeEach(() => {
  transport = kafkaTransport();
});
afterEach(async () => {
  await endWorkers();
  await transport.close();
});

describe('delivery over Kafka', () => {
  it('is exact when two processes share a group, and one is killed', async () => {
    const topic = await freshTopic(transport, 4);
    await transport.publish(events(topic, 0, 300));
    const doomed = startWorker(topic, { name: 'doomed' });
    await vi.waitFor(() => expect(doomed.lines.filter(({ began }) => began).length).toBeGreaterThan(50), wait);
    const heir = startWorker(topic, { name: 'heir' });
    // A share is handed over while both run.
    await vi.waitFor(() => expect(partitionsOf(heir).length).toBe(2), wait);
    await transport.publish(events(topic, 300, 600));
    const before = doomed.lines.length;
    await vi.waitFor(() => expect(doomed.lines.length).toBeGreaterThan(before + 20), wait);
    doomed.kill('SIGKILL');
    await doomed.ended;
    await transport.publish(events(topic, 600, 700));
    await vi.waitFor(() => expect(new Set(partitionsOf(heir)).size).toBe(4), wait);
    await expectExactlyOnce(transport, topic, 700);
    heir.kill('SIGTERM');
    expect(await heir.ended).toBe(0);
  });

  it('does a job of ten session timeouts once, without a rebalance', { timeout: patience(300) }, async () => {
    const topic = await freshTopic(transport, 2);
    const worker = startWorker(topic, { sessionMs: 6_000, slow: 10, slowMs: 60_000 });
    await vi.waitFor(() => expect(partitionsOf(worker).length).toBe(2), wait);
    await transport.publish(events(topic, 0, 40));
    await expectExactlyOnce(transport, topic, 40, 180_000);
    expect(partitionsOf(worker).length).toBe(2);
    expect(worker.lines.filter(({ began }) => began).length).toBe(40);
  });

  it('shuts out a process that was stopped for longer than its session, and then goes on', async () => {
    const topic = await freshTopic(transport, 2);
    const zombie = startWorker(topic, { name: 'zombie', slow: 3, slowMs: 2_000 });
    await vi.waitFor(() => expect(partitionsOf(zombie).length).toBe(2), wait);
    await transport.publish(events(topic, 0, 200));
    await vi.waitFor(() => expect(zombie.lines.filter(({ began }) => began).length).toBeGreaterThan(60), wait);
    zombie.kill('SIGSTOP');
    const heir = startWorker(topic, { name: 'heir' });
    await vi.waitFor(() => expect(partitionsOf(heir).length).toBe(2), wait);
    zombie.kill('SIGCONT');
    const commits = (outcome: string) => `vimi_commits_total{pipeline="test",outcome="${outcome}"}`;
    await vi.waitFor(async () => expect((await metricsOf(zombie))(commits('fenced'))).toBeGreaterThan(0), wait);
    await expectExactlyOnce(transport, topic, 200);
    // It is a good member again, with a share of the work.
    await vi.waitFor(() => expect(partitionsOf(zombie).length).toBeGreaterThanOrEqual(3), wait);
    await transport.publish(events(topic, 200, 300));
    await expectExactlyOnce(transport, topic, 300);
    const ofHeir = await metricsOf(heir);
    // Without the zombie, and with it again.
    expect(ofHeir(`vimi_rebalances_total{group="${topic}-group"}`)).toBeGreaterThanOrEqual(2);
    expect(ofHeir(commits('done'))).toBeGreaterThan(0);
    await vi.waitFor(async () => expect((await metricsOf(heir))('vimi_partitions{pipeline="test"}')).toBe(1), wait);
  });

  it('goes on over a planned stop: what is slow is done by the next process', async () => {
    const topic = await freshTopic(transport, 3);
    await transport.publish(events(topic, 0, 150));
    const first = startWorker(topic, { slow: 25, slowMs: 60_000, drainMs: 500 });
    // All but the six slow ones are done and committed.
    await vi.waitFor(async () => {
      const metric = await metricsOf(first);
      expect(first.lines.filter(({ began }) => began).length).toBe(150);
      expect(metric('vimi_in_flight{pipeline="test"}')).toBe(6);
      expect(metric('vimi_awaiting_commit{pipeline="test"}')).toBe(0);
    }, wait);
    first.kill('SIGTERM');
    expect(await first.ended).toBe(0);
    const second = startWorker(topic, { drain: true });
    expect(await second.ended).toBe(0);
    await expectExactlyOnce(transport, topic, 150);
    // The six slow ones only: all others were committed, though a slow one was before them.
    expect(second.lines.filter(({ began }) => began).length).toBe(6);
  });

  it('rejects the largest record that a topic takes, and goes on', async () => {
    const topic = await freshTopic(transport, 1);
    const worker = startWorker(topic);
    const value = Buffer.alloc(1_040_000, 'no event');
    await transport.publish([{ topic, key: null, value, headers: {} }]);
    await transport.publish(events(topic, 0, 6));
    await vi.waitFor(async () => expect(await outputsOf(transport, topic)).toEqual(expectedOutputs(6)), wait);
    const [reject] = await readAll(transport, `${topic}-rejects`);
    const { origin } = JSON.parse(String(reject!.value)) as { origin: { value: string } };
    expect(Buffer.from(origin.value, 'base64').equals(value)).toBe(true);
    worker.kill('SIGTERM');
    expect(await worker.ended).toBe(0);
  });

  it('takes in partitions that are added while it runs', async () => {
    const topic = await freshTopic(transport, 1);
    const worker = startWorker(topic);
    await vi.waitFor(() => expect(partitionsOf(worker)).toEqual([0]), wait);
    await transport.ensureTopics([{ name: topic, partitions: 3, cleanup: 'delete' }]);
    await transport.publish(events(topic, 0, 50));
    await expectExactlyOnce(transport, topic, 50);
    expect(partitionsOf(worker).sort()).toEqual([0, 1, 2]);
  });
});
