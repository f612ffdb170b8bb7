import { openLedger } from '../../app/webhooks/followed-ledger.js';
import { replayWebhook, webhookOf } from '../../app/webhooks/replay.js';
import { addSecret, readSecrets, revokeSecret } from '../../app/webhooks/secret-file.js';
import { noWebhooks } from '../../app/webhooks/webhooks.js';
import type { Workspace } from '../../app/workspace.js';
import { markdownTable } from '../../core/markdown-table.js';
import type { DeliveryState, WebhookDelivery } from '../../events/webhook-events.js';

type Out = NodeJS.WritableStream;

export interface ListedWebhooks {
  state?: DeliveryState;
  limit: number;
  json?: boolean;
}

/** Prints webhooks, the newest first. */
export async function listWebhooks(
  workspace: Workspace,
  { state, limit, json }: ListedWebhooks,
  out: Out,
): Promise<void> {
  await withLedger(workspace, async ({ ledger }) => {
    const found = ledger.list({ state, limit }) ?? [];
    if (json) for (const one of found) out.write(`${JSON.stringify(one)}\n`);
    else if (found.length === 0) out.write('no webhooks\n');
    else {
      const rows = found.map((one) => [
        one.id,
        one.type,
        one.state,
        String(one.tries),
        lastOf(one),
        one.due ?? '',
        one.url,
      ]);
      out.write(`${markdownTable(['Id', 'Type', 'State', 'Tries', 'Last answer', 'Next', 'Receiver'], rows)}\n`);
    }
  });
}

function lastOf({ attempts }: WebhookDelivery): string {
  const last = attempts.at(-1);
  return last?.error ?? (last?.status === undefined ? '' : `status ${last.status}`);
}

/** Has webhooks sent again: those of these ids, or all in a state. */
export async function replayWebhooks(
  workspace: Workspace,
  ids: readonly string[],
  { state }: { state?: DeliveryState },
  out: Out,
): Promise<void> {
  await withLedger(workspace, async (followed) => {
    const transport = await workspace.transport();
    const named = ids.map((id) => webhookOf(followed, id));
    const inState = state ? (followed.ledger.list({ state, limit: 100_000 }) ?? []) : [];
    const all = new Map([...named, ...inState].map((one) => [one.id, one]));
    for (const one of all.values()) await replayWebhook(one, followed, transport, Date.now());
    out.write(
      `${all.size} ${all.size === 1 ? 'webhook is' : 'webhooks are'} sent again by the process that serves HTTP\n`,
    );
  });
}

async function withLedger(
  workspace: Workspace,
  work: (ledger: NonNullable<Awaited<ReturnType<typeof openLedger>>>) => Promise<void>,
): Promise<void> {
  const followed = await openLedger(workspace);
  if (!followed) throw noWebhooks();
  try {
    await work(followed);
  } finally {
    await followed.close();
  }
}

/** Makes a secret, and prints it. */
export async function secretsAdd(path: string, tenant: string | undefined, { json }: { json?: boolean }, out: Out) {
  const made = await addSecret(path, tenant ?? null);
  if (json) out.write(`${JSON.stringify(made)}\n`);
  else {
    out.write(`${made.secret}\n`);
    process.stderr.write(`secret ${made.id} ${whose(made.tenant)}; give it to the receiver\n`);
  }
}

/** Lists the secrets, without their texts. */
export async function secretsList(path: string, { json }: { json?: boolean }, out: Out): Promise<void> {
  const secrets = (await readSecrets(path)).map(({ secret: _, ...rest }) => rest);
  if (json) for (const secret of secrets) out.write(`${JSON.stringify(secret)}\n`);
  else if (secrets.length === 0) out.write('no secrets: no webhooks are sent\n');
  else {
    const rows = secrets.map(({ id, tenant, created }) => [id, tenant ?? '(requests without a key)', created]);
    out.write(`${markdownTable(['Id', 'Tenant', 'Made'], rows)}\n`);
  }
}

/** Removes a secret: nothing is signed with it any more. */
export async function secretsRevoke(path: string, id: string, out: Out): Promise<void> {
  const { tenant } = await revokeSecret(path, id);
  out.write(`secret ${id} ${whose(tenant)} is revoked; running servers know within a second\n`);
}

function whose(tenant: string | null): string {
  return tenant === null ? 'of requests without a key' : `of ${tenant}`;
}
