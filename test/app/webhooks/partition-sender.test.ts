import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { PartitionSender } from '../../../src/app/webhooks/partition-sender.js';
import { ReceiverTurns } from '../../../src/app/webhooks/receiver-turns.js';
import { systemClock } from '../../../src/core/clock.js';
import { catalogue } from '../../../src/events/catalogue.js';
import type { WebhookDelivery } from '../../../src/events/webhook-events.js';
import { deliveryRecord, forgetting, webhookRow } from '../../../src/events/webhook-records.js';
import { WebhookLedger } from '../../../src/stores/webhooks/webhook-ledger.js';
import type { AssignedPartition } from '../../../src/streams/transports/transport.js';
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

describe('the sender of a partition', patient, () => {
  it('begins when a host has room again, although another partition took it and left no word', async () => {
    const ledger = new WebhookLedger(join(await testFolder(), 'ledger.sqlite'));
    const looks = new Set<() => void>();
    let offset = 0;
    const publish = (records: ReturnType<typeof deliveryRecord>[]) => {
      ledger.apply(records.map((one) => webhookRow({ ...one, partition: 0, offset: offset++, timestamp: 0 })));
      for (const look of [...looks]) look();
    };
    const partitionOf = (partition: number): AssignedPartition => ({
      ...{ topic: 'jobs', partition, position: null, reached: 0, seek() {} },
      take: (_, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve([]))),
      commit: async (outputs) => publish(outputs),
    });
    const begun = new Map<string, () => void>();
    const around = {
      ledger: {
        ...{ topic, ledger, caughtUp: async () => {}, close: async () => {} },
        onChange(look: () => void) {
          looks.add(look);
          return () => void looks.delete(look);
        },
      },
      receivers: {
        post: ({ id }: WebhookDelivery) => new Promise((resolve) => begun.set(id, () => resolve({ status: 204 }))),
      },
      ...{ clock: systemClock, random: () => 0, log: quietLog, turns: new ReceiverTurns() },
    } as unknown as Around;
    const all = Array.from({ length: 9 }, (_, n) => due(n, n < 8 ? 0 : 1));
    publish(all.map((one) => deliveryRecord(topic, one)));
    const senders = [0, 1].map((partition) => new PartitionSender(partitionOf(partition), around));
    // One of the two partitions was first; the other has what is left of the host's eight.
    await vi.waitFor(() => expect(begun.size).toBe(8), patient);
    const [first, held] = [[...begun], all.find(({ id }) => !begun.has(id))!];
    // Their jobs are deleted: nothing is recorded of these attempts.
    publish(first.map(([id]) => forgetting(topic, id)));
    for (const [, answer] of first) answer();
    await vi.waitFor(() => expect(begun.has(held.id)).toBe(true), patient);
    begun.get(held.id)!();
    await vi.waitFor(() => expect(ledger.get(held.id)?.state).toBe('delivered'), patient);
    await Promise.all(senders.map((sender) => sender.stop()));
    ledger.close();
  });
});
