#!/usr/bin/env node
import { join } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { pino } from 'pino';
import { sortKeys } from '../app/looks/rows.js';
import { modelName, presetName } from '../app/model-name.js';
import { groupings } from '../app/passes/groupings.js';
import { openTelemetry, type Telemetry } from '../app/telemetry/open-telemetry.js';
import { secretPath } from '../app/webhooks/secret-file.js';
import type { Workspace, WorkspaceOptions } from '../app/workspace.js';
import { asVimiError, VimiError } from '../core/errors.js';
import { version } from '../core/version.js';
import { jobState } from '../events/schemas.js';
import { deliveryState } from '../events/webhook-events.js';
import { trainingBackends } from '../models/backends/names.js';
import { keyPath, scopes } from '../server/keys/key-file.js';
import { drainMs } from '../streams/delivery/drain-ms.js';
import type { PipelineSpec } from '../streams/delivery/pipeline-spec.js';
import { type RenderFormat, render, renderFormats } from '../streams/topology/render.js';
import { age } from './commands/age.js';
import type { InitOptions } from './commands/init.js';
import type { RejectsOptions } from './commands/rejects.js';
import type { TapOptions } from './commands/tap.js';
import {
  cancelJob,
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
  demo,
  dismissRejects,
  dryRun,
  explain,
  exportTo,
  forgetPass,
  generate,
  getVideo,
  ingest,
  init,
  keysAdd,
  keysList,
  keysRevoke,
  listJobs,
  listPasses,
  listRejects,
  listWebhooks,
  mergeShards,
  planTrain,
  printOperator,
  publish,
  read,
  replayRejects,
  replayWebhooks,
  reportLine,
  reproduceVideo,
  restoreBackup,
  runPipelines,
  runReloading,
  samplesExport,
  samplesList,
  samplesReground,
  samplesShow,
  samplesVerify,
  secretsAdd,
  secretsList,
  secretsRevoke,
  serveWith,
  showJob,
  sweep,
  tap,
  testTopology,
  top,
  topics,
  trainOn,
  validate,
  watchJobs,
  writeBackup,
  writeBundle,
  writeDemoTopology,
} from './commands.js';
import { addEvalCommands } from './eval-commands.js';
import { exitCodes, isStop, reportError } from './exit.js';
import { type GraphFormat, graph, graphFormats, liveGraph } from './graph.js';
import { leaveNow } from './leave-now.js';
import { listing } from './listing.js';
import { cosine, deviceList, offsetOrEnd, several, size, weight, wholeNumber } from './option-values.js';
import { presets } from './presets.js';
import { printable, printableStream } from './printable.js';
import { runView } from './run-view.js';

const program = new Command('vimi')
  .description('Grounded video generation as a stream: prompts and media in, videos and training samples out.')
  .version(version)
  .addOption(new Option('-t, --topology <file>', 'topology file').env('VIMI_TOPOLOGY').default('topology.yaml'))
  .addOption(
    new Option(
      '-p, --profile <name>',
      'profile: transport, objects and search (default: the first of the topology)',
    ).env('VIMI_PROFILE'),
  )
  .option(
    '--set <path=value>',
    'a value in the place of the topology’s: pipelines.generate.max_in_flight=8, segments.ground.retrieve.k=5 (may be repeated)',
    several,
  )
  .addOption(
    new Option('--log-level <level>', 'lowest level of the log, as JSON lines on stderr')
      .env('VIMI_LOG_LEVEL')
      .choices(['debug', 'info', 'warn', 'error', 'silent'])
      .default('warn'),
  )
  .configureHelp({ showGlobalOptions: true })
  .showSuggestionAfterError()
  .configureOutput({ writeErr: (text) => process.stderr.write(printable(text)) })
  .exitOverride();

const out = printableStream(process.stdout);
process.stderr.on('error', () => {});
// A reader that has seen enough (`vimi read samples | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.failed),
);

const inFlight = (ms: number) => `stopping: work in flight has ${ms / 1000} seconds; the next run repeats the rest`;

let interrupted: AbortSignal | undefined;

