import { Command, Option } from 'commander';
import { version } from '../core/version.js';
import { addCorpusCommands } from './families/corpus.js';
import { addEvalCommands } from './families/eval.js';
import { addJobsCommands } from './families/jobs.js';
import { addKeysCommands } from './families/keys.js';
import { addModelsCommands } from './families/models.js';
import { addOperationCommands } from './families/operation.js';
import { addRequestsCommands } from './families/requests.js';
import { addSamplesCommands } from './families/samples.js';
import { addStartCommands } from './families/start.js';
import { addTopologyCommands } from './families/topology.js';
import { addWebhooksCommands } from './families/webhooks.js';
import { several } from './option-values.js';
import { printable } from './printable.js';
import { openShell, type Shell } from './shell.js';

/** In the order in which `vimi --help` lists them: what begins no group of its own belongs to the one before. */
const families = [
  ...[addStartCommands, addRequestsCommands, addJobsCommands, addWebhooksCommands, addKeysCommands],
  ...[addCorpusCommands, addSamplesCommands, addModelsCommands, addEvalCommands, addTopologyCommands],
  addOperationCommands,
];

/** `vimi`, with all of its commands, and what surrounds them. */
export function createProgram(): { program: Command; shell: Shell } {
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
  const shell = openShell(program);
  for (const add of families) add(program, shell);
  // Last: commands inherit it as it is when they are made, with its group.
  program.commandsGroup('Start:').helpCommand('help [command]', 'explain a command');
  return { program, shell };
}
