import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { VimiError } from '../core/errors.js';
import { canonicalJson } from '../events/canonical-json.js';
import { mistakesOf, mistakeText } from '../events/mistakes.js';
import type { ObjectRef } from '../events/prompt.js';
import { type VideoCompleted, videoCompleted } from '../events/schemas.js';
import type { Flow } from '../flow/flow.js';
import type { Resources } from '../flow/operator.js';
import { encodedSize } from '../media/encode-video.js';
import { commentOf, whyNoComment } from '../media/mp4-comment.js';
import { readIndex } from '../media/mp4-index.js';
import type { ObjectStore } from '../stores/objects/object-store.js';
import { type PipelineSpec, type StepSpec, stepOf } from '../streams/delivery/pipeline-spec.js';
import { InProcessSteps } from './in-process-steps.js';

/** How a video was made, as its MP4 and its event say. */
export type VideoRecord = Pick<
  VideoCompleted,
  | 'job'
  | 'request'
  | 'width'
  | 'height'
  | 'frames'
  | 'fps'
  | 'prompt'
  | 'context'
  | 'corpus'
  | 'retrieval'
  | 'model'
  | 'sampler'
  | 'candidates'
>;

const videoRecord = videoCompleted.omit({ object: true });

/** The record that an MP4 carries. MEDIA_UNSUPPORTED for a file without one. */
export function recordIn(mp4: Buffer, where: string): VideoRecord {
  const foreign = (found: string, cause?: unknown) =>
    new VimiError('MEDIA_UNSUPPORTED', 'This file does not say how it was made', {
      expected: 'an MP4 as vimi wrote it (other programs leave its comment out)',
      ...{ found, where, cause },
      remedy: 'Fetch the file from the object store: vimi videos get REQUEST.',
    });
  const comment = commentOf(mp4);
  if (comment === null) throw foreign(whyNoComment(mp4));
  let said: unknown;
  try {
    said = JSON.parse(comment);
  } catch (cause) {
    throw foreign('a comment that is not JSON', cause);
  }
  const { data, error } = videoRecord.safeParse(said);
  if (!data) throw foreign(mistakesOf(error, said).map(mistakeText).join('; '));
  return data;
}

/**
 * The record of a stored video, of whose MP4 only the index is read. undefined: a step of somebody's own made it, and did not
 * write how; or it is gone from the store.
 */
export async function recordOf({ key, size }: ObjectRef, objects: ObjectStore): Promise<VideoRecord | undefined> {
  try {
    const index = await readIndex(size, async (start, end) =>
      buffer(await objects.stream(key, { start, end: end - 1 })),
    );
    return index ? recordIn(index, key) : undefined;
  } catch (thrown) {
    if (thrown instanceof VimiError && ['MEDIA_UNSUPPORTED', 'OBJECT_NOT_FOUND'].includes(thrown.code))
      return undefined;
    throw thrown;
  }
}

/** What somebody who makes the video of a record again may count on. */
export function promiseOf({ model }: Pick<VideoRecord, 'model'>): string {
  if (!model.server) return 'the same bytes, with the same weights, backend and ffmpeg';
  const who = `the model server at ${model.server.url}`;
  return model.weights === undefined
    ? `nothing: ${who} does not state its weights`
    : `the same bytes, if ${who} still has these weights and draws the same from one seed on its device; and with the same ffmpeg`;
}

export interface Reproduction {
  mp4: Buffer;
  sha256: string;
  /** What was not as it was the first time: `model.weights: was 3f..., is 9a...`. */
  differences: string[];
}

/**
 * Makes a video again from its record: the steps of the pipeline that draw and encode get the composed prompt, its images
 * from the object store, and the settings and seed of the sampler. Nothing is published. With the same weights, backend and
 * ffmpeg the bytes are the same; `differences` says what is not. Throws what the steps reject it for, such as
 * OBJECT_NOT_FOUND for an image that is gone; USAGE for a pipeline that makes no videos.
 */