/** Ctrl-C once: stop in good order; twice: leave now. */
function interruption(says = inFlight(drainMs)): AbortSignal {
  const controller = new AbortController();
  interrupted = controller.signal;
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (controller.signal.aborted) leaveNow();
      process.stderr.write(`\n${says}; press again to leave now\n`);
      controller.abort();
    });
  return controller.signal;
}

/** SIGHUP: read the topology again. On a terminal it says that the terminal is gone, and the process ends as others do. */
function onHangUp(reload: () => void): () => void {
  if (process.stdin.isTTY) return () => {};
  process.on('SIGHUP', reload);
  return () => process.off('SIGHUP', reload);
}

function openLog() {
  const { logLevel } = program.opts<{ logLevel: string }>();
  const lines = pino.destination({ dest: 2, sync: true });
  // Whoever read them is gone; the work goes on.
  lines.on('error', () => {});
  return pino({ level: logLevel, base: null }, lines);
}

let telemetry: Promise<Telemetry | undefined> | undefined;

async function openWorkspace(more: Partial<Omit<WorkspaceOptions, 'log'>> = {}): Promise<Workspace> {
  const { topology, profile, set } = program.opts<{ topology: string; profile?: string; set?: string[] }>();
  telemetry ??= openTelemetry(process.env, version);
  const { Workspace } = await import('../app/workspace.js');
  return Workspace.open({ topology, profile, set, log: openLog(), telemetry: await telemetry, ...more });
}

interface ValidateArguments {
  json?: boolean;
  connect?: boolean;
  denyWarnings?: boolean;
}

interface TapArguments extends Pick<TapOptions, 'filter' | 'sample' | 'limit' | 'input'> {
  at?: string;
  interval?: number;
}

interface RunArguments {
  pipeline?: string[];
  pipelines: boolean;
  drain?: boolean;
  stopWithin?: number;
  json?: boolean;
  http?: string | false;
}

const here = '`server` of the profile, else 127.0.0.1:9400';

/** Where a run of the topology serves HTTP: for whoever looks at a run and names none. It may be on another machine, with no topology here. */
async function servedAt(): Promise<string> {
  const workspace = await openWorkspace().catch(() => undefined);
  await workspace?.close();
  const server = workspace?.topology.profile.server;
  if (!server) return '127.0.0.1:9400';
  const host = /^(0\.0\.0\.0|::)$/.test(server.address) ? 'localhost' : server.address;
  return `${server.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${server.port}`;
}

/** Runs a command in a workspace that is closed whatever happens. */
async function within(
  work: (workspace: Workspace) => Promise<void>,
  instead: Partial<Pick<WorkspaceOptions, 'topology' | 'profile'>> = {},
): Promise<void> {
  const workspace = await openWorkspace(instead);
  try {
    await work(workspace);
  } finally {
    await workspace.close();
  }
}

program
  .command('demo')
  .description('build a small corpus from images and clips, make four videos, and show them; all in .vimi/demo')
  .addHelpText('after', '\nExample:\n  npm run demo')
  .action(async () => {
    const topology = await writeDemoTopology(join('.vimi', 'demo'));
    await within((workspace) => demo(workspace, interruption(), out), { topology, profile: 'embedded' });
  });

