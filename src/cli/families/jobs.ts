import { type Command, Option } from 'commander';
import { jobState } from '../../events/schemas.js';
import { cancelJob, listJobs, showJob, watchJobs } from '../commands.js';
import { exitCodes } from '../exit.js';
import { listing } from '../listing.js';
import { wholeNumber } from '../option-values.js';
import type { Shell } from '../shell.js';

/** `vimi jobs ...` */
export function addJobsCommands(program: Command, { interruption, out, within }: Shell): void {
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
}
