#!/usr/bin/env node
import { join } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { pino } from 'pino';
import { asVimiError, VimiError } from '../errors.js';
import { serveMetrics } from '../server/metrics-server.js';
import { drainMs } from '../streams/pipeline.js';
import { age } from './commands/age.js';
import { corpusRemove } from './commands/corpus-remove.js';
import { corpusSearch } from './commands/corpus-search.js';
import { demo } from './commands/demo.js';
import { writeDemoTopology } from './commands/demo-topology.js';
import { printOperator } from './commands/docs.js';
import { examine, firstContactMs, printFindings } from './commands/doctor.js';
import { generate } from './commands/generate.js';
import { ingest } from './commands/ingest.js';
import { init } from './commands/init.js';
import { mergeShards } from './commands/merge-shards.js';
import { publish } from './commands/publish.js';
import { read } from './commands/read.js';
import { dismissRejects, listRejects, type RejectsOptions, replayRejects } from './commands/rejects.js';
import { reportLine, runPipelines } from './commands/run.js';
import { sweep } from './commands/sweep.js';
import { topics } from './commands/topics.js';
import { trainOn } from './commands/train.js';
import { planTrain } from './commands/train-plan.js';
import { getVideo } from './commands/videos.js';
import { addEvalCommands } from './eval-commands.js';
import { exitCodes, reportError } from './exit.js';
import { type GraphFormat, graph, graphFormats } from './graph.js';
import { leaveNow } from './leave-now.js';
import { modelName, presetName } from './model-name.js';
import { deviceList, offsetOrEnd, several, size, weight, wholeNumber } from './option-values.js';
import { printable, printableStream } from './printable.js';
import { runView } from './run-view.js';
import { validate } from './validate.js';
import { version } from './version.js';
import { Workspace, type WorkspaceOptions } from './workspace.js';

const program = new Command('vimi')
  .description('Grounded video generation as a stream: prompts and media in, videos and training samples out.')
  .version(version)
  .addOption(new Option('-t, --topology <file>', 'the topology').env('VIMI_TOPOLOGY').default('topology.yaml'))
  .addOption(
    new Option(
      '-p, --profile <name>',
      'transport, objects and search; the first one of the topology when left out',
    ).env('VIMI_PROFILE'),
  )
  .addOption(
    new Option('--log-level <level>', 'what is logged, as JSON lines on stderr')
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

const inFlight = (ms: number) =>
  `stopping: what is in flight has ${ms / 1000} seconds, the rest is done again by the next run`;

/** Ctrl-C once: stop in good order; twice: leave now. */
function interruption(says = inFlight(drainMs)): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (controller.signal.aborted) leaveNow();
      process.stderr.write(`\n${says}; once more to leave now\n`);
      controller.abort();
    });
  return controller.signal;
}

function openWorkspace(more: Partial<Omit<WorkspaceOptions, 'log'>> = {}): Promise<Workspace> {
  const { topology, profile, logLevel } = program.opts<{ topology: string; profile?: string; logLevel: string }>();
  const lines = pino.destination({ dest: 2, sync: true });
  // Whoever read them is gone; the work goes on.
  lines.on('error', () => {});
  const log = pino({ level: logLevel, base: null }, lines);
  return Workspace.open({ topology, profile, log, ...more });
}

