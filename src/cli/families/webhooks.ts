import { type Command, Option } from 'commander';
import { secretPath } from '../../app/webhooks/secret-file.js';
import { deliveryState } from '../../events/webhook-events.js';
import { listWebhooks, replayWebhooks, secretsAdd, secretsList, secretsRevoke } from '../commands.js';
import { listing } from '../listing.js';
import { wholeNumber } from '../option-values.js';
import type { Shell } from '../shell.js';

/** `vimi webhooks ...` */
export function addWebhooksCommands(program: Command, { out, within }: Shell): void {
  const webhooksCommand = program
    .command('webhooks')
    .description('webhooks of requests: list them, send them again, and the secrets that sign them');
  const webhookState = () => new Option('--state <state>', 'those in this state').choices([...deliveryState.options]);
  listing(webhooksCommand)
    .description('list webhooks, the newest first')
    .addOption(webhookState())
    .option('-n, --limit <n>', 'list at most this many', wholeNumber(1), 50)
    .option('--json', 'one JSON object a line')
    .action((options) => within((workspace) => listWebhooks(workspace, options, out)));
  webhooksCommand
    .command('replay')
    .description('send webhooks again from their first attempt on, under the same ids')
    .argument('[id...]', 'of `vimi webhooks list`')
    .addOption(webhookState())
    .addHelpText('after', '\nExample:\n  vimi webhooks replay --state failed')
    .action((ids: string[], options) => within((workspace) => replayWebhooks(workspace, ids, options, out)));
  const secretsCommand = webhooksCommand.command('secrets').description('secrets that sign webhooks');
  secretsCommand
    .command('add')
    .description('make a secret, and print it; several of one tenant all sign, so one can replace another')
    .argument('[tenant]', 'name of API keys (default: requests that come without a key)')
    .option('--json', 'print it as JSON')
    .action((tenant: string | undefined, options) =>
      within((workspace) => secretsAdd(secretPath(workspace.topology.folder), tenant, options, out)),
    );
  listing(secretsCommand)
    .description('list the secrets, without their texts')
    .option('--json', 'one JSON object a line')
    .action((options) => within((workspace) => secretsList(secretPath(workspace.topology.folder), options, out)));
  secretsCommand
    .command('revoke')
    .description('remove a secret')
    .argument('<id>', 'of `vimi webhooks secrets list`')
    .action((id: string) => within((workspace) => secretsRevoke(secretPath(workspace.topology.folder), id, out)));
}
