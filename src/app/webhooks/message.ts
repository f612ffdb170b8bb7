import type { WebhookDelivery, WebhookType } from '../../events/webhook-events.js';
import { messageId } from '../../events/webhook-records.js';
import type { BoardJob } from '../../stores/jobs/job-board.js';

const types: Partial<Record<BoardJob['state'], WebhookType>> = {
  completed: 'video.completed',
  failed: 'video.failed',
  cancelled: 'video.cancelled',
};

/** The message that an ended job asks for; undefined: none. `data`: what it says of the job. */
export function messageOf(
  job: BoardJob,
  data: object,
  { partition, now }: { partition: number; now: number },
): WebhookDelivery | undefined {
  const { request, state, record } = job;
  const type = types[state];
  const webhook = request?.webhook;
  if (!type || !webhook || record === undefined || !(webhook.events ?? [type]).includes(type)) return undefined;
  return {
    ...{ id: messageId(job.job, record, type), job: job.job, source: job.source, type, url: webhook.url },
    body: JSON.stringify({ type, timestamp: new Date(job.changed).toISOString(), data }),
    ...{ partition, created: new Date(now).toISOString(), state: 'pending', due: new Date(now).toISOString() },
    ...{ tries: 0, attempts: [] },
  };
}
