import { type Command, Option } from 'commander';
import { keyPath, scopes } from '../../server/keys/key-file.js';
import { keysAdd, keysList, keysRevoke } from '../commands.js';
import { listing } from '../listing.js';
import type { Shell } from '../shell.js';

/** `vimi keys ...` */
export function addKeysCommands(program: Command, { out, within }: Shell): void {
  const keysCommand = program.command('keys').description('API keys of the HTTP API');
  keysCommand
    .command('add')
    .description('make a key, and print it: it cannot be shown again')
    .argument('<name>', 'who uses it; keys with one name see the same jobs')
    .addOption(
      new Option('--scope <scope...>', 'what it may do; admin: everything, for the jobs of everybody')
        .choices([...scopes])
        .default(['create', 'read', 'cancel']),
    )
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExample:\n  vimi keys add shop --scope create read cancel')
    .action((name: string, options) =>
      within((workspace) => keysAdd(keyPath(workspace.topology.folder), name, options, out)),
    );
  listing(keysCommand)
    .description('list the keys')
    .option('--json', 'one JSON object a line')
    .action((options) => within((workspace) => keysList(keyPath(workspace.topology.folder), options, out)));
  keysCommand
    .command('revoke')
    .description('remove a key')
    .argument('<id>', 'of `vimi keys list`')
    .action((id: string) => within((workspace) => keysRevoke(keyPath(workspace.topology.folder), id, out)));
}