interface RunArguments {
  pipeline?: string[];
  drain?: boolean;
  stopWithin?: number;
  json?: boolean;
  metrics?: number;
  metricsHost: string;
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
  .description(
    'grow a small corpus of its own from pictures and clips, answer four prompts, and show the result; all in .vimi/demo',
  )
  .addHelpText('after', '\nExample:\n  npm run demo')
  .action(async () => {
    const topology = await writeDemoTopology(join('.vimi', 'demo'));
    await within((workspace) => demo(workspace, interruption(), out), { topology, profile: 'embedded' });
  });

program
  .command('run')
  .description('run pipelines of the topology until interrupted')
  .option('--pipeline <name>', 'only this one (may be repeated)', several)
  .option('--drain', 'end when their topics are empty')
  .option('--stop-within <time>', 'what is in flight when it is stopped, or loses a partition, has so long: 30s', age)
  .option('--metrics <port>', 'serve GET /metrics for Prometheus, and /health', wholeNumber(0))
  .option('--metrics-host <address>', 'where they are served', '127.0.0.1')
  .option('--json', 'print the report as JSON')
  .addHelpText('after', '\nExamples:\n  vimi run\n  vimi run --pipeline corpus --drain')
  .action(({ pipeline: names, drain = false, stopWithin = drainMs, json, metrics: port, metricsHost }: RunArguments) =>
    within(async (workspace) => {
      const { topology, metrics } = workspace;
      const server = port === undefined ? undefined : await serveMetrics(metrics, port, metricsHost);
      if (server) process.stderr.write(`metrics at ${server.url}\n`);
      const pipelines = names === undefined ? topology.pipelines : names.map((name) => workspace.pipeline(name));
      const signal = interruption(inFlight(stopWithin));
      if (!drain)
        process.stderr.write(
          `running ${pipelines.map(({ name }) => name).join(', ')} (profile ${topology.profile.name}); Ctrl-C to stop\n`,
        );
      const view = !drain && process.stderr.isTTY ? runView(process.stderr) : undefined;
      const reports = await runPipelines(workspace, pipelines, {
        ...{ drain, signal, bars: drain, view, metrics, drainMs: stopWithin },
      }).finally(() => view?.close());
      await server?.close();
      for (const report of reports)
        out.write(json ? `${JSON.stringify(report)}\n` : `${report.pipeline} ${report.end}: ${reportLine(report)}\n`);
    }),
  );

program
  .command('generate')
  .description('ask for a video and wait for it')
  .argument('<prompt>', 'what the video shows')
  .option('-i, --image <file>', 'an image of the prompt (may be repeated)', several)
  .addOption(new Option('--role <role>', 'what the images are for').choices(['subject', 'background', 'first-frame']))
  .addOption(
    new Option('--task <task>', 'inferred from the images when left out').choices([
      'text-to-video',
      'subject-driven',
      'prediction',
    ]),
  )
  .option('--seed <n>', 'of the noise', wholeNumber(0, 0xffffffff))
  .option('--steps <n>', 'of the sampler', wholeNumber(1))
  .option('--guidance <weight>', 'classifier-free guidance; 1: none', weight)
  .option('--frames <n>', 'length', wholeNumber(1))
  .option('-k <n>', 'documents to retrieve', wholeNumber(0, 16))
  .option('--no-retrieval', 'from the prompt alone')
  .option('-o, --out <file>', 'copy the MP4 here')
  .option('--json', 'print the video event as JSON')
  .addHelpText(
    'after',
    '\nExamples:\n  vimi generate "a mushroom moves left on a blue background"\n  vimi generate "it spins" --image fox.png --seed 7 --out fox.mp4',
  )
  .action((prompt: string, { image = [], ...options }) =>
    within((workspace) =>
      generate(workspace, prompt, { images: image, signal: interruption('cancelling the request'), ...options }, out),
    ),
  );

program
  .command('ingest')
  .description('take media into the corpus: publish them, run the corpus pipeline, and say what was kept')
  .argument('<path...>', 'media files and folders')
  .option('--source <name>', 'where they come from; media of one source never ground each other')
  .option('--licence <spdx>', 'for example CC-BY-4.0')
  .option('--publish-only', 'leave the rest to a running pipeline')
  .option('--again', 'also media that were rejected before and have not changed since')
  .option('--list', 'name every medium, also those that were simply kept')
  .option('--json', 'print what became of them as JSON')
  .addHelpText(
    'after',
    '\nEach medium needs a caption: a text file of the same name beside it.\n\nExample:\n  vimi ingest photos/ --licence CC0-1.0',
  )
  .action((paths: string[], options) =>
    within(async (workspace) => {
      const rejected = await ingest(workspace, paths, { signal: interruption(), ...options }, out);
      if (rejected > 0) process.exitCode = exitCodes.rejected;
    }),
  );

program
  .command('publish')
  .description('publish events from standard input, one JSON object a line: the data alone, or a whole CloudEvent')
  .argument('<topic>')
  .option(
    '--key <key>',
    'of every event: those of one key keep their order; left out, they are spread over the partitions',
  )
  .option('--tombstone', 'publish no event, but the removal of what a compacted topic keeps under --key', false)
  .option('--raw', 'do not check the lines')
  .option('--json', 'print where each event went as JSON')
  .addHelpText('after', '\nExample:\n  echo \'{"prompt": "a fox moves left"}\' | vimi publish requests')
  .action((topic: string, options) => within((workspace) => publish(workspace, topic, process.stdin, options, out)));

program
  .command('read')
  .description('print the events of a topic')
  .argument('<topic>')
  .option('--json', 'one JSON object a line')
  .option('-f, --follow', 'wait for more')
  .option('--from <offset>', 'first offset of each partition; end: only what comes from now on', offsetOrEnd)
  .option('-n, --limit <n>', 'at most so many', wholeNumber(1))
  .addHelpText(
    'after',
    '\nExamples:\n  vimi read videos --json | jq .data.object\n  vimi read jobs --follow --from end',
  )
  .action((topic: string, options) => within((workspace) => read(workspace, topic, options, out, interruption())));

program
  .command('videos')
  .description('fetch finished videos')
  .command('get')
  .description('copy the newest video of a request to a file')
  .argument('<id>', 'of the request, as `vimi publish` and `vimi read jobs` print it')
  .option('-o, --out <file>', 'where to; the name of the object, here, when left out')
  .option('--json', 'print the video event as JSON')
  .addHelpText('after', '\nExample:\n  vimi videos get requests-3-42 --out fox.mp4')
  .action((id: string, options) => within((workspace) => getVideo(workspace, id, options, out)));

const rejectsCommand = program
  .command('rejects')
  .description('list the events that were rejected, and publish them again once their cause is mended');
const choosing = (command: Command) =>
  command
    .option('--code <code>', 'rejected with this code (may be repeated)', several)
    .option('--since <when>', 'rejected since: an age such as 2h, or a moment')
    .option('--id <id>', 'this one: its place, such as requests-3-42, or its event’s id (may be repeated)', several)
    .option('--json', 'one JSON object a line', false);
choosing(rejectsCommand.command('list', { isDefault: true }))
  .option('--dismissed', 'also those that were dismissed', false)
  .description('list them, and say what a replay would do; publishes nothing')
  .addHelpText('after', '\nExample:\n  vimi rejects list --code STORAGE_UNAVAILABLE --since 1d')
  .action((options: RejectsOptions) => within((workspace) => listRejects(workspace, options, out)));
choosing(rejectsCommand.command('replay'))
  .description('publish their original bytes and headers to their own topics again, each once, under its own id')
  .option('--all', 'all of them', false)
  .addHelpText(
    'after',
    '\nEvery pipeline that reads the topic gets them. See first: vimi rejects list.\n\nExample:\n  vimi rejects replay --code STORAGE_UNAVAILABLE --since 1d',
  )
  .action((options: RejectsOptions & { all: boolean }) =>
    within((workspace) => replayRejects(workspace, options, out)),
  );

choosing(rejectsCommand.command('dismiss'))
  .description('say that nothing is to be done about them: they are no longer listed, nor replayed')
  .option('--all', 'all of them', false)
  .addHelpText('after', '\nExample:\n  vimi rejects dismiss --code MEDIA_UNSUPPORTED')
  .action((options: RejectsOptions & { all: boolean }) =>
    within((workspace) => dismissRejects(workspace, options, out)),
  );

const topicsCommand = program.command('topics').description('compare the topics of the transport with the topology');
for (const [action, description] of [
  ['apply', 'create what is missing and say what differs; nothing is deleted or given other settings'],
  ['diff', 'say what is missing and what differs'],
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
  .description('look after the objects of the profile')
  .command('sweep')
  .description('list objects that no event names: of crashes, of events that are gone, and clips that shards hold')
  .option('--remove', 'remove them', false)
  .option('--older-than <age>', 'leave younger ones alone: they may be on their way; 0 when nothing runs', '1d')
  .option('--json', 'one JSON object a line', false)
  .addHelpText(
    'after',
    '\nReads every topic of the topology. Samples that wait for their shard are never touched.\n\nExample:\n  vimi objects sweep --older-than 7d --remove',
  )
  .action(({ olderThan, ...options }: { remove: boolean; olderThan: string; json: boolean }) =>
    within((workspace) => sweep(workspace, { ...options, olderThan: age(olderThan) }, out)),
  );

program
  .command('shards')
  .description('look after the shards of training samples')
  .command('merge')
  .description('put small shards together: their samples, each picture once, in a new one that replaces them')
  .option('--bytes <size>', 'of a merged shard at most, such as 500MB; shards of more than half of it stay', size, 1e9)
  .option('--dry-run', 'say what would be merged, and change nothing')
  .option('--json', 'one JSON object a merged shard')
  .addHelpText(
    'after',
    '\nThe shards that are replaced are removed from the object store. Shards of before samples had a .txt stay as they are.\n\nExample:\n  vimi shards merge --bytes 500MB',
  )
  .action((options) => within((workspace) => mergeShards(workspace, options, out)));

const corpusCommand = program.command('corpus').description('look into the corpus, and correct it');
corpusCommand
  .command('remove')
  .description('remove documents, by id, or all of a medium or a source: prompts are no longer grounded in them')
  .argument('[id...]', 'documents, by their whole ids')
  .option('--uri <uri>', 'all that came from this medium (may be repeated)', several)
  .option('--source <name>', 'all that came from this source (may be repeated)', several)
  .option('--dry-run', 'list them, and remove nothing')
  .option('--json', 'one JSON object a document')
  .addHelpText(
    'after',
    '\nTo correct a caption, change it and ingest the medium again.\n\nExample:\n  vimi corpus remove --source winter-walk --dry-run',
  )
  .action((ids: string[], options) => within((workspace) => corpusRemove(workspace, ids, options, out)));
corpusCommand
  .command('search')
  .description('list the documents nearest to a text, however far; `retrieve` takes those alone that a prompt names')
  .argument('<text>')
  .option('-k <n>', 'documents', wholeNumber(1, 100), 5)
  .addOption(
    new Option('--mode <mode>', 'how they are ranked').choices(['lexical', 'dense', 'hybrid']).default('hybrid'),
  )
  .option('--json', 'as JSON')
  .addHelpText('after', '\nExample:\n  vimi corpus search "a red mushroom" -k 3')
  .action((text: string, options) => within((workspace) => corpusSearch(workspace, text, options, out)));

program
  .command('train')
  .description('train a model on shards; continues a run that was interrupted')
  .argument('[shard...]', 'WebDataset tars; all sealed shards of the topology when left out')
  .option('--preset <name>', 'the network', (name) => presetName(name), 'nano')
  .option('--steps <n>', 'of the optimizer', wholeNumber(1), 1000)
  .option('--seed <n>', 'of everything that is drawn', wholeNumber(0), 1)
  .option('--out <folder>', 'for the checkpoint, the log, pictures of how it goes and the weights', '.vimi/training')
  .option(
    '--store <prefix>',
    'keeps the run in the object store too, at each checkpoint; another machine continues it from there',
  )
  .option('--recipe <file>', 'JSON; what it leaves out is the preset’s own for the stage')
  .addOption(
    new Option('--stage <n>', '1: conditioned pretraining; 2: the three tasks, from the weights of stage 1').choices([
      '1',
      '2',
    ]),
  )
  .option(
    '--from <weights>',
    'a file, or the name of a shipped model, to start from instead of random numbers',
    (name) => modelName(name),
  )
  .option('--encoder <folder>', 'frozen language model (ONNX), for presets that read words through one')
  .option('--held-out <shard>', 'samples for the probes in the log (may be repeated)', several)
  .option('--plan', 'train nothing; print parameters, computation, memory, and time on this machine')
  .addOption(new Option('--backend <name>').choices(['tensorflow', 'wasm']))
  .option('--threads <n>', 'of the tensorflow backend, in each process', wholeNumber(1))
  .option(
    '--devices <list>',
    'share each batch among graphics processors (0,1: their CUDA indices) or processes on the processor (cpu,cpu)',
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

addEvalCommands(program, { within, interruption: () => interruption('stopping'), out });

program
  .command('validate')
  .description('check a topology: every mistake at once, each with its place')
  .argument('[file]', 'the topology when left out')
  .option('--json', 'as JSON')
  .action(async (file: string | undefined, { json }: { json?: boolean }) => {
    const { topology, profile } = program.opts<{ topology: string; profile?: string }>();
    process.exitCode = await validate(file ?? topology, { profile, json, out });
  });

program
  .command('init')
  .description('begin a project: a topology, and an operator of your own with its test')
  .argument('[folder]', 'where to; here when left out', '.')
  .action((folder: string) => init(folder, out));

program
  .command('docs')
  .description('print the page of an operator: what it takes and gives, and its settings')
  .argument('<operator>', 'a name, or the file of your own, such as ./my-operator.mjs')
  .action((name: string) => printOperator(name, out));

program
  .command('graph')
  .description('draw the pipelines')
  .addOption(new Option('--format <format>').choices(graphFormats).default('mermaid'))
  .addHelpText('after', '\nExample:\n  vimi graph --format svg > pipelines.svg')
  .action(({ format }: { format: GraphFormat }) =>
    within(async ({ topology }) => void out.write(graph(topology, format))),
  );

program
  .command('doctor')
  .description('look at everything that a run needs')
  .option('--json', 'as JSON')
  .action(async ({ json }: { json?: boolean }) => {
    let opened: Workspace | undefined;
    const findings = await examine(async () => {
      opened = await openWorkspace({ firstContactMs, looksOnly: true });
      return opened;
    });
    await opened?.close();
    if (!printFindings(findings, json, out)) process.exitCode = exitCodes.failed;
  });

try {
  await program.parseAsync();
} catch (thrown) {
  if (thrown instanceof CommanderError) process.exitCode = thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  else if (thrown instanceof VimiError && thrown.code === 'CANCELLED') process.exitCode = exitCodes.interrupted;
  else process.exitCode = reportError(asVimiError(thrown));
}
