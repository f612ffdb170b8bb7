import { z } from 'zod';
import { characters, leftOut, moment } from './input.js';

/*
 * Webhooks by Standard Webhooks 1.0.0: what a request says of its own, and the ledger of what was sent for it.
 */

const webhookTypes = ['video.completed', 'video.failed', 'video.cancelled'] as const;
export const webhookType = z.enum(webhookTypes);
export type WebhookType = z.infer<typeof webhookType>;

/** Of a request: who is told of its end. */
export const requestWebhook = z.strictObject({
  url: characters(1, 2048).describe('https; its host is one of webhook_hosts of the topology'),
  events: leftOut(z.array(webhookType).min(1).max(webhookTypes.length)).describe('default: all of them'),
});
export type RequestWebhook = z.infer<typeof requestWebhook>;

export const deliveryState = z.enum(['pending', 'delivered', 'failed', 'disabled']);

const attempt = z.looseObject({
  at: moment,
  status: z.number().int().optional().describe('of the answer; missing: there was none'),
  error: z.string().max(1000).optional().describe('why it failed'),
});

/** A message to one receiver, as it stands. The record's key is `id`; the topic is compacted. */
export const webhookDelivery = z.looseObject({
  id: z
    .string()
    .regex(/^msg_[0-9a-f]{32}$/)
    .describe('webhook-id, the same over all attempts; it follows from the job, its request and its end'),
  job: z.string(),
  source: z.string().describe("the request's ce_source, whose secrets sign"),
  type: webhookType,
  url: z.string().max(2048),
  body: z.string().max(20_000).describe('what is sent, byte by byte'),
  partition: z.number().int().nonnegative().describe('of the jobs topic: whoever has it sends the message'),
  created: moment,
  state: deliveryState,
  due: moment.optional().describe('the next attempt, if the state is pending'),
  tries: z.number().int().nonnegative().describe('attempts since it was made or replayed'),
  attempts: z.array(attempt).max(12).describe('the newest ones'),
});
export type WebhookDelivery = z.infer<typeof webhookDelivery>;
export type DeliveryState = WebhookDelivery['state'];

/** A receiver that answered 410: nothing is sent to it until one of its messages is replayed. */
export const webhookDisabled = z.looseObject({
  source: z.string(),
  url: z.string().max(2048),
  since: moment,
});
export type WebhookDisabled = z.infer<typeof webhookDisabled>;
