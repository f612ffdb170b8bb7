import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { describe, expect, it, vi } from 'vitest';
import { createServiceMetrics } from '../../../src/app/service-metrics.js';
import { replayed } from '../../../src/app/webhooks/next-state.js';
import { PartitionSender } from '../../../src/app/webhooks/partition-sender.js';
import { ReceiverTurns } from '../../../src/app/webhooks/receiver-turns.js';
import { systemClock } from '../../../src/core/clock.js';
import { VirtualClock } from '../../../src/core/virtual-clock.js';
import { catalogue } from '../../../src/events/catalogue.js';
import { jobRecord } from '../../../src/events/job-change.js';
import type { NewRecord } from '../../../src/events/record.js';
import { generationRequested } from '../../../src/events/schemas.js';
import type { WebhookDelivery } from '../../../src/events/webhook-events.js';
import { deliveryRecord, forgetting, webhookRow } from '../../../src/events/webhook-records.js';
import type { BoardJob } from '../../../src/stores/jobs/job-board.js';
import { WebhookLedger } from '../../../src/stores/webhooks/webhook-ledger.js';
import { testFolder } from '../../media/make-media.js';
import { quietLog } from '../../operators/run-operator.js';
import { patient } from '../../support/patience.js';

type Around = ConstructorParameters<typeof PartitionSender>[1];

const topic = 'webhooks';
const shown = catalogue['webhook.delivery'].example as WebhookDelivery;
const due = (n: number, partition: number): WebhookDelivery => ({
  ...{ ...shown, id: `msg_${String(n).padStart(32, '0')}`, url: `https://hooks.example/${n}`, partition },
  ...{ state: 'pending', due: new Date(0).toISOString(), tries: 0, attempts: [] },
});

