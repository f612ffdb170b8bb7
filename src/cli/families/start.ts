import { join } from 'node:path';
import { type Command, Option } from 'commander';
import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import { type WatchedStep, watchThread } from '../../core/thread-watch.js';
import { drainMs } from '../../streams/delivery/drain-ms.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import { age } from '../commands/age.js';
import type { InitOptions } from '../commands/init.js';
import {
  demo,
  init,
  reportLine,
  runPipelines,
  runReloading,
  serveWith,
  writeBundle,
  writeDemoTopology,
} from '../commands.js';
import { exitCodes } from '../exit.js';
import type { Finding } from '../findings.js';
import { several, tgz } from '../option-values.js';
import { presets } from '../presets.js';
import { runView } from '../run-view.js';
import { here, inFlight, type Shell } from '../shell.js';

interface RunArguments {
  pipeline?: string[];
  pipelines: boolean;
  drain?: boolean;
  stopWithin?: number;
  json?: boolean;
  http?: string | false;
}

/** What one types first. */
export function addStartCommands(
  program: Command,
  { interruption, openWorkspace, out, servedAt, within }: Shell,
): void {
  program.commandsGroup('Start:');
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
          const stopWatching = watchThread(customSteps(pipelines));
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
            await stopWatching();
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
    .command('init')
    .description('create a project: a topology, and a custom operator with its test')
    .argument('[folder]', 'folder to write to', '.')
    .addOption(
      new Option(
        '--preset <name>',
        'another topology, without an operator: media alone, requests alone, or Kafka and S3',
      )
        .choices(presets)
        .conflicts('typescript'),
    )
    .option('--typescript', 'write the operator in TypeScript')
    .addHelpText('after', '\nExamples:\n  vimi init my-project --typescript\n  vimi init my-corpus --preset corpus')
    .action((folder: string, options: InitOptions) => init(folder, options, out));

  program
    .command('doctor')
    .description('check everything that a run needs; changes nothing')
    .option(
      '--bundle <file>',
      'also write what a bug report needs, without secrets and content, such as vimi-bundle.tgz',
      tgz,
    )
    .option('--at <address>', `HOST:PORT of the run whose metrics the bundle holds (default: ${here})`)
    .option('--json', 'as JSON')
    .action(async ({ json, bundle, at }: { json?: boolean; bundle?: string; at?: string }) => {
      let opened: Workspace | undefined;
      const { examine, firstContactMs } = await import('../commands/doctor.js');
      const { printFindings } = await import('../findings.js');
      // In JSON all of them at the end, in the order of the parts.
      const print = json ? undefined : (found: readonly Finding[]) => printFindings(found, out);
      const findings = await examine(async () => {
        opened = await openWorkspace({ firstContactMs, looksOnly: true });
        return opened;
      }, print);
      await opened?.close();
      if (json) for (const { part, state, text } of findings) out.write(`${JSON.stringify({ part, state, text })}\n`);
      if (findings.some(({ state }) => state === 'bad')) process.exitCode = exitCodes.failed;
      if (bundle === undefined) return;
      const ran = at ?? (await servedAt());
      const names = await writeBundle(bundle, { findings, topology: opened?.topology, at: ran, env: process.env });
      if (!json) out.write(`\nwrote ${bundle}: ${names.join(', ')}. Read it before you pass it on.\n`);
    });
}

/** Code that is not vimi's: it may keep the thread. */
function customSteps(pipelines: readonly PipelineSpec[]): WatchedStep[] {
  return pipelines.flatMap(({ name: pipeline, steps }) =>
    steps.flatMap(({ name: step, operator: { module } }) => (module === undefined ? [] : [{ pipeline, step, module }])),
  );
}

/** SIGHUP: read the topology again. On a terminal it says that the terminal is gone, and the process ends as others do. */
function onHangUp(reload: () => void): () => void {
  if (process.stdin.isTTY) return () => {};
  process.on('SIGHUP', reload);
  return () => process.off('SIGHUP', reload);
}
