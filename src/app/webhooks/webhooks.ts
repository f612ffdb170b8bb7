import type { Clock } from '../../core/clock.js';
import { VimiError } from '../../core/errors.js';
import type { RequestWebhook } from '../../events/webhook-events.js';
import type { OutgoingOptions } from '../../media/web/outgoing.js';
import type { BoardJob } from '../../stores/jobs/job-board.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import type { FollowedBoard } from '../job-board.js';
import type { Workspace } from '../workspace.js';
import { type FollowedLedger, openLedger } from './followed-ledger.js';
import { Receivers } from './receivers.js';
import { Secrets, secretPath } from './secret-file.js';
import { sendWebhooks } from './webhook-sender.js';

export interface WebhooksOptions {
  workspace: Workspace;
  pipeline: PipelineSpec;
  board: FollowedBoard;
  /** What a message says of a job. */
  describe(job: BoardJob): object;
  /** How receivers are reached, and when. Default: as the system does. */
  around?: Partial<Pick<OutgoingOptions, 'resolve' | 'isAllowed'>> & { clock?: Clock; random?(): number };
}

/** The webhooks of a pipeline: checked when they are asked for, sent when their jobs end, listed and sent again. */
export interface Webhooks {
  list: FollowedLedger;
  /** WEBHOOK_FORBIDDEN, WEBHOOK_SECRET_MISSING. */
  check(webhook: RequestWebhook, source: string): Promise<void>;
  close(): Promise<void>;
}

/** undefined: the topology has no topic for them. */
export async function openWebhooks(options: WebhooksOptions): Promise<Webhooks | undefined> {
  const { workspace, pipeline, board, describe, around = {} } = options;
  const { clock = options.workspace.clock, random = Math.random, ...outgoing } = around;
  const { topology, log } = workspace;
  const secrets = await Secrets.open(secretPath(topology.folder), log);
  const list = await openLedger(workspace);
  if (!list) return undefined;
  const receivers = new Receivers({ hosts: topology.webhookHosts, secrets, ...outgoing });
  const transport = await workspace.transport();
  const sending = sendWebhooks({
    ...{ transport, pipeline, board, ledger: list, receivers, describe, clock, random, log },
    metrics: workspace.serviceMetrics,
  });
  return {
    list,
    check: ({ url }, source) => receivers.check(url, source),
    async close() {
      await sending.close();
      await list.close();
    },
  };
}

/** For a request that names a webhook where there is no topic for them. */
export function noWebhooks(): VimiError {
  return new VimiError('WEBHOOK_FORBIDDEN', 'This topology sends no webhooks', {
    expected: 'a topic that carries webhook.delivery and webhook.disabled, with cleanup: compact',
    where: 'webhook',
    remedy: 'Add the topic to the topology: docs/guides/webhooks.md. Or leave the webhook out.',
  });
}
