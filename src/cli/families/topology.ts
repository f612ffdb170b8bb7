import { type Command, Option } from 'commander';
import { VimiError } from '../../core/errors.js';
import { type RenderFormat, render, renderFormats } from '../../streams/topology/render.js';
import { dryRun, explain, printOperator, testTopology, topics, validate } from '../commands.js';
import { exitCodes } from '../exit.js';
import { type GraphFormat, graph, graphFormats, liveGraph } from '../graph.js';
import { several, wholeNumber } from '../option-values.js';
import { here, type Shell } from '../shell.js';

interface ValidateArguments {
  json?: boolean;
  connect?: boolean;
  denyWarnings?: boolean;
}

/** Check, draw and explain a topology. */
export function addTopologyCommands(
  program: Command,
  { globals, interruption, openLog, openWorkspace, out, servedAt, within }: Shell,
): void {
  program.commandsGroup('Topology:');
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
      const { topology, profile, set } = globals();
      const from = file ?? topology;
      const looking = (firstContactMs: number) => openWorkspace({ topology: from, firstContactMs, looksOnly: true });
      if (denyWarnings && !connect)
        throw new VimiError('USAGE', 'Only --connect gives warnings', { remedy: 'Add --connect.' });
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
      const { topology } = globals();
      if (!(await testTopology(file ?? topology, { ...options, log: openLog() }, out)))
        process.exitCode = exitCodes.failed;
    });

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
    .command('graph')
    .description('draw the pipelines')
    .addOption(new Option('--format <format>').choices(graphFormats).default('mermaid'))
    .option('--live', 'with the rates, events in flight and events waiting of a run')
    .addOption(new Option('--at <address>', `HOST:PORT of that run (default: ${here})`).implies({ live: true }))
    .addHelpText(
      'after',
      '\nExamples:\n  vimi graph --format svg > pipelines.svg\n  vimi graph --format svg --live > now.svg',
    )
    .action(({ format, live, at }: { format: GraphFormat; live?: boolean; at?: string }) =>
      within(async ({ topology }) => {
        const text = live
          ? await liveGraph(topology, format, { at: at ?? (await servedAt()), signal: interruption('stopping') })
          : graph(topology, format);
        out.write(text);
      }),
    );

  program
    .command('docs')
    .description('print the page of an operator: input, output, settings')
    .argument('<operator>', 'name of an operator, or the file of a custom one, such as ./my-operator.mjs')
    .action((name: string) => printOperator(name, out));

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
}