/** A ledger, partitions that give what they are told, and a receiver that answers when it is told. */
async function setUp(job?: BoardJob, clock = systemClock) {
  const ledger = new WebhookLedger(join(await testFolder(), 'ledger.sqlite'));
  const looks = new Set<() => void>();
  let offset = 0;
  const publish = (records: readonly NewRecord[]) => {
    ledger.apply(records.map((one) => webhookRow({ ...one, partition: 0, offset: offset++, timestamp: 0 })));
    for (const look of [...looks]) look();
  };
  const begun = new Map<string, (status?: number) => void>();
  const around = {
    ledger: {
      ...{ topic, ledger, caughtUp: async () => {}, close: async () => {} },
      onChange(look: () => void) {
        looks.add(look);
        return () => void looks.delete(look);
      },
    },
    board: { caughtUp: async () => {}, board: { get: () => job } },
    receivers: {
      post: ({ id }: WebhookDelivery, _: unknown, signal: AbortSignal) =>
        new Promise((resolve, reject) => {
          begun.set(id, (status = 204) => resolve({ status }));
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
    },
    describe: ({ job }: BoardJob) => ({ id: job }),
    ...{ clock, random: () => 0, log: quietLog, turns: new ReceiverTurns() },
    metrics: createServiceMetrics(new Registry()),
  } as unknown as Around;
  const taken: number[] = [];
  const sender = (partition: number, records: NewRecord[] = []) => {
    const given = records.map((one, n) => ({ ...one, partition, offset: n, timestamp: 0 }));
    return new PartitionSender(
      {
        ...{ topic: 'jobs', partition, position: null, reached: 0, seek() {} },
        take: async (_, signal) => {
          taken.push(given.length);
          if (given.length > 0) return given.splice(0);
          return new Promise((resolve) => signal.addEventListener('abort', () => resolve([])));
        },
        commit: async (outputs) => publish(outputs),
      },
      around,
    );
  };
  return { ledger, publish, begun, taken, sender };
}

describe('the sender of a partition', patient, () => {
  it('begins when a host has room again, although another partition took it and left no word', async () => {
    const { ledger, publish, begun, sender } = await setUp();
    const all = Array.from({ length: 9 }, (_, n) => due(n, n < 8 ? 0 : 1));
    publish(all.map((one) => deliveryRecord(topic, one)));
    const senders = [sender(0), sender(1)];
    // One of the two partitions was first; the other has what is left of the host's eight.
    await vi.waitFor(() => expect(begun.size).toBe(8), patient);
    const [first, held] = [[...begun], all.find(({ id }) => !begun.has(id))!];
    // Their jobs are deleted: nothing is recorded of these attempts.
    publish(first.map(([id]) => forgetting(topic, id)));
    for (const [, answer] of first) answer();
    await vi.waitFor(() => expect(begun.has(held.id)).toBe(true), patient);
    begun.get(held.id)!();
    await vi.waitFor(() => expect(ledger.get(held.id)?.state).toBe('delivered'), patient);
    await Promise.all(senders.map((one) => one.stop()));
    ledger.close();
  });

  it.each([
    [29, 1],
    [31, 0],
  ])('tells of an end of %i days ago in %i messages, when all of the topic comes again', async (days, messages) => {
    const request = { source: '/shop', id: 'order-66', record: 'requests-0-0@0' };
    const job: BoardJob = {
      ...{ job: 'job-1', source: request.source, id: request.id, record: request.record, version: 1, created: 0 },
      ...{ changed: Date.now() - days * 86_400_000, state: 'cancelled' },
      request: generationRequested.parse({ prompt: 'a fox', webhook: { url: 'https://hooks.example/' } }),
    };
    const end = jobRecord({ job: job.job, request, state: 'cancelled' }, { pipeline: 'generate', topic: 'jobs' });
    const { ledger, taken, sender } = await setUp(job);
    const one = sender(0, [end]);
    // What was taken is dealt with when more is asked for.
    await vi.waitFor(() => expect(taken).toEqual([1, 0]), patient);
    expect(ledger.list({ limit: 10 })).toHaveLength(messages);
    await one.stop();
    ledger.close();
  });

  it('sends a replay at once that was asked for where the clock is ahead', async () => {
    const { ledger, publish, begun, sender } = await setUp();
    const message = {
      ...due(0, 0),
      state: 'failed' as const,
      attempts: [{ at: shown.created, status: 500 }],
      tries: 10,
    };
    publish([deliveryRecord(topic, message)]);
    const one = sender(0);
    publish([deliveryRecord(topic, replayed(message, Date.now() + 3_600_000))]);
    await vi.waitFor(() => expect(begun.has(message.id)).toBe(true), patient);
    begun.get(message.id)!();
    await vi.waitFor(() => expect(ledger.get(message.id)?.state).toBe('delivered'), patient);
    await one.stop();
    ledger.close();
  });

  it.each([
    ['back', -3_600_000],
    ['ahead', 3_600_000],
  ])('tries again after the usual waits when the clock is set an hour %s, and right again', async (_, ms) => {
    let wrong = 0;
    const time = new VirtualClock(Date.parse('2026-12-02T00:00:00Z'));
    let asleep = 0;
    const clock = {
      ...time,
      now: () => time.now() + wrong,
      async sleep(wait: number, signal?: AbortSignal) {
        asleep++;
        await time.sleep(wait, signal);
        asleep--;
      },
    };
    const pass = async (seconds: number) => {
      for (const end = time.now() + seconds * 1000; time.now() < end; await time.advance(5000)) {
        await setImmediate();
        await vi.waitFor(() => expect(asleep).toBe(1), patient);
      }
    };
    const { ledger, publish, begun, sender } = await setUp(undefined, clock);
    const message = due(0, 0);
    publish([deliveryRecord(topic, message)]);
    const one = sender(0);
    const fails = async (tries: number) => {
      await vi.waitFor(() => expect(begun.has(message.id)).toBe(true), patient);
      begun.get(message.id)!(500);
      begun.delete(message.id);
      await vi.waitFor(() => expect(ledger.get(message.id)).toMatchObject({ state: 'pending', tries }), patient);
    };
    await fails(1);
    wrong = ms;
    // Its wait is 5 s. Whoever looks once a minute notices within that, and waits anew.
    await pass(70);
    await fails(2);
    wrong = 0;
    await pass(60);
    // Its wait is 5 minutes now, from the moment when the clock was seen to be right again, a minute later at most.
    if (ms > 0) expect(begun.size).toBe(0);
    await pass(370);
    await fails(3);
    await one.stop();
    ledger.close();
  });
});
