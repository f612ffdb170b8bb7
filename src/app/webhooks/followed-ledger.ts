import { join } from 'node:path';
import type { StoredRecord } from '../../events/record.js';
import { webhookRow } from '../../events/webhook-records.js';
import { followTopic } from '../../stores/follow-topic.js';
import { WebhookLedger } from '../../stores/webhooks/webhook-ledger.js';
import { makeWorkFolder } from '../work-folder.js';
import type { Workspace } from '../workspace.js';

/** The webhooks of a topic, followed from here on. */
export interface FollowedLedger {
  topic: string;
  ledger: WebhookLedger;
  /** Resolves when the ledger has seen all that was said when this was called. */
  caughtUp(): Promise<void>;
  /** Calls `look` after each change, until the returned function is called. */
  onChange(look: () => void): () => void;
  close(): Promise<void>;
}

/** Reads the topic to its end. undefined: the topology has none for webhooks. */
export async function openLedger(workspace: Workspace): Promise<FollowedLedger | undefined> {
  const [topic] = workspace.anyTopicsWith('webhook.delivery');
  if (topic === undefined) return undefined;
  const transport = await workspace.transport();
  const folder = await makeWorkFolder(workspace.topology.profile.work, 'webhooks');
  const ledger = new WebhookLedger(join(folder.path, 'webhooks.sqlite'));
  const listeners = new Set<() => void>();
  let isClosed = false;
  const follower = followTopic<StoredRecord>({
    what: `The list of webhooks (${topic})`,
    read: (from, how) => transport.read(topic, { from, ...how }),
    positions: async () => ledger.positions(),
    async apply(records) {
      if (isClosed) return;
      ledger.apply(records.map(webhookRow));
      for (const look of [...listeners]) look();
    },
    log: workspace.log,
  });
  const close = async () => {
    if (isClosed) return;
    isClosed = true;
    await follower.close();
    ledger.close();
    await folder.remove();
  };
  const caughtUp = async () => follower.caughtUp(await transport.ends(topic));
  try {
    await caughtUp();
  } catch (thrown) {
    await close();
    throw thrown;
  }
  return {
    ...{ topic, ledger, caughtUp, close },
    onChange(look) {
      listeners.add(look);
      return () => void listeners.delete(look);
    },
  };
}
