import { type Command, Option } from 'commander';
import { exportFormats } from '../../app/samples/export/export-formats.js';
import { mergeShards, samplesExport, samplesList, samplesReground, samplesShow, samplesVerify } from '../commands.js';
import { exitCodes } from '../exit.js';
import { several, size } from '../option-values.js';
import type { Shell } from '../shell.js';

/** `vimi samples ...` and `vimi shards ...` */
export function addSamplesCommands(program: Command, { interruption, out, within }: Shell): void {
  const samplesCommand = program.command('samples').description('look at training samples, and verify their shards');
  samplesCommand
    .command('list')
    .description('list the samples of all shards')
    .option('--source <name>', 'only of this source (may be repeated)', several)
    .option('--regrounded', 'as `vimi samples reground --write` grounded them last')
    .addOption(new Option('--by <what>', 'count them instead').choices(['shape']))
    .option('--json', 'one JSON object a line')
    .action((options) => within((workspace) => samplesList(workspace, options, out)));
  samplesCommand
    .command('show')
    .description('show a sample: its clip, scores, origin, prompt and context')
    .argument('<key>', 'its name, from `vimi samples list`')
    .option('-o, --out <folder>', 'write its members and images to this folder')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  vimi samples show media-1-000000000013-0 --out sample')
    .action((key: string, options) => within((workspace) => samplesShow(workspace, key, options, out)));
  samplesCommand
    .command('export')
    .description('write the samples to a folder for other tools: a Parquet table, or a Croissant dataset')
    .argument('<folder>', 'a new or empty folder')
    .addOption(
      new Option(
        '--format <format>',
        'parquet, lance: a table, a row a sample; croissant: shards, the table, and their description',
      )
        .choices([...exportFormats])
        .default('parquet'),
    )
    .option('--embed', 'parquet, lance: put the clips into the table too (default: their place in the shards)')
    .option('--source <name>', 'only of this source (may be repeated)', several)
    .option('--keep-list <name>', 'without what this list of `vimi corpus pass` leaves out')
    .option('--regrounded', 'as `vimi samples reground --write` grounded them last')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExamples:\n  vimi samples export table\n  vimi samples export dataset --format croissant')
    .action((folder: string, options) =>
      within((workspace) =>
        samplesExport(workspace, folder, { ...options, signal: interruption('stopping: nothing is left behind') }, out),
      ),
    );
  samplesCommand
    .command('reground')
    .description('ground samples again in the corpus as it is now, and say what that changes in their contexts')
    .argument('[shard...]', 'names of shards, or keys of their objects (default: all)')
    .option('--at <position>', 'the corpus as it was at PARTITION:OFFSET,... of its topic, instead of now')
    .option(
      '--keep-list <name>',
      'without what this list of `vimi corpus pass` leaves out: neither as context nor as samples',
    )
    .option('--write', 'store shards with the new prompts beside the old ones, which stay')
    .option('--json', 'one JSON object a sample, then the counts')
    .addHelpText(
      'after',
      '\nReaders choose: `vimi samples export --regrounded` takes the new ones.\n\nExamples:\n  vimi samples reground\n  vimi samples reground media-0002-000000000000-000000001000 --write',
    )
    .action((shards: string[], options) =>
      within((workspace) => samplesReground(workspace, shards, { ...options, signal: interruption('stopping') }, out)),
    );
  samplesCommand
    .command('verify')
    .description('verify every shard: digests, members, facts, images, index')
    .option('--json', 'one JSON object a mistake, then the counts')
    .addHelpText('after', '\nExit code 1 when something is wrong.')
    .action((options) =>
      within(async (workspace) => {
        if (!(await samplesVerify(workspace, options, out))) process.exitCode = exitCodes.failed;
      }),
    );

  program
    .command('shards')
    .description('maintain the shards of training samples')
    .command('merge')
    .description('merge small shards: their samples, each image once, in a new shard that replaces them')
    .option('--bytes <size>', 'largest merged shard, such as 500MB; shards of more than half of it stay', size, 1e9)
    .option('--dry-run', 'report what would be merged, and change nothing')
    .option('--json', 'one JSON object a merged shard')
    .addHelpText(
      'after',
      '\nRemoves replaced shards from the object store. Old shards whose samples have no .txt stay as they are.\n\nExample:\n  vimi shards merge --bytes 500MB',
    )
    .action((options) => within((workspace) => mergeShards(workspace, options, out)));
}
