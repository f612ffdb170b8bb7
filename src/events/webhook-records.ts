import { createHash } from 'node:crypto';
import { decodeEvent, encodeEvent } from './cloudevents.js';
import type { NewRecord, StoredRecord } from './record.js';
import type { WebhookDelivery, WebhookDisabled, WebhookType } from './webhook-events.js';

/** The same for every process that sees the same end of the same request. */
export function messageId(job: string, record: string, type: WebhookType): string {
  return `msg_${hashOf([job, record, type]).slice(0, 32)}`;
}

/** The key under which a receiver is said to be disabled. */
export function receiverKey({ source, url }: { source: string; url: string }): string {
  return `receiver-${hashOf([source, url]).slice(0, 32)}`;
}

export function deliveryRecord(topic: string, data: WebhookDelivery): NewRecord {
  return encodeEvent({
    ...{ schema: 'webhook.delivery', source: '/vimi/webhooks', topic, key: data.id, data },
    id: `${data.id}-${data.state}-${data.tries}-${data.attempts.length}`,
  });
}

export function disabledRecord(topic: string, data: WebhookDisabled): NewRecord {
  const key = receiverKey(data);
  return encodeEvent({ schema: 'webhook.disabled', source: '/vimi/webhooks', topic, id: key, key, data });
}

/** Forgets a message, or that a receiver is disabled. */
export function forgetting(topic: string, key: string): NewRecord {
  return { topic, key: Buffer.from(key), value: null, headers: {} };
}

export type WebhookRow = { partition: number; offset: number; key: string } & (
  | { delivery: WebhookDelivery }
  | { disabled: WebhookDisabled }
  | { forgotten: true }
  | { foreign: true }
);

export function webhookRow(record: StoredRecord): WebhookRow {
  const { partition, offset } = record;
  const row = { partition, offset, key: record.key?.toString() ?? '' };
  if (record.value === null) return { ...row, forgotten: true };
  try {
    const { schema, data } = decodeEvent(record, ['webhook.delivery', 'webhook.disabled']);
    if (schema === 'webhook.disabled') return { ...row, disabled: data as WebhookDisabled };
    const delivery = data as WebhookDelivery;
    return delivery.id === row.key ? { ...row, delivery } : { ...row, foreign: true };
  } catch {
    return { ...row, foreign: true };
  }
}

function hashOf(facts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}