program
  .command('run')
  .description('run the pipelines of the topology until interrupted')
  .option('--pipeline <name>', 'run only this pipeline (may be repeated)', several)
  .option('--no-pipelines', 'run none: serve HTTP alone, for jobs that other processes do')
  .option('--drain', 'end when the input topics are empty')
  .option(
    '--stop-within <time>',
    'time to finish what is in flight at a stop or when a partition moves, such as 30s',
    age,
  )
  .option(
    '--http <address>',
    'HOST:PORT of the HTTP API, with /metrics, /health and /ready (default: `server` of the profile, else 127.0.0.1:9400; with --drain none)',
  )
  .option('--no-http', 'serve no HTTP')
  .option('--json', 'print the report as JSON')
  .addHelpText('after', '\nExamples:\n  vimi run\n  vimi run --pipeline corpus --drain')
  .action(
    async ({ pipeline: chosen, pipelines: some, drain = false, stopWithin = drainMs, json, http }: RunArguments) => {
      if (!some && (drain || chosen || http === false))
        throw new VimiError('USAGE', '--no-pipelines serves HTTP until it is interrupted', {
          remedy: 'Leave out --pipeline, --drain and --no-http.',
        });
      const signal = interruption(inFlight(stopWithin));
      const choose = (workspace: Workspace) =>
        chosen?.map((name) => workspace.pipeline(name)) ?? (some ? workspace.topology.pipelines : []);
      const run = async (workspace: Workspace, pipelines: readonly PipelineSpec[], until: AbortSignal) => {
        const server = await serveWith(workspace, { http, drain }, process.stderr);
        const names = pipelines.map(({ name }) => name).join(', ');
        const onRunning = () =>
          process.stderr.write(
            `running ${names || 'no pipeline'} (profile ${workspace.topology.profile.name}); Ctrl-C to stop\n`,
          );
        const view = !drain && process.stderr.isTTY ? runView(process.stderr) : undefined;
        return await runPipelines(workspace, pipelines, {
          ...{
            drain,
            serves: !drain,
            signal: until,
            bars: drain,
            view,
            metrics: workspace.metrics,
            drainMs: stopWithin,
          },
          ...(!drain && { onRunning }),
        }).finally(async () => {
          view?.close();
          await server?.close();
        });
      };
      const reports = await runReloading(
        { open: openWorkspace, choose, run, signal, onReload: onHangUp },
        process.stderr,
      );
      for (const report of reports)
        out.write(
          json ? `${JSON.stringify(report)}\n` : `${report.pipeline} ${report.end}: ${await reportLine(report)}\n`,
        );
    },
  );

program
  .command('generate')
  .description('publish a request, serve it if no other process does, and wait for the video')
  .argument('<prompt>', 'what the video shows')
  .option('-i, --image <file>', 'image of the prompt (may be repeated)', several)
  .option('--clip <file>', 'clip of the prompt that shows a motion (may be repeated)', several)
  .addOption(new Option('--role <role>', 'role of the images').choices(['subject', 'background', 'first-frame']))
  .addOption(
    new Option('--task <task>', 'task (default: inferred from the images)').choices([
      'text-to-video',
      'subject-driven',
      'prediction',
    ]),
  )
  .option('--seed <n>', 'seed of the noise', wholeNumber(0, 0xffffffff))
  .option(
    '--candidates <n>',
    'draw so many drafts and finish the one that fits the images of the prompt best',
    wholeNumber(1, 64),
  )
  .option('--steps <n>', 'sampler steps', wholeNumber(1))
  .option('--guidance <weight>', 'weight of classifier-free guidance; 1: none', weight)
  .option('--frames <n>', 'number of frames', wholeNumber(1))
  .option('-k <n>', 'documents to retrieve', wholeNumber(0, 16))
  .option('--motions <n>', 'clips to retrieve as motion examples', wholeNumber(0, 4))
  .option('--pin <document>', 'id of a document that comes first in the context (may be repeated)', several)
  .option('--exclude <document>', 'id of a document that is not retrieved (may be repeated)', several)
  .option('--no-retrieval', 'use the prompt alone')
  .option('--pipeline <name>', 'pipeline that serves the request (default: the first that reads requests)')
  .option('-o, --out <file>', 'copy the MP4 to this file')
  .option('--json', 'print the video event as JSON')
  .addHelpText(
    'after',
    '\nExamples:\n  vimi generate "a mushroom moves left on a blue background"\n  vimi generate "it spins" --image fox.png --seed 7 --out fox.mp4',
  )
  .action((prompt: string, { image: images = [], clip: clips = [], ...options }) =>
    within((workspace) =>
      generate(workspace, prompt, { images, clips, signal: interruption('cancelling the request'), ...options }, out),
    ),
  );