export async function reproduce(
  record: VideoRecord,
  { pipeline, resources, signal }: { pipeline: PipelineSpec; resources: Resources; signal: AbortSignal },
): Promise<Reproduction> {
  const steps = drawingSteps(pipeline);
  const scale = Number(steps.at(-1)?.config.scale ?? 1);
  const running = new InProcessSteps(
    steps.map((step) => stepOf(step, { ...resources, announce: async () => {} })),
    resources,
  );
  try {
    const flow = flowOf(record, scale);
    const { product } = await running
      .feed({ id: record.job, request: { prompt: [] }, flow, signal })
      .catch((error) => Promise.reject(goneFrom(record, error) ?? error));
    if (!Buffer.isBuffer(product?.body))
      throw new VimiError('USAGE', `Pipeline '${pipeline.name}' does not end in the bytes of a video`);
    const mp4 = product.body;
    const made = recordIn(mp4, record.job);
    return { mp4, sha256: createHash('sha256').update(mp4).digest('hex'), differences: differencesOf(record, made) };
  } finally {
    await running.close();
  }
}

/** The error that names the document whose object is gone. undefined: the object is no document's. */
function goneFrom({ context }: VideoRecord, error: unknown): VimiError | undefined {
  if (!(error instanceof VimiError && error.code === 'OBJECT_NOT_FOUND')) return undefined;
  const gone = context.find(({ image, clip }) => [image.key, clip?.key].includes(error.where));
  return (
    gone &&
    new VimiError('OBJECT_NOT_FOUND', 'A document that this video was grounded in is gone', {
      expected: `the image or clip of "${gone.caption}" (document ${gone.document})`,
      found: 'nothing under its key: the document was removed, or this is another object store',
      ...{ where: error.where, cause: error },
      remedy: 'Nothing brings back a removed document. If another profile has it, name that: --profile NAME.',
    })
  );
}

/** From the one that makes frames to the one that makes an MP4 of them. */
function drawingSteps({ name, steps }: PipelineSpec): StepSpec[] {
  const [first, last] = ['frames', 'product'].map((field) =>
    steps.findLastIndex(({ operator }) => operator.adds.includes(field)),
  ) as [number, number];
  if (first >= 0 && last > first) return steps.slice(first, last + 1);
  throw new VimiError('USAGE', `Pipeline '${name}' cannot make a video again: it has no step that draws and encodes`);
}

function flowOf(record: VideoRecord, scale: number): Flow {
  const { job, request, frames, fps, sampler, candidates, prompt, context, corpus, retrieval } = record;
  const { steps, guidance, seed } = sampler;
  return {
    request: { prompt: [] },
    job: {
      id: job,
      request: request ?? { source: '', id: job },
      ...sizeDrawn(record, scale),
      frames,
      fps,
      steps,
      guidance,
      seed,
      // Its seed is the chosen one: nothing is chosen again.
      ...(candidates && { chosenFrom: candidates }),
    },
    prompt,
    context: { entries: context, nearDuplicates: [], corpus, ...(retrieval && { asked: retrieval }) },
  } as Flow;
}

/** Before it was enlarged; of a size that this scale does not give, the nearest. */
function sizeDrawn({ width, height }: VideoRecord, scale: number): { width: number; height: number } {
  const drawn = { width: Math.max(1, Math.floor(width / scale)), height: Math.max(1, Math.floor(height / scale)) };
  // An odd side grew by one pixel.
  const odd = { width: drawn.width - (drawn.width % 2 ? 0 : 1), height: drawn.height - (drawn.height % 2 ? 0 : 1) };
  const fits = (size: typeof drawn) =>
    canonicalJson(encodedSize(size.width, size.height, scale)) === canonicalJson({ width, height });
  return fits(drawn) || !fits(odd) ? drawn : odd;
}

const compared = ['width', 'height', 'frames', 'fps', 'model', 'sampler', 'prompt'] as const;

function differencesOf(was: VideoRecord, is: VideoRecord): string[] {
  return compared.flatMap((field) => differencesIn(field, was[field], is[field]));
}

function differencesIn(path: string, was: unknown, is: unknown): string[] {
  if (canonicalJson(was ?? null) === canonicalJson(is ?? null)) return [];
  if (isObject(was) && isObject(is))
    return [...new Set([...Object.keys(was), ...Object.keys(is)])].flatMap((name) =>
      differencesIn(`${path}.${name}`, was[name], is[name]),
    );
  const text = (value: unknown) =>
    value === undefined ? 'nothing' : typeof value === 'string' ? value : canonicalJson(value);
  return [`${path}: was ${text(was)}, is ${text(is)}`];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
