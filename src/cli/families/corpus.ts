import { type Command, Option } from 'commander';
import { groupings } from '../../app/passes/groupings.js';
import {
  corpusBalance,
  corpusDedup,
  corpusLineage,
  corpusRebuild,
  corpusReembed,
  corpusRegrade,
  corpusRemove,
  corpusReport,
  corpusSearch,
  corpusShow,
  corpusSnapshot,
  corpusStats,
  corpusThresholds,
  corpusVerifyRemoved,
  forgetPass,
  ingest,
  listPasses,
} from '../commands.js';
import { exitCodes } from '../exit.js';
import { cosine, several, wholeNumber } from '../option-values.js';
import type { Shell } from '../shell.js';

/** `vimi ingest`, and `vimi corpus ...`: search the corpus, see what became of each medium, and correct it. */
export function addCorpusCommands(program: Command, { interruption, out, within }: Shell): void {
  program.commandsGroup('Corpus and samples:');
  program
    .command('ingest')
    .description('add media to the corpus: publish them, run the corpus pipeline, and report what was kept')
    .argument(
      '<source...>',
      'media files, folders, tars (.tar, .tar.gz), manifests (.jsonl, .csv, .tsv, also .gz; .parquet), http(s) addresses, object:PREFIX',
    )
    .option('--source <name>', 'where the media come from; media of one source never ground each other')
    .option('--licence <spdx>', 'licence of the media, for example CC-BY-4.0')
    .option('--after <key>', 'of object:PREFIX, only the objects behind this key: continues a listing')
    .option('--backfill', 'for many media: by the pipeline backfill, a part at a time, so that new media do not wait')
    .addOption(
      new Option('--watch', 'of folders: go on with what is new or changed, until Ctrl-C').conflicts([
        'dryRun',
        'publishOnly',
        'after',
      ]),
    )
    .option('--dry-run', 'publish nothing: count the media by kind, and list what would be rejected')
    .option('--publish-only', 'publish, and leave the rest to a running pipeline')
    .option('--again', 'publish also media that were rejected before and have not changed since')
    .option('--list', 'list every medium, also those that were simply kept')
    .option('--json', 'print the outcomes as JSON')
    .addHelpText(
      'after',
      '\nEach medium needs a caption, for example in a text file of the same name beside it.\nExit code 3: some media were rejected.\n\nExample:\n  vimi ingest photos/ --licence CC0-1.0',
    )
    .action((sources: string[], options) =>
      within(async (workspace) => {
        const rejected = await ingest(workspace, sources, { signal: interruption(), ...options }, out);
        if (rejected > 0) process.exitCode = exitCodes.rejected;
      }),
    );

  const corpusCommand = program
    .command('corpus')
    .description('search the corpus, see what became of each medium, and correct it');
  const removable = (command: Command) =>
    command
      .argument('[target...]', 'sources, or ids of documents')
      .option('--source <name>', 'this source (may be repeated)', several)
      .option('--uri <uri>', 'this medium (may be repeated)', several)
      .option('--licence <spdx>', 'all that has this licence (may be repeated)', several);
  removable(corpusCommand.command('remove'))
    .description(
      'remove sources, media, licences or documents for good: they leave the corpus everywhere, and stay out',
    )
    .option('--reason <text>', 'kept with the removal')
    .option('--rewrite-shards', 'write the shards that hold something of it anew, without it')
    .option('--lift', 'take removals back: what they named may come again')
    .option('--dry-run', 'list what would be removed, and remove nothing')
    .option('--json', 'one JSON object a document, and one a place, then the result')
    .addHelpText(
      'after',
      '\nTo correct a caption, change it and ingest the medium again.\n\nExamples:\n  vimi corpus remove winter-walk --dry-run\n  vimi corpus remove winter-walk --rewrite-shards --reason "opted out"\n  vimi corpus remove --licence CC-BY-NC-4.0',
    )
    .action((targets: string[], options) => within((workspace) => corpusRemove(workspace, targets, options, out)));
  removable(corpusCommand.command('verify-removed'))
    .description('prove that nothing of what was removed is left, or name the places where it is')
    .option('--json', 'one JSON object a place, then the result')
    .addHelpText(
      'after',
      '\nLooks at the index and its snapshots, the topic, samples that wait, every shard and every object.\nExit code 1 when something is left.\n\nExample:\n  vimi corpus verify-removed winter-walk',
    )
    .action((targets: string[], options) =>
      within(async (workspace) => {
        if (!(await corpusVerifyRemoved(workspace, targets, options, out))) process.exitCode = exitCodes.failed;
      }),
    );
  corpusCommand
    .command('snapshot')
    .description('store the embedded index in the object store, where a new machine begins with it')
    .option('--list', 'list the snapshots that are there, and store none')
    .option('--json', 'one JSON object a snapshot')
    .addHelpText(
      'after',
      '\nPipelines do so by themselves: search.snapshot_every of the profile. Two snapshots stay.\n\nExample:\n  vimi corpus snapshot --profile cluster',
    )
    .action((options) => within((workspace) => corpusSnapshot(workspace, options, out)));
  corpusCommand
    .command('rebuild')
    .description(
      'fill a new index from the corpus topic beside the one that is searched, and put it in its place (Weaviate)',
    )
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nFor an index that was lost, or was made with another encoder. Searches go on meanwhile.\n\nExample:\n  vimi corpus rebuild --profile cluster',
    )
    .action((options) => within((workspace) => corpusRebuild(workspace, options, out)));
  corpusCommand
    .command('reembed')
    .description(
      'embed all documents with the encoder of the profile: the new index is built beside the old one, and then takes its place',
    )
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nFirst name the encoder in the profile (search: { encoder: FOLDER }). Pipelines may run meanwhile; restart them afterwards.\n\nExample:\n  vimi corpus reembed',
    )
    .action((options) => within((workspace) => corpusReembed(workspace, { ...options, signal: interruption() }, out)));
  corpusCommand
    .command('search')
    .description(
      'list the documents nearest to a text, however far; the step `retrieve` accepts only those that a prompt names',
    )
    .argument('<text>')
    .option('-k <n>', 'number of documents', wholeNumber(1, 100), 5)
    .addOption(new Option('--mode <mode>', 'ranking').choices(['lexical', 'dense', 'hybrid']).default('hybrid'))
    .addOption(
      new Option('--kind <kind>', 'images, or clips as motion examples').choices(['image', 'clip']).default('image'),
    )
    .option('--licence <id>', 'only documents with this SPDX identifier (may be repeated)', several)
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  vimi corpus search "a red mushroom" -k 3')
    .action((text: string, { licence: licences, ...options }) =>
      within((workspace) => corpusSearch(workspace, text, { licences, ...options }, out)),
    );
  corpusCommand
    .command('stats')
    .description('count documents, media, clips and samples, by outcome, and show how scores are spread')
    .option('--json', 'as JSON')
    .action((options) => within((workspace) => corpusStats(workspace, options, out)));
  corpusCommand
    .command('show')
    .description('show a document: caption, image, where it comes from, scores, and the sample that was made of it')
    .argument('<id>', 'complete id of a document')
    .option('--json', 'as JSON')
    .action((id: string, options) => within((workspace) => corpusShow(workspace, id, options, out)));
  corpusCommand
    .command('lineage')
    .description('follow a medium to its clips, documents and samples, or any of these back to its medium')
    .argument('<name>', 'path or uri of a medium, URI#PART, name of a sample, or id of a document')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  vimi corpus lineage films/walk.mp4\n  vimi corpus lineage media-2-000000000017-3',
    )
    .action((name: string, options) => within((workspace) => corpusLineage(workspace, name, options, out)));
  corpusCommand
    .command('report')
    .description('write one HTML page: spread of each score, and images of what each limit keeps and drops')
    .option('-o, --out <file>', 'file to write', 'corpus.html')
    .option('--images <n>', 'images at each side of a limit', wholeNumber(0, 100), 8)
    .option('--json', 'print what was written as JSON')
    .action((options) => within((workspace) => corpusReport(workspace, options, out)));
  const passCommand = corpusCommand
    .command('pass')
    .description('make keep-lists: what shards and exports leave out that name them; removes nothing');
  const passing = (command: Command) =>
    command
      .option('--name <name>', 'of the keep-list (default: of the pass); one of the same name is replaced')
      .option('--best <score>', 'what stays has most of this score', 'sharpness')
      .option('--at <position>', 'the corpus as it was at PARTITION:OFFSET,... of its topic, instead of now')
      .option('--dry-run', 'say what would be left out and why, and store nothing')
      .option('--list', 'name every document, and not only the first 20')
      .option('--json', 'one JSON object a document, then the pass');
  passing(passCommand.command('dedup'))
    .description('semantic deduplication: of documents with like images the best stays')
    .option('--likeness <cosine>', 'least cosine of two images that count as the same, 0 to 1', cosine, 0.95)
    .addHelpText('after', '\nExample:\n  vimi corpus pass dedup --likeness 0.97 --dry-run')
    .action((options) =>
      within((workspace) => corpusDedup(workspace, { ...options, signal: interruption('stopping') }, out)),
    );
  passing(passCommand.command('balance'))
    .description('balance: at most so many documents of a group stay, the best ones')
    .addOption(new Option('--by <group>', 'what makes a group').choices(groupings).makeOptionMandatory())
    .requiredOption('--most <n>', 'documents of a group', wholeNumber(1))
    .addHelpText(
      'after',
      '\nClips and stills count apart.\n\nExample:\n  vimi corpus pass balance --by noun --most 500 --name even',
    )
    .action((options) => within((workspace) => corpusBalance(workspace, options, out)));
  passCommand
    .command('list')
    .description('list the keep-lists')
    .option('--json', 'one JSON object a list')
    .action((options) => within((workspace) => listPasses(workspace, options, out)));
  passCommand
    .command('forget')
    .description('forget a keep-list: nothing is left out by it any more')
    .argument('<name>')
    .action((name: string) => within((workspace) => forgetPass(workspace, name, out)));
  corpusCommand
    .command('regrade')
    .description(
      'apply limits to the corpus from recorded scores: remove what fails, name what would pass; decodes nothing',
    )
    .option('--limit <name=value>', 'a limit in place of the one in the topology (may be repeated)', several)
    .option('--rewrite-shards', 'write shards anew without the samples that go')
    .option('--dry-run', 'list what would go and what would pass, and change nothing')
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      '\nWhat goes stays out, as with `corpus remove`; `corpus remove ID --lift` takes that back.\n\nExample:\n  vimi corpus regrade --limit min_motion=0.03 --dry-run',
    )
    .action((options) => within((workspace) => corpusRegrade(workspace, options, out)));
  corpusCommand
    .command('thresholds')
    .description(
      'count what other limits of the step `filter` would keep and drop, from recorded scores; decodes nothing',
    )
    .option('--limit <name=value>', 'a limit in place of the one in the topology (may be repeated)', several)
    .option('--list', 'name each clip that --limit decides otherwise')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  vimi corpus thresholds --limit min_motion=0.03 --limit min_sharpness=0.001')
    .action((options) => within((workspace) => corpusThresholds(workspace, options, out)));
}
