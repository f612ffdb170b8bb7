import { VimiError } from '../../core/errors.js';
import type { WebhookDelivery } from '../../events/webhook-events.js';
import { deliveryRecord, forgetting, receiverKey } from '../../events/webhook-records.js';
import type { Transport } from '../../streams/transports/transport.js';
import type { FollowedLedger } from './followed-ledger.js';
import { replayed } from './next-state.js';

/** Sends a message again from its first attempt on, under its webhook-id, and enables its receiver. */
export async function replayWebhook(
  delivery: WebhookDelivery,
  { topic, ledger, caughtUp }: FollowedLedger,
  transport: Transport,
  now: number,
): Promise<WebhookDelivery> {
  const again = replayed(delivery, now);
  const enabling = ledger.isDisabled(delivery) ? [forgetting(topic, receiverKey(delivery))] : [];
  await transport.publish([...enabling, deliveryRecord(topic, again)]);
  await caughtUp();
  return again;
}

/** WEBHOOK_NOT_FOUND, also for those of others. */
export function webhookOf(
  { ledger }: FollowedLedger,
  id: string,
  sees: (source: string) => boolean = () => true,
): WebhookDelivery {
  const found = ledger.get(id);
  if (found && sees(found.source)) return found;
  throw new VimiError('WEBHOOK_NOT_FOUND', 'There is no such webhook', { found: id });
}
