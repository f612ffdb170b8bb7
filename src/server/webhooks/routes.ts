import { z } from 'zod';
import { replayWebhook, webhookOf } from '../../app/webhooks/replay.js';
import { noWebhooks, type Webhooks } from '../../app/webhooks/webhooks.js';
import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import { deliveryState, type WebhookDelivery, webhookType } from '../../events/webhook-events.js';
import { answers, json } from '../answers/answers.js';
import type { App } from '../app.js';

const tags = ['webhooks'];
const params = z.object({ id: z.string().max(100).describe('webhook-id') });

const delivery = z
  .object({
    id: z.string().describe('webhook-id, the same over all attempts'),
    object: z.literal('webhook.delivery'),
    type: webhookType,
    video: z.string().describe('the id of the job'),
    url: z.string(),
    status: deliveryState.describe('disabled: the receiver answered 410, and gets nothing until a replay'),
    created_at: z.string(),
    next_attempt_at: z.string().nullable(),
    attempts: z
      .array(z.object({ at: z.string(), status: z.number().int().nullable(), error: z.string().nullable() }))
      .describe('the newest twelve'),
    body: z.string().describe('what is sent'),
    urls: z.object({ self: z.string(), replay: z.string() }),
  })
  .meta({ id: 'WebhookDelivery' });

const list = z.object({
  object: z.literal('list'),
  data: z.array(delivery),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});

/** Webhooks: list them, look at one, send one again. A key sees those of its own name. */
export function addWebhookRoutes(app: App, opened: () => Promise<Webhooks | undefined>, workspace: Workspace): void {
  const webhooks = async () => {
    const found = await opened();
    if (!found) throw noWebhooks();
    await found.list.caughtUp();
    return found.list;
  };

  app.get(
    '/v1/webhooks/deliveries',
    {
      config: { scope: 'read' },
      schema: {
        ...{ tags, summary: 'List webhooks, the newest first', operationId: 'listWebhooks' },
        querystring: z.object({
          after: z.string().max(100).optional().describe('the id of the webhook behind which the list begins'),
          limit: z.coerce.number().int().min(1).max(100).default(20),
          status: deliveryState.optional(),
          video: z.string().max(200).optional().describe('only those of this job'),
        }),
        response: answers({ 200: json('Webhooks of the last 30 days, one page.', list) }),
      },
    },
    async ({ query: { after, limit, status, video }, caller }) => {
      const { ledger } = await webhooks();
      const found = ledger.list({ after, limit: limit + 1, state: status, job: video, source: caller.only });
      if (!found)
        throw new VimiError('WEBHOOK_NOT_FOUND', 'There is no such webhook', { found: after, where: 'after' });
      const data = found.slice(0, limit).map(shown);
      return {
        object: 'list' as const,
        ...{ data, last_id: data.at(-1)?.id ?? null, has_more: found.length > limit },
      };
    },
  );

  app.get(
    '/v1/webhooks/deliveries/:id',
    {
      config: { scope: 'read' },
      schema: {
        ...{ tags, summary: 'One webhook with its attempts', operationId: 'getWebhook' },
        params,
        response: answers({ 200: json('The webhook.', delivery) }),
      },
    },
    async ({ params: { id }, caller }) => shown(webhookOf(await webhooks(), id, caller.sees)),
  );

  app.post(
    '/v1/webhooks/deliveries/:id/replay',
    {
      config: { scope: 'create' },
      schema: {
        ...{ tags, operationId: 'replayWebhook' },
        summary: 'Send a webhook again from its first attempt on, under the same id; a disabled receiver is enabled',
        params,
        response: answers({ 202: json('It is sent again.', delivery) }),
      },
    },
    async ({ params: { id }, caller }, reply) => {
      const ledger = await webhooks();
      const found = webhookOf(ledger, id, caller.sees);
      const again = await replayWebhook(found, ledger, await workspace.transport(), Date.now());
      return reply.code(202).send(shown(again));
    },
  );
}

function shown({ id, type, job, url, state, created, due, attempts, body }: WebhookDelivery): z.infer<typeof delivery> {
  const self = `/v1/webhooks/deliveries/${id}`;
  return {
    ...{ id, object: 'webhook.delivery', type, video: job, url, status: state, created_at: created, body },
    next_attempt_at: due ?? null,
    attempts: attempts.map(({ at, status = null, error = null }) => ({ at, status, error })),
    urls: { self, replay: `${self}/replay` },
  };
}
