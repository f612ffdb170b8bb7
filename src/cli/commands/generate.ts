import { createHash } from 'node:crypto';
import { Client } from '../../app/client/client.js';
import type { Job } from '../../app/client/job.js';
import { checkSaves, type Video } from '../../app/client/videos.js';
import { inPlace, type Placed } from '../../app/request-entities.js';
import type { Workspace } from '../../app/workspace.js';
import { readBounded } from '../../core/bounded-file.js';
import { asVimiError, VimiError } from '../../core/errors.js';
import type { ImageRole, Task } from '../../events/prompt.js';
import type { GenerationRequested } from '../../events/schemas.js';
import type { ScoreLimits } from '../../operators/grounding/retrieval/score-limits.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import type { StandIn } from '../option-values.js';
import { progress } from '../progress.js';
import { runPipelines } from './run.js';
import { tellVideo } from './video-file.js';

export interface GenerateOptions {
  images: string[];
  /** Images that stand for words of the prompt. */
  subjects?: StandIn[];
  backgrounds?: StandIn[];
  /** Files of clips that show a motion. */
  clips?: string[];
  /** What `images` are for; the task's own role when left out. */
  role?: Exclude<ImageRole, 'reference'>;
  task?: Task;
  seed?: number;
  steps?: number;
  guidance?: number;
  frames?: number;
  /** Drafts to choose from. */
  candidates?: number;
  retrieval: boolean;
  k?: number;
  motions?: number;
  /** Ids of documents. */
  pin?: string[];
  exclude?: string[];
  /** SPDX identifiers that documents may have. */
  licences?: string[] | undefined;
  /** By the name of a score that documents must have. */
  scores?: ScoreLimits | undefined;
  /** That answers; the first that reads requests when left out. */
  pipeline?: string;
  out?: string;
  json?: boolean;
  signal: AbortSignal;
}

const largestImage = 1024 * 1024;
const largestClip = 64 * 1024 * 1024;

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
  const pipeline = workspace.pipelineFor('generation.requested', options.pipeline);
  const client = await Client.of(workspace, pipeline);
  if (options.out !== undefined) await checkSaves(options.out);
  const request = await requestOf(workspace, text, options);
  if (options.signal.aborted) throw new VimiError('CANCELLED', 'Interrupted before the request was published');
  const job = await client.submit(request, { source: '/vimi/generate' });

  const done = new AbortController();
  /** Rejects when the request cannot be cancelled; once it is, its job says so. */
  const interrupted = new Promise<never>((_, reject) => {
    const cancel = () => void job.cancel().catch(reject);
    if (options.signal.aborted) cancel();
    else options.signal.addEventListener('abort', cancel, { once: true, signal: done.signal });
  });
  const serving = serve(workspace, pipeline, done.signal);
  try {
    const broken = serving.then(() => new Promise<never>(() => {}));
    const video = await Promise.race([answerTo(job), broken, interrupted]);
    if (options.out !== undefined) await client.save(video, options.out);
    await tellVideo(workspace, video, options, out);
  } finally {
    done.abort();
    await serving.catch(() => {});
    await client.close();
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

async function requestOf(workspace: Workspace, text: string, options: GenerateOptions): Promise<GenerationRequested> {
  const { task, seed, steps, guidance, frames, candidates, retrieval, k, motions, pin, exclude, role } = options;
  const { licences, scores } = options;
  if (!retrieval && (pin || exclude || licences || scores))
    throw new VimiError('USAGE', '--no-retrieval leaves no context', {
      expected: 'no --pin, --exclude, --licence and --score beside it',
      remedy: 'Leave one of them out. For the pinned documents alone, say -k 0 in place of --no-retrieval.',
    });
  const wanted = {
    ...(k !== undefined && { k }),
    ...(motions !== undefined && { motions }),
    ...(pin && { pin }),
    ...(exclude && { exclude }),
    ...((licences || scores) && { filter: { ...(licences && { licences }), ...(scores && { scores }) } }),
  };
  const images = await Promise.all(
    options.images.map(async (file) => ({ image: await inline(file), ...(role && { role }) })),
  );
  const clips = await Promise.all((options.clips ?? []).map((file) => uploaded(workspace, file)));
  const parts = [...images, ...clips];
  const given = parts.length > 0 ? [...(text ? [{ text }] : []), ...parts] : text;
  return {
    prompt: inPlace(given, await standIns(options)),
    ...(task && { task }),
    ...(seed !== undefined && { seed }),
    ...(steps !== undefined && { steps }),
    ...(guidance !== undefined && { guidance }),
    ...(frames !== undefined && { frames }),
    ...(candidates !== undefined && { candidates }),
    ...(retrieval ? Object.keys(wanted).length > 0 && { retrieval: wanted } : { retrieval: false as const }),
  };
}

async function inline(file: string) {
  const bytes = await readBounded(file, {
    most: largestImage,
    unreadable: ['MEDIA_NOT_FOUND', 'The image cannot be read'],
    tooLarge: ['MEDIA_TOO_LARGE', 'The image is too large to be sent inside of a request'],
  });
  return { base64: bytes.toString('base64') };
}

function standIns({ subjects = [], backgrounds = [] }: GenerateOptions): Promise<Placed[]> {
  const placed = (list: StandIn[], role: 'subject' | 'background') =>
    list.map(async ({ words, file }) => ({
      part: { image: await inline(file), role },
      ...{ entity: words, where: `--${role} ${words}=${file}` },
    }));
  return Promise.all([...placed(subjects, 'subject'), ...placed(backgrounds, 'background')]);
}

/** In the object store, since a clip is too large for an event. */
async function uploaded(workspace: Workspace, file: string) {
  const bytes = await readBounded(file, {
    most: largestClip,
    unreadable: ['MEDIA_NOT_FOUND', 'The clip cannot be read'],
    tooLarge: ['MEDIA_TOO_LARGE', 'The clip is too large'],
  });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const objects = await workspace.objects();
  const { key } = await objects.put(`clips/${sha256}.mp4`, bytes, { mediaType: 'video/mp4', sha256, byContent: true });
  return { clip: { uri: `object:${key}` }, role: 'motion' as const };
}

/** Shows how far the job is, and gives its video. Throws what it failed of, or CANCELLED. */
async function answerTo(job: Job): Promise<Video> {
  const bar = progress('denoise  ');
  try {
    for await (const { state, progress } of job.changes())
      if (state === 'in_progress') bar.update(Math.round((progress ?? 0) * 100), 100);
  } finally {
    bar.finish();
  }
  return job.video();
}