program
  .command('ingest')
  .description('add media to the corpus: publish them, run the corpus pipeline, and report what was kept')
  .argument(
    '<source...>',
    'media files, folders, tars (.tar, .tar.gz), manifests (.jsonl, .csv, .tsv, .parquet), http(s) addresses, object:PREFIX',
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

program
  .command('publish')
  .description('publish events from standard input, one JSON object a line: the data alone, or a whole CloudEvent')
  .argument('<topic>')
  .option(
    '--key <key>',
    'key of every event. Events of one key keep their order; without a key they are spread over the partitions',
  )
  .option(
    '--tombstone',
    'publish a record without a value, which removes what a compacted topic keeps under --key',
    false,
  )
  .option('--raw', 'publish the lines without checking them')
  .option('--json', 'print the place and id of each event as JSON')
  .addHelpText('after', '\nExample:\n  echo \'{"prompt": "a fox moves left"}\' | vimi publish requests')
  .action((topic: string, options) => within((workspace) => publish(workspace, topic, process.stdin, options, out)));

program
  .command('read')
  .description('print the events of a topic')
  .argument('<topic>')
  .option('--json', 'one JSON object a line')
  .option('-f, --follow', 'wait for more events')
  .option('--from <offset>', 'first offset of each partition; end: only new events', offsetOrEnd)
  .option('-n, --limit <n>', 'print at most this many events', wholeNumber(1))
  .addHelpText(
    'after',
    '\nExamples:\n  vimi read videos --json | jq .data.object\n  vimi read outcomes --follow --from end',
  )
  .action((topic: string, options) =>
    within(async (workspace) => {
      const printed = await read(workspace, topic, options, out, interruption('stopping'));
      if (printed === 0 && !options.follow) process.stderr.write(`no events on ${topic}\n`);
    }),
  );

program
  .command('videos')
  .description('fetch finished videos')
  .command('get')
  .description('copy the newest video of a request to a file')
  .argument('<id>', 'id of the request, from `vimi publish` or `vimi jobs list`')
  .option('-o, --out <file>', 'file to write (default: the name of the object, in this folder)')
  .option('--json', 'print the video event as JSON')
  .addHelpText('after', '\nExample:\n  vimi videos get requests-3-42 --out fox.mp4')
  .action((id: string, options) => within((workspace) => getVideo(workspace, id, options, out)));

program
  .command('reproduce')
  .description('make a video again from the record in its MP4, and compare the bytes; exit code 1 if they differ')
  .argument('<video>', 'an MP4 of vimi, or the id of a request whose video is in the object store')
  .option('--pipeline <name>', 'pipeline that draws it (default: the first that reads requests)')
  .option('-o, --out <file>', 'write the new MP4 to this file')
  .option('--json', 'print the comparison as JSON')
  .addHelpText('after', '\nExample:\n  vimi reproduce fox.mp4')
  .action((video: string, options) =>
    within(async (workspace) => {
      const isSame = await reproduceVideo(workspace, video, { ...options, signal: interruption('stopping') }, out);
      if (!isSame) process.exitCode = exitCodes.failed;
    }),
  );

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

const jobsCommand = program.command('jobs').description('list the jobs of requests, follow them, and cancel them');
listing(jobsCommand)
  .description('list jobs, the one that changed last first')
  .addOption(new Option('--state <state...>', 'only those in these states').choices(jobState.options))
  .option('-n, --limit <n>', 'list at most this many', wholeNumber(1), 50)
  .option('--json', 'one JSON object a line')
  .addHelpText('after', '\nExample:\n  vimi jobs list --state queued in_progress')
  .action((options) => within((workspace) => listJobs(workspace, options, out)));
const naming = (command: Command) =>
  command
    .option('--source <source>', 'of the request, where several sources use the same id')
    .option('--json', 'one JSON object a line');
naming(jobsCommand.command('show'))
  .description('print all that is known of a job')
  .argument('<id>', 'id of the request or the job')
  .action((id: string, options) => within((workspace) => showJob(workspace, id, options, out)));
naming(jobsCommand.command('watch'))
  .description('print each change of a job until it is over, or of all jobs until Ctrl-C')
  .argument('[id]', 'id of the request or the job')
  .action((id: string | undefined, options) =>
    within((workspace) => watchJobs(workspace, id, { ...options, signal: interruption('stopping') }, out)),
  );
naming(jobsCommand.command('cancel'))
  .description('cancel a job, and wait until it is over; exit code 1 if it came to another end')
  .argument('<id>', 'id of the request or the job')
  .action((id: string, options) =>
    within(async (workspace) => {
      const isCancelled = await cancelJob(workspace, id, { ...options, signal: interruption('stopping') }, out);
      if (!isCancelled) process.exitCode = exitCodes.failed;
    }),
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

const topicsCommand = program.command('topics').description('compare the topics of the transport with the topology');
for (const [action, description] of [
  ['apply', 'create what is missing and report what differs; deletes and changes nothing'],
  ['diff', 'report what is missing and what differs'],
] as const)
  topicsCommand
    .command(action)
    .description(description)
    .option('--json', 'as JSON', false)
    .addHelpText(
      'after',
      `\nExit code 1 when something differs.\n\nExample:\n  vimi --profile cluster topics ${action}`,
    )
    .action((options: { json: boolean }) =>
      within(async (workspace) => {
        if (!(await topics(workspace, action, options, out))) process.exitCode = exitCodes.failed;
      }),
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
      'parquet: a table, a row a sample; croissant: shards, the table, and their description',
    )
      .choices(['parquet', 'croissant'])
      .default('parquet'),
  )
  .option('--embed', 'parquet: put the clips into the table too (default: their place in the shards)')
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
  .description('remove sources, media, licences or documents for good: they leave the corpus everywhere, and stay out')
  .option('--reason <text>', 'kept with the removal')
  .option('--rewrite-shards', 'write the shards that hold something of it anew, without it')
  .option('--lift', 'take removals back: what they named may come again')
  .option('--dry-run', 'list what would be removed, and remove nothing')
  .option('--json', 'one JSON object a document, and one a place')
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
  .option('--json', 'as JSON')
  .addHelpText('after', '\nExample:\n  vimi corpus search "a red mushroom" -k 3')
  .action((text: string, options) => within((workspace) => corpusSearch(workspace, text, options, out)));
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

program
  .command('train')
  .description('train a model on shards; continues an interrupted run')
  .argument('[shard...]', 'WebDataset tars (default: all sealed shards of the topology)')
  .option('--preset <name>', 'preset of the network', (name) => presetName(name), 'nano')
  .option('--steps <n>', 'optimizer steps', wholeNumber(1), 1000)
  .option('--seed <n>', 'seed of all random numbers', wholeNumber(0), 1)
  .option('--out <folder>', 'folder for checkpoint, log, progress images and weights', '.vimi/training')
  .option(
    '--store <prefix>',
    'store the run in the object store too, at each checkpoint; another machine continues it from there',
  )
  .option('--recipe <file>', 'JSON; what it leaves out keeps the default of preset and stage')
  .addOption(
    new Option('--stage <n>', '1: conditioned pretraining; 2: the three tasks, from the weights of stage 1').choices([
      '1',
      '2',
    ]),
  )
  .option('--from <weights>', 'weights to start from: a file, or the name of a shipped model', (name) =>
    modelName(name),
  )
  .option('--encoder <folder>', 'frozen language model (ONNX), for presets that need one')
  .option('--held-out <shard>', 'shard for the probes in the log (may be repeated)', several)
  .option('--plan', 'only print parameters, computation, memory, and time on this machine')
  .addOption(new Option('--backend <name>').choices(trainingBackends))
  .option('--threads <n>', 'threads of the tensorflow backend, in each process', wholeNumber(1))
  .option(
    '--devices <list>',
    'share each batch among GPUs (0,1: their CUDA indices) or CPU processes (cpu,cpu)',
    deviceList,
  )
  .addHelpText(
    'after',
    '\nExamples:\n  vimi train --plan --preset snap-500m --steps 550000\n  vimi train --steps 2000 --out .vimi/training\n  vimi train --devices 0,1,2,3 --out .vimi/training\n  vimi train --stage 2 --from nano --steps 500 --out .vimi/stage-2',
  )
  .action(async (shards: string[], { heldOut = [], stage, plan, ...rest }) => {
    const options = { signal: interruption(), heldOut, ...(stage && { stage: stage === '2' ? 2 : 1 }), ...rest };
    if (plan) await planTrain(options, out);
    else await within((workspace) => trainOn(shards, workspace, options, out));
  });

program
  .command('export')
  .description('write a trained model as files that other programs run: graphs with weights, manifest, example, card')
  .argument('<model>', 'a shipped model, or a weights file', (name) => modelName(name))
  .argument('<folder>', 'folder to write to')
  .addOption(new Option('--format <name>', 'what to write').choices(['onnx']).default('onnx'))
  .addHelpText('after', '\nExample:\n  vimi export nano nano-onnx')
  .action((model: string, folder: string) => exportTo(model, folder, out));

addEvalCommands(program, { within, interruption: () => interruption('stopping'), out });

program
  .command('validate')
  .description('check a topology: reports every mistake with its place')
  .argument('[file]', 'topology file (default: --topology)')
  .option('--connect', 'also ask the servers, folders and models that it names; makes nothing')
  .option('--deny-warnings', 'fail on warnings of --connect, too, such as a topic that is not there yet')
  .option('--json', 'as JSON')
  .addHelpText(
    'after',
    '\nExit codes: 2 with mistakes; 1 when something does not answer.\n\nExample:\n  vimi -p cluster validate --connect',
  )
  .action(async (file: string | undefined, { json, connect, denyWarnings }: ValidateArguments) => {
    const { topology, profile, set } = program.opts<{ topology: string; profile?: string; set?: string[] }>();
    const from = file ?? topology;
    const looking = (firstContactMs: number) => openWorkspace({ topology: from, firstContactMs, looksOnly: true });
    if (denyWarnings && !connect)
      throw new VimiError('USAGE', 'Warnings come of --connect alone', { remedy: 'Add --connect.' });
    process.exitCode = await validate(from, {
      profile,
      set,
      json,
      out,
      denyWarnings,
      ...(connect && { connect: looking }),
    });
  });

program
  .command('dry-run')
  .description('run the steps on what waits, and print what would be published and stored; writes nothing')
  .argument('[pipeline]', 'one of the topology (default: all, one after the other)')
  .option('-n, --limit <n>', 'at most this many events of each pipeline', wholeNumber(1, 10_000), 10)
  .option(
    '--from <offset>',
    'begin at this offset of each partition, instead of where the pipeline stands',
    wholeNumber(0),
  )
  .option('--json', 'one JSON object a line: event, object, outcome, report')
  .addHelpText(
    'after',
    '\nJoins no group and moves no position: a run may go on beside it. Model servers that steps call are called.\nExit code 3: some events would be rejected.\n\nExample:\n  vimi dry-run generate --from 0 --limit 1',
  )
  .action(async (name: string | undefined, options: { limit: number; from?: number; json?: boolean }) => {
    const workspace = await openWorkspace({ looksOnly: true });
    try {
      const rejected = await dryRun(workspace, name, { ...options, signal: interruption('stopping') }, out);
      if (rejected > 0) process.exitCode = exitCodes.rejected;
    } finally {
      await workspace.close();
    }
  });

program
  .command('test')
  .description('run the tests of a topology, with a log in memory, a fake model and a virtual clock')
  .argument('[file]', 'the topology, or one file of tests beside it; the topology when left out')
  .option('--name <name>', 'run only this test (may be repeated)', several)
  .option('--json', 'print one JSON object for each test')
  .addHelpText(
    'after',
    '\nTests stand under `tests:` in the topology, and in files beside it: topology.test.yaml.\nExit code 1 when one fails.\n\nExample:\n  vimi test --name "an empty prompt is rejected"',
  )
  .action(async (file: string | undefined, options: { name?: string[]; json?: boolean }) => {
    const { topology } = program.opts<{ topology: string }>();
    if (!(await testTopology(file ?? topology, { ...options, log: openLog() }, out)))
      process.exitCode = exitCodes.failed;
  });

program
  .command('init')
  .description('create a project: a topology, and a custom operator with its test')
  .argument('[folder]', 'folder to write to', '.')
  .addOption(
    new Option('--preset <name>', 'another topology, without an operator: media alone, requests alone, or Kafka and S3')
      .choices(presets)
      .conflicts('typescript'),
  )
  .option('--typescript', 'write the operator in TypeScript')
  .addHelpText('after', '\nExamples:\n  vimi init my-project --typescript\n  vimi init my-corpus --preset corpus')
  .action((folder: string, options: InitOptions) => init(folder, options, out));

program
  .command('docs')
  .description('print the page of an operator: input, output, settings')
  .argument('<operator>', 'name of an operator, or the file of a custom one, such as ./my-operator.mjs')
  .action((name: string) => printOperator(name, out));

program
  .command('graph')
  .description('draw the pipelines')
  .addOption(new Option('--format <format>').choices(graphFormats).default('mermaid'))
  .option('--live [address]', `with rates, events in flight and waiting of the run at HOST:PORT (${here})`)
  .addHelpText(
    'after',
    '\nExamples:\n  vimi graph --format svg > pipelines.svg\n  vimi graph --format svg --live > now.svg',
  )
  .action(({ format, live }: { format: GraphFormat; live?: string | true }) =>
    within(async ({ topology }) => {
      const at = live === true ? await servedAt() : live;
      const text =
        at === undefined
          ? graph(topology, format)
          : await liveGraph(topology, format, { at, signal: interruption('stopping') });
      out.write(text);
    }),
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

program
  .command('top')
  .description('show what runs: rate, events in flight and times of each pipeline and step, over and over')
  .argument('[address...]', `HOST:PORT of each process (default: ${here})`)
  .option('--interval <time>', 'between two looks, such as 2s', '1s')
  .option('--count <n>', 'end after so many tables', wholeNumber(1))
  .addOption(
    new Option('--sort <column>', 'the most first; order: as the steps run').choices(sortKeys).default('order'),
  )
  .option('--pipeline <name>', 'only this one (may be repeated)', several)
  .option('--json', 'one JSON object for each look')
  .addHelpText('after', '\nExample:\n  vimi top worker-1:9400 worker-2:9400 --sort p99')
  .action(async (addresses: string[], { interval, ...options }) =>
    top(
      addresses.length > 0 ? addresses : [await servedAt()],
      {
        ...options,
        intervalMs: Math.max(100, age(interval)),
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
        signal: interruption('stopping'),
      },
      out,
    ),
  );

program
  .command('render')
  .description('print the topology as it takes effect: one profile, segments unfolded, defaults filled in')
  .addOption(new Option('--format <format>').choices(renderFormats).default('yaml'))
  .addHelpText(
    'after',
    '\nValues from the environment stand by their names.\n\nExample:\n  vimi --profile cluster render',
  )
  .action(({ format }: { format: RenderFormat }) =>
    within(async ({ topology }) => void out.write(render(topology, format))),
  );

program
  .command('explain')
  .description('say what a pipeline or a step does, with its settings, and where each value comes from')
  .argument('[what]', 'PIPELINE or PIPELINE.STEP (default: lists them)')
  .option('--json', 'as JSON')
  .addHelpText('after', '\nExample:\n  vimi explain generate.retrieve')
  .action((what: string | undefined, options: { json?: boolean }) =>
    within(async ({ topology }) => explain(topology, what, options, out)),
  );

program
  .command('doctor')
  .description('check everything that a run needs; changes nothing')
  .option('--bundle <file>', 'also write what a bug report needs, without secrets and content, such as vimi-bundle.tgz')
  .option('--http <address>', `HOST:PORT of the run whose metrics the bundle holds (default: ${here})`)
  .option('--json', 'as JSON')
  .action(async ({ json, bundle, http }: { json?: boolean; bundle?: string; http?: string }) => {
    let opened: Workspace | undefined;
    const { examine, firstContactMs } = await import('./commands/doctor.js');
    const { printFindings } = await import('./findings.js');
    const findings = await examine(async () => {
      opened = await openWorkspace({ firstContactMs, looksOnly: true });
      return opened;
    });
    await opened?.close();
    if (!printFindings(findings, json, out)) process.exitCode = exitCodes.failed;
    if (bundle === undefined) return;
    const at = http ?? (await servedAt());
    const names = await writeBundle(bundle, { findings, topology: opened?.topology, http: at, env: process.env });
    if (!json) out.write(`\nwrote ${bundle}: ${names.join(', ')}. Read it before you pass it on.\n`);
  });

try {
  await program.parseAsync();
} catch (thrown) {
  if (thrown instanceof CommanderError) process.exitCode = thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  else if (isStop(thrown, interrupted) || (thrown instanceof VimiError && thrown.code === 'CANCELLED'))
    process.exitCode = exitCodes.interrupted;
  else process.exitCode = reportError(asVimiError(thrown));
} finally {
  await (await telemetry)?.close();
}
