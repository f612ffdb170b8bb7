import { z } from 'zod';
import { contextEntry, corpusState, imageRole, objectRef, prompt, sha256, task } from './prompt.js';

/*
 * One schema an event. Objects are loose: unknown fields survive, so that an older reader passes on what a newer writer
 * added. Sizes: pixels. Times: ISO 8601 in UTC. Durations: seconds unless the name says milliseconds.
 */

const timestamp = z.iso.datetime();
const uri = z.string().min(1).max(4096);
const caption = z.string().min(1).max(4000);

/** An image in a request: by reference (a path under an allowed root, or an object's key), or inline as base64. */
const requestImage = z.looseObject({
  image: z.union([
    z.looseObject({ uri }),
    z.looseObject({ base64: z.base64().max(1_400_000).describe('at most 1 MiB of PNG, JPEG or WebP') }),
  ]),
  role: imageRole.exclude(['reference']).optional(),
});

export const generationRequested = z.looseObject({
  prompt: z
    .union([z.string(), z.array(z.union([z.looseObject({ text: z.string() }), requestImage])).max(32)])
    .describe('text, or text and images in reading order; an image stands where its noun would'),
  task: task.optional().describe('inferred from the images of the prompt when left out'),
  frames: z.number().int().min(1).max(1024).optional(),
  width: z.number().int().min(8).max(4096).optional(),
  height: z.number().int().min(8).max(4096).optional(),
  fps: z.number().positive().max(240).optional(),
  steps: z.number().int().min(1).max(1000).optional(),
  guidance: z
    .union([
      z.number().min(0).max(50),
      z.strictObject({ text: z.number().min(0).max(50).optional(), image: z.number().min(0).max(50).optional() }),
    ])
    .optional()
    .describe('classifier-free guidance; 1 means none; one number, or one a modality'),
  seed: z.number().int().min(0).max(0xffffffff).optional().describe('left out: it follows from the event id'),
  retrieval: z
    .union([
      z.literal(false),
      z.strictObject({
        mode: z.enum(['lexical', 'dense', 'hybrid']).optional(),
        k: z.number().int().min(0).max(16).optional(),
      }),
    ])
    .optional(),
  priority: z.enum(['interactive', 'standard', 'batch']).optional(),
  deadline: timestamp.optional().describe('after this moment the request is rejected instead of served'),
});
export type GenerationRequested = z.infer<typeof generationRequested>;

/** On the requests topic too, with the id of the request to stop, keyed as the request was. */
export const generationCancelled = z.looseObject({ cancel: z.string().min(1).max(512) });
export type GenerationCancelled = z.infer<typeof generationCancelled>;

export const mediaAdded = z.looseObject({
  uri: uri.describe('a path under an allowed root, or an object as object:KEY'),
  caption: caption.optional().describe('left out: the text file beside the media'),
  source: z
    .string()
    .max(512)
    .optional()
    .describe('who or what it comes from; documents of one source never ground each other'),
  licence: z.string().max(128).optional().describe('SPDX identifier where there is one'),
});
export type MediaAdded = z.infer<typeof mediaAdded>;

/** The retriever's memory: one (image, caption) pair. The record's key is `id`; the topic is compacted. */
export const corpusDocument = z.looseObject({
  id: sha256.describe('SHA-256 over the caption and the image bytes'),
  caption,
  image: objectRef,
  /** false: kept only so that duplicates of it are recognised (a clip, by default). */
  retrievable: z.boolean(),
  embeddings: z.strictObject({
    model: z.string(),
    caption: z.array(z.number()).max(4096),
    image: z.array(z.number()).max(4096),
  }),
  hashes: z.strictObject({ content: sha256, perceptual: z.string().regex(/^[0-9a-f]{16}$/) }),
  provenance: z.looseObject({ uri, source: z.string(), licence: z.string(), event: z.string() }),
});
export type CorpusDocument = z.infer<typeof corpusDocument>;

export const jobState = z.enum(['queued', 'in_progress', 'completed', 'failed', 'cancelled']);
export const jobChanged = z.looseObject({
  job: z.string(),
  state: jobState,
  /** Share of the denoising steps that are done, 0 to 1. */
  progress: z.number().min(0).max(1).optional(),
  video: objectRef.optional(),
  error: z.looseObject({ code: z.string(), message: z.string() }).optional(),
});
export type JobChanged = z.infer<typeof jobChanged>;

const sampler = z.looseObject({
  name: z.string(),
  steps: z.number().int(),
  guidance: z.strictObject({ text: z.number(), image: z.number() }),
  seed: z.number().int(),
});

/** All that a consumer needs to trust a video and to make it again. The MP4 carries the same record less `object`. */
export const videoCompleted = z.looseObject({
  job: z.string(),
  object: objectRef,
  width: z.number().int(),
  height: z.number().int(),
  frames: z.number().int(),
  fps: z.number(),
  codec: z.string(),
  prompt,
  context: z.array(contextEntry),
  corpus: corpusState,
  model: z.looseObject({ name: z.string(), weights: sha256, backend: z.string() }),
  sampler,
});
export type VideoCompleted = z.infer<typeof videoCompleted>;

export const samplesSealed = z.looseObject({
  shard: z.string(),
  object: objectRef,
  samples: z.number().int().nonnegative(),
  /** The records of the media topic whose samples it holds: [from, to). */
  range: z.strictObject({
    topic: z.string(),
    partition: z.number().int(),
    from: z.number().int(),
    to: z.number().int(),
  }),
});
export type SamplesSealed = z.infer<typeof samplesSealed>;

export const eventRejected = z.looseObject({
  origin: z.strictObject({
    topic: z.string(),
    partition: z.number().int(),
    offset: z.number().int(),
    key: z.base64().nullable(),
    value: z.base64().nullable(),
    headers: z.record(z.string(), z.base64()),
    timestamp,
  }),
  /** Which part of the event: empty for the whole, "3" for its fourth clip. */
  part: z.string(),
  pipeline: z.string(),
  step: z.string(),
  attempts: z.number().int().positive(),
  error: z.looseObject({
    code: z.string(),
    message: z.string(),
    remedy: z.string(),
  }),
});
export type EventRejected = z.infer<typeof eventRejected>;

/** The closed list: schema names as topology.yaml writes them. */
export const schemas = {
  'generation.requested': generationRequested,
  'generation.cancelled': generationCancelled,
  'media.added': mediaAdded,
  'corpus.document': corpusDocument,
  'job.changed': jobChanged,
  'video.completed': videoCompleted,
  'samples.sealed': samplesSealed,
  'event.rejected': eventRejected,
} as const;
export type SchemaName = keyof typeof schemas;
export type EventData<N extends SchemaName> = z.infer<(typeof schemas)[N]>;
