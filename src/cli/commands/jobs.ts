import { Client } from '../../app/client/client.js';
import { jobsNamed, stateText, type ToldJob, type ToldJobs, toldJobs } from '../../app/client/told-jobs.js';
import { endsOf } from '../../app/new-records.js';
import type { Workspace } from '../../app/workspace.js';
import { didYouMean } from '../../core/did-you-mean.js';
import { VimiError } from '../../core/errors.js';
import type { JobChanged } from '../../events/schemas.js';
import { isOver } from '../../stores/jobs/jobs.js';

type Out = NodeJS.WritableStream;

export interface ListedJobs {
  /** Only jobs in these states; all when left out. */
  state?: JobChanged['state'][];
  limit: number;
  json?: boolean;
}

/** Prints jobs, the one that changed last first, and how many there are in each state. */
export async function listJobs(workspace: Workspace, { state, limit, json }: ListedJobs, out: Out): Promise<void> {
  const jobs = (await allJobs(workspace)).list();
  const chosen = jobs.filter((job) => !state || state.includes(job.state));
  for (const job of chosen.slice(0, limit)) out.write(json ? `${JSON.stringify(job)}\n` : `${lineOf(job)}\n`);
  if (json) return;
  if (chosen.length > limit) out.write(`${chosen.length - limit} more (--limit)\n`);
  const states = [...new Set(jobs.map((job) => job.state))].sort();
  const told = states
    .map((one) => `${jobs.filter((job) => job.state === one).length} ${one.replace('_', ' ')}`)
    .join(', ');
  out.write(`${jobs.length} ${jobs.length === 1 ? 'job' : 'jobs'}${told ? `: ${told}` : ''}\n`);
}

export interface NamedJob {
  /** Of the request, where several sources use its id. */
  source?: string;
  json?: boolean;
}

/** Prints all that is known of a job. USAGE where there is none, or more than one. */
export async function showJob(workspace: Workspace, name: string, { source, json }: NamedJob, out: Out): Promise<void> {
  const job = await jobNamed(workspace, name, source);
  if (json) out.write(`${JSON.stringify(job)}\n`);
  else {
    const { request, video, pipeline, changed } = job;
    const lines = {
      job: job.job,
      request: request.id,
      source: request.source,
      pipeline,
      state: stateText(job),
      changed,
    };
    for (const [field, value] of Object.entries({ ...lines, ...(video && { video: video.key }) }))
      out.write(`${field.padEnd(9)}${value}\n`);
  }
}

/**
 * Cancels a job, and waits until it is over: true when it was cancelled, false when it had come to another end. Until a
 * process runs the pipeline, nothing stops; the cancellation is kept for it.
 */
export async function cancelJob(
  workspace: Workspace,
  name: string,
  { source, json, signal }: NamedJob & { signal: AbortSignal },
  out: Out,
): Promise<boolean> {
  const told = await jobNamed(workspace, name, source);
  if (isOver(told.state)) {
    out.write(json ? `${JSON.stringify(told)}\n` : `${told.request.id} is over: ${stateText(told)}\n`);
    return told.state === 'cancelled';
  }
  const client = await Client.of(workspace, workspace.pipelineFor('generation.requested', told.pipeline));
  try {
    const job = await client.job(told.request);
    await job.cancel();
    if (!json) out.write(`asked to cancel ${told.request.id}; waiting for its end (Ctrl-C ends the wait alone)\n`);
    for await (const change of job.changes({ signal })) {
      if (!isOver(change.state)) continue;
      out.write(json ? `${JSON.stringify(change)}\n` : `${told.request.id} ${stateText(change)}\n`);
      return change.state === 'cancelled';
    }
    return false;
  } finally {
    await client.close();
  }
}

/** Prints each change of a job until it is over, or of all jobs until `signal` aborts. */
export async function watchJobs(
  workspace: Workspace,
  name: string | undefined,
  { source, json, signal }: NamedJob & { signal: AbortSignal },
  out: Out,
): Promise<void> {
  const print = (job: ToldJob) => out.write(json ? `${JSON.stringify(job)}\n` : `${lineOf(job)}\n`);
  const transport = await workspace.transport();
  const topics = workspace.topicsWith('job.changed');
  // From here on, so that nothing is missed while the past is read.
  const from = await Promise.all(topics.map((topic) => endsOf(transport, topic)));
  const known = await allJobs(workspace);
  const only = name === undefined ? undefined : choose(known.list(), name, source);
  if (only) print(only);
  if (only && isOver(only.state)) return;
  const done = new AbortController();
  const stop = AbortSignal.any([signal, done.signal]);
  const follow = async (topic: string, start: Record<number, number>) => {
    for await (const record of transport.read(topic, { from: start, follow: true, signal: stop })) {
      const job = known.take(record);
      if (!job || (only && job.job !== only.job)) continue;
      print(job);
      if (only && isOver(job.state)) done.abort();
    }
  };
  await Promise.all(topics.map((topic, n) => follow(topic, from[n]!)));
}

async function allJobs(workspace: Workspace): Promise<ToldJobs> {
  return toldJobs(await workspace.transport(), workspace.topicsWith('job.changed'));
}

async function jobNamed(workspace: Workspace, name: string, source: string | undefined): Promise<ToldJob> {
  return choose((await allJobs(workspace)).list(), name, source);
}

function choose(jobs: readonly ToldJob[], name: string, source: string | undefined): ToldJob {
  const found = jobsNamed(jobs, name).filter(({ request }) => source === undefined || request.source === source);
  const [job, ...others] = found;
  if (!job) {
    const names = jobs.slice(0, 1000).map(({ request }) => request.id);
    throw new VimiError('USAGE', `There is no job of '${name}'${didYouMean(name, names)}`, {
      expected: `the id of a request or job${source === undefined ? '' : ` of the source ${source}`}`,
      remedy:
        'List them: vimi jobs list. A request that no process has read yet has no job; cancel it with {"cancel": ID} on its topic.',
    });
  }
  if (others.length > 0)
    throw new VimiError('USAGE', `'${name}' names ${found.length} jobs`, {
      expected: '--source, or the id of the job',
      found: found.map((one) => `${one.job} of ${one.request.source} in ${one.pipeline}`).join(', '),
    });
  return job;
}

function lineOf(job: ToldJob): string {
  const { request, video, changed } = job;
  return [changed, request.id, stateText(job), ...(video ? [video.key] : [])].join('  ').replaceAll('\n', '\\n');
}
