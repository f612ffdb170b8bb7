import { type Command, Option } from 'commander';
import { sortKeys } from '../../app/looks/rows.js';
import { age } from '../commands/age.js';
import type { RejectsOptions } from '../commands/rejects.js';
import type { TapOptions } from '../commands/tap.js';
import {
  dismissRejects,
  listRejects,
  replayRejects,
  restoreBackup,
  sweep,
  tap,
  top,
  writeBackup,
} from '../commands.js';
import { listing } from '../listing.js';
import { several, wholeNumber } from '../option-values.js';
import { printable } from '../printable.js';
import { here, type Shell } from '../shell.js';

interface TapArguments extends Pick<TapOptions, 'filter' | 'sample' | 'limit' | 'input'> {
  at?: string;
  interval?: number;
}

/** Look at what runs, and keep what it wrote. */
export function addOperationCommands(program: Command, { interruption, out, servedAt, within }: Shell): void {
  program.commandsGroup('Operation:');
  program
    .command('top')
    .description(
      'show what runs: rate, events in flight and times of each pipeline and step, jobs and models, over and over',
    )
    .option('--at <address>', `HOST:PORT of the process; of each, if repeated (default: ${here})`, several)
    .option('--interval <time>', 'between two looks, such as 2s', '1s')
    .option('--count <n>', 'end after so many tables', wholeNumber(1))
    .addOption(
      new Option('--sort <column>', 'the most first; order: as the steps run').choices(sortKeys).default('order'),
    )
    .option('--pipeline <name>', 'only this one (may be repeated)', several)
    .option('--json', 'one JSON object for each look')
    .addHelpText(
      'after',
      '\nVIMI_API_KEY: a key with the scope read, where the process asks for one; it is needed for the progress of jobs alone.\n\nExample:\n  vimi top --at worker-1:9400 --at worker-2:9400 --sort p99',
    )
    .action(async ({ at, interval, ...options }) =>
      top(
        at ?? [await servedAt()],
        {
          ...options,
          intervalMs: Math.max(100, age(interval)),
          key: process.env.VIMI_API_KEY,
          signal: interruption('stopping'),
          redraws: process.stdout.isTTY === true && !options.json,
        },
        process.stdout,
      ),
    );

  program
    .command('tap')
    .description('print what a step of a running process hands on, as it happens, one JSON object a line')
    .argument('<step>', 'PIPELINE.STEP; * stands for any characters: "corpus.*"')
    .option('--at <address>', `HOST:PORT of the process (default: ${here})`)
    .option('--filter <expression>', 'PATH=VALUE, !=, <, > or ~ (holds a text): query.text~fox')
    .option('--input', 'print what the step takes, instead of what it hands on')
    .option('--sample <n>', 'only every nth', wholeNumber(1, 1_000_000))
    .option('--interval <time>', 'at most one event in this time, such as 2s', age)
    .option('--limit <n>', 'end after so many', wholeNumber(1, 1_000_000))
    .addHelpText(
      'after',
      '\nVIMI_API_KEY: a key with the scope admin, where the process asks for one.\n\nExample:\n  vimi tap generate.retrieve --filter query.text~fox --limit 1',
    )
    .action(async (step: string, { at, interval, ...options }: TapArguments) =>
      tap(
        step,
        {
          ...options,
          at: at ?? (await servedAt()),
          intervalMs: interval,
          key: process.env.VIMI_API_KEY,
          tell: process.stderr.isTTY ? (line) => process.stderr.write(printable(line)) : undefined,
          signal: interruption('stopping'),
        },
        out,
      ),
    );

  const rejectsCommand = program
    .command('rejects')
    .description(
      'list dead letters (rejected events with their original bytes), and publish them again after their cause is repaired',
    );
  const choosing = (command: Command) =>
    command
      .option('--code <code>', 'with this error code (may be repeated)', several)
      .option('--since <when>', 'rejected since then: an age such as 2h, or a moment')
      .option('--id <id>', 'with this place, such as requests-3-42, or event id (may be repeated)', several)
      .option('--json', 'one JSON object a line', false);
  choosing(listing(rejectsCommand))
    .option('--dismissed', 'include dismissed ones', false)
    .description('list dead letters and what a replay would do; publishes nothing')
    .addHelpText('after', '\nExample:\n  vimi rejects list --code STORAGE_UNAVAILABLE --since 1d')
    .action((options: RejectsOptions) => within((workspace) => listRejects(workspace, options, out)));
  choosing(rejectsCommand.command('replay'))
    .description('publish the original bytes and headers of dead letters to their topics again, each once, with its id')
    .option('--all', 'all of them', false)
    .addHelpText(
      'after',
      '\nEvery pipeline that reads the topic gets them. Look first: vimi rejects list.\n\nExample:\n  vimi rejects replay --code STORAGE_UNAVAILABLE --since 1d',
    )
    .action((options: RejectsOptions & { all: boolean }) =>
      within((workspace) => replayRejects(workspace, options, out)),
    );

  choosing(rejectsCommand.command('dismiss'))
    .description('close dead letters: they are no longer listed or replayed')
    .option('--all', 'all of them', false)
    .addHelpText('after', '\nExample:\n  vimi rejects dismiss --code MEDIA_UNSUPPORTED')
    .action((options: RejectsOptions & { all: boolean }) =>
      within((workspace) => dismissRejects(workspace, options, out)),
    );

  program
    .command('objects')
    .description('maintain the objects of the profile')
    .command('sweep')
    .description(
      'list objects that no event names: leftovers of crashes, of events that are gone, and clips that shards contain',
    )
    .option('--remove', 'remove them', false)
    .option('--older-than <age>', 'keep younger objects, whose event may be on its way; 0 if nothing runs', '1d')
    .option('--json', 'one JSON object a line', false)
    .addHelpText(
      'after',
      '\nReads every topic of the topology. Never touches samples that wait for their shard.\n\nExample:\n  vimi objects sweep --older-than 7d --remove',
    )
    .action(({ olderThan, ...options }: { remove: boolean; olderThan: string; json: boolean }) =>
      within((workspace) => sweep(workspace, { ...options, olderThan: age(olderThan) }, out)),
    );

  program
    .command('backup')
    .description('write a backup of the embedded profile to a folder, also while it runs')
    .argument('<folder>', 'an empty folder, or that of an earlier backup, which is brought up to date')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  vimi backup /backup/vimi')
    .action((folder: string, options: { json?: boolean }) =>
      within((workspace) => writeBackup(workspace, folder, { ...options, signal: interruption('stopping') }, out)),
    );

  program
    .command('restore')
    .description('put a backup where the embedded profile has nothing yet')
    .argument('<folder>', 'the folder of the backup')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  mv .vimi .vimi-before && vimi restore /backup/vimi')
    .action((folder: string, options: { json?: boolean }) =>
      within((workspace) => restoreBackup(workspace, folder, { ...options, signal: interruption('stopping') }, out)),
    );
}
