import { randomUUID } from 'node:crypto';
import { readBounded } from '../../bounded-file.js';
import { asVimiError, VimiError } from '../../errors.js';
import { decodeEvent, encodeEvent } from '../../events/cloudevents.js';
import { jobId } from '../../events/ids.js';
import type { ImageRole, Task } from '../../events/prompt.js';
import type { StoredRecord } from '../../events/record.js';
import type { GenerationRequested, JobChanged } from '../../events/schemas.js';
import type { PipelineSpec } from '../../streams/pipeline-spec.js';
import type { Transport } from '../../streams/transport.js';
import { progress } from '../progress.js';
import type { Workspace } from '../workspace.js';
import { endsOf } from './new-records.js';
import { runPipelines } from './run.js';
import { tellVideo, videoOf } from './video-file.js';

export interface GenerateOptions {
  images: string[];
  /** What the images are for; the task's own role when left out. */
  role?: Exclude<ImageRole, 'reference'>;
  task?: Task;
  seed?: number;
  steps?: number;
  guidance?: number;
  frames?: number;
  retrieval: boolean;
  k?: number;
  out?: string;
  json?: boolean;
  signal: AbortSignal;
}

const largestImage = 1024 * 1024;

/**
 * Publishes a request, serves it here unless another process serves already, and waits for its video. Interrupting it
 * cancels the request.
 */
export async function generate(
  workspace: Workspace,
  text: string,
  options: GenerateOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const transport = await workspace.transport();
  const topic = workspace.topicOf('generation.requested');
  const pipeline = workspace.topology.pipelines.find(({ from }) => from === topic);
  if (!pipeline)
    throw new VimiError('USAGE', `No pipeline serves the topic '${topic}'`, { where: workspace.topology.file });
  const request = { source: '/vimi/generate', id: `cli-${randomUUID()}` };
  const job = jobId(pipeline.name, request);
  const topics = { jobs: workspace.topicOf('job.changed'), videos: workspace.topicOf('video.completed') };
  const from = { jobs: await endsOf(transport, topics.jobs), videos: await endsOf(transport, topics.videos) };
  await transport.publish([
    encodeEvent({
      schema: 'generation.requested',
      ...request,
      topic,
      key: request.id,
      data: await requestOf(text, options),
    }),
  ]);

  const done = new AbortController();
  const serving = serve(workspace, pipeline, done.signal);
  const cancel = () =>
    void transport.publish([
      encodeEvent({
        schema: 'generation.cancelled',
        id: `${request.id}-cancel`,
        source: request.source,
        topic,
        key: request.id,
        data: { cancel: request.id },
      }),
    ]);
  options.signal.addEventListener('abort', cancel, { once: true });
  try {
    const broken = serving.then(() => new Promise<never>(() => {}));
    const video = await Promise.race([answerTo(job, transport, topics, from), broken]);
    await tellVideo(workspace, video, options, out);
  } finally {
    options.signal.removeEventListener('abort', cancel);
    done.abort();
    await serving.catch(() => {});
  }
}

/** Serves the requests topic until told to stop; does nothing when another process serves it. */
async function serve(workspace: Workspace, pipeline: PipelineSpec, signal: AbortSignal): Promise<void> {
  try {
    await runPipelines(workspace, [pipeline], { drain: false, signal });
  } catch (thrown) {
    if (asVimiError(thrown).code !== 'GROUP_BUSY') throw thrown;
  }
}

async function requestOf(text: string, options: GenerateOptions): Promise<GenerationRequested> {
  const { task, seed, steps, guidance, frames, retrieval, k, role } = options;
  const images = await Promise.all(
    options.images.map(async (file) => {
      const bytes = await readBounded(file, {
        most: largestImage,
        unreadable: ['MEDIA_NOT_FOUND', 'The image cannot be read'],
        tooLarge: ['MEDIA_TOO_LARGE', 'The image is too large to be sent inside of a request'],
      });
      return { image: { base64: bytes.toString('base64') }, ...(role && { role }) };
    }),
  );
  return {
    prompt: images.length > 0 ? [...(text ? [{ text }] : []), ...images] : text,
    ...(task && { task }),
    ...(seed !== undefined && { seed }),
    ...(steps !== undefined && { steps }),
    ...(guidance !== undefined && { guidance }),
    ...(frames !== undefined && { frames }),
    ...(retrieval ? k !== undefined && { retrieval: { k } } : { retrieval: false as const }),
  };
}

/** Follows the job to its end, and finds its video. Throws what it failed of, or CANCELLED. */
async function answerTo(
  job: string,
  transport: Transport,
  topics: { jobs: string; videos: string },
  from: { jobs: Record<number, number>; videos: Record<number, number> },
): Promise<StoredRecord> {
  const bar = progress('denoise  ');
  try {
    for await (const record of transport.read(topics.jobs, { from: from.jobs, follow: true })) {
      const change = decodeEvent(record, ['job.changed']).data as JobChanged;
      if (change.job !== job) continue;
      if (change.state === 'in_progress') bar.update(Math.round((change.progress ?? 0) * 100), 100);
      if (change.state === 'cancelled') throw new VimiError('CANCELLED', 'The request was cancelled', { where: job });
      if (change.state === 'failed') throw failureOf(change);
      if (change.state === 'completed') break;
    }
  } finally {
    bar.finish();
  }
  let found: StoredRecord | undefined;
  for await (const record of transport.read(topics.videos, { from: from.videos }))
    if (videoOf(record)?.job === job) found = record;
  if (!found) throw new VimiError('INTERNAL', 'The job is completed, but has no video', { where: job });
  return found;
}

function failureOf({ job, error }: JobChanged): VimiError {
  return new VimiError(error?.code ?? 'INTERNAL', error?.message ?? 'The request failed', { where: job });
}
