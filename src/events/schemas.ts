import { z } from 'zod';
import { characters, leftOut, moment } from './input.js';
import { contextEntry, corpusState, imageRole, objectLink, objectRef, prompt, sha256, task } from './prompt.js';

/*
 * One schema an event. Objects are loose: unknown fields survive, so that an older reader passes on what a newer writer
 * added. Sizes: pixels. Times: ISO 8601 in UTC. Durations: seconds unless the name says milliseconds.
 */

const uri = characters(1, 4096);
const caption = characters(1, 4000);
/** Of a part that says one thing: that it says no other. */
const none = leftOut(z.never());

const weight = z.number().min(0).max(50);

/** An image in a request: by reference (a path under an allowed root, or an object's key), or inline as base64. */
const requestImage = z.looseObject({
  image: z.union([
    z.looseObject({ uri }),
    z.looseObject({ base64: z.base64().max(1_400_000).describe('at most 1 MiB of PNG, JPEG or WebP') }),
  ]),
  role: leftOut(imageRole.exclude(['reference'])),
  text: none,
});

export const generationRequested = z.looseObject({
  prompt: z
    .union([
      z.string(),
      z
        .array(
          z.union([z.looseObject({ text: z.string(), image: none }), requestImage], {
            error: 'either text or an image',
          }),
        )
        .max(32),
    ])
    .describe(
      'text, or text and images in reading order; an image, { uri } or { base64 }, stands where its noun would',
    ),
  task: leftOut(task).describe('inferred from the images of the prompt when left out'),
  frames: leftOut(z.number().int().min(1).max(1024)).describe("left out: the model's own"),
  width: leftOut(z.number().int().min(8).max(4096)).describe("pixels; left out: the model's own"),
  height: leftOut(z.number().int().min(8).max(4096)).describe("pixels; left out: the model's own"),
  fps: leftOut(z.number().positive().max(240)).describe("frames a second; left out: the model's own"),
  steps: leftOut(z.number().int().min(1).max(1000)).describe('of the sampler; more take longer'),
  guidance: leftOut(z.union([weight, z.strictObject({ text: leftOut(weight), image: leftOut(weight) })])).describe(
    'classifier-free guidance; 1 means none; one number, or one a modality',
  ),
  seed: leftOut(z.number().int().min(0).max(0xffffffff)).describe('left out: it follows from the event id'),
  retrieval: leftOut(
    z.union([
      z.literal(false),
      z.strictObject({
        mode: leftOut(z.enum(['lexical', 'dense', 'hybrid'])),
        k: leftOut(z.number().int().min(0).max(16)),
      }),
    ]),
  ).describe('what the prompt is grounded in; false: nothing'),
  priority: leftOut(z.enum(['interactive', 'standard', 'batch'])).describe(
    'left out: standard; no effect yet, requests are served in turn',
  ),
  deadline: leftOut(moment).describe(
    'a moment with its offset from UTC; a request that waits or runs then is rejected instead of served',
  ),
});
export type GenerationRequested = z.infer<typeof generationRequested>;

/** On the requests topic too, under any key: the request is known by its id and the source, the event's own. */
export const generationCancelled = z.looseObject({
  cancel: characters(1, 512).describe('the id of the request, as it was sent'),
  source: leftOut(characters(1, 1024)).describe(
    "the source of the request; left out: the cancellation's own ce_source",
  ),
});
export type GenerationCancelled = z.infer<typeof generationCancelled>;

export const mediaAdded = z.looseObject({
  uri: uri.describe('a path under an allowed root, or an object as object:KEY'),
  caption: leftOut(caption).describe('left out: the text file beside the media'),
  source: leftOut(characters(0, 512)).describe(
    'who or what it comes from; documents of one source never ground each other',
  ),
  licence: leftOut(characters(0, 128)).describe('SPDX identifier where there is one'),
  version: leftOut(characters(0, 128)).describe(
    'tells this state of the medium and its caption from another; what became of it names it again',
  ),
});
export type MediaAdded = z.infer<typeof mediaAdded>;

/** The retriever's memory: one (image, caption) pair. The record's key is `id`; the topic is compacted. */
export const corpusDocument = z.looseObject({
  id: sha256.describe('SHA-256 over the caption and the image bytes'),
  caption,
  image: objectRef,
  retrievable: z.boolean().describe('false: kept only so that duplicates of it are recognised (a clip, by default)'),
  embeddings: z.strictObject({
    model: z.string(),
    caption: z.array(z.number()).max(4096),
    image: z.array(z.number()).max(4096),
  }),
  hashes: z.strictObject({
    content: sha256,
    perceptual: z.string().regex(/^[0-9a-f]{16}$/),
    film: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional()
      .describe('of a clip: the perceptual hashes of four frames spread over it'),
  }),
  provenance: z.looseObject({
    uri,
    source: z.string(),
    licence: z.string(),
    event: z.string(),
    sha256: sha256.optional().describe('of the file that it came from'),
    said: z.string().optional().describe('what was said of the medium, where the caption is another text'),
  }),
});
export type CorpusDocument = z.infer<typeof corpusDocument>;

/** What became of a medium. The record's key is its uri; the topic is compacted, so it says how each medium stands. */
export const mediaSettled = z.looseObject({
  uri,
  event: z.string().describe('the id of the media event'),
  version: z.string().max(128).optional().describe('as the media event named it'),
  outcome: z.enum(['delivered', 'rejected', 'dropped']).describe('delivered: at least one of its parts was'),
  parts: z
    .strictObject({
      delivered: z.number().int(),
      rejected: z.record(z.string(), z.number().int()).describe('by error code'),
      dropped: z.record(z.string(), z.number().int()).describe('by reason'),
    })
    .describe('its clips; 1 in all for a picture, and for what came to no clips'),
  duplicate_of: uri.optional().describe('the uri of what the corpus had already; its own when it came again'),
  replaced: z.number().int().optional().describe('documents of an earlier caption, source or licence that it replaced'),
  error: z
    .looseObject({ step: z.string(), code: z.string(), message: z.string(), remedy: z.string() })
    .optional()
    .describe('why it, or the first of its parts, was rejected'),
});
export type MediaSettled = z.infer<typeof mediaSettled>;

/** A request as its sender named it. */
const requestRef = z.looseObject({
  source: z.string().describe("the request's ce_source"),
  id: z.string().describe("the request's ce_id"),
});
export type RequestRef = z.infer<typeof requestRef>;

/** The request again, with what tells one try of it from another: the jobs topic is what remembers it. */
const requestTry = requestRef.extend({
  record: z.string().describe('the record that is (or was) served: topic-partition-offset@milliseconds'),
  payload: sha256.optional().describe('SHA-256 of what the request asks; none where it has yet to come'),
  after: z.string().optional().describe('the record of the try before this one'),
});

const jobState = z.enum(['queued', 'in_progress', 'completed', 'failed', 'cancelled']);
export const jobChanged = z.looseObject({
  job: z.string().describe('the id of the job, the same in all that follows from one request'),
  request: requestTry.optional().describe('the request as its sender named it'),
  state: jobState,
  progress: z.number().min(0).max(1).optional().describe('share of the denoising steps that are done'),
  video: objectRef.optional().describe('once it is completed'),
  error: z.looseObject({ code: z.string(), message: z.string() }).optional().describe('why it failed'),
});
export type JobChanged = z.infer<typeof jobChanged>;

const sampler = z.looseObject({
  name: z.string(),
  steps: z.number().int(),
  guidance: z.strictObject({ text: z.number(), image: z.number() }),
  oscillation: z.looseObject({ steady: z.number().int(), low: z.number() }).optional(),
  seed: z.number().int(),
});

/**
 * All that a consumer needs to trust a video and to make it again. The MP4 carries the same record less `object`,
 * `link` and timings.
 */
export const videoCompleted = z.looseObject({
  job: z.string().describe('the id of the job, the same in all that follows from one request'),
  request: requestRef.optional().describe('the request as its sender named it'),
  object: objectRef.describe('the MP4'),
  link: objectLink.optional().describe('to the MP4, where the profile asks for links'),
  width: z.number().int().describe('pixels'),
  height: z.number().int().describe('pixels'),
  frames: z.number().int(),
  fps: z.number(),
  codec: z.string(),
  prompt: prompt.describe('what the model read'),
  context: z.array(contextEntry).describe('what was retrieved for the prompt, best first'),
  corpus: corpusState.describe('what there was to be retrieved'),
  model: z
    .looseObject({
      name: z.string(),
      weights: sha256,
      backend: z.string(),
      upsampler: z.looseObject({ name: z.string(), weights: sha256 }).optional().describe('what enlarged its video'),
    })
    .describe('weights: SHA-256 of the file'),
  sampler: sampler.describe('with these and the same backend the same video comes out'),
  unknown_words: z
    .array(z.string())
    .optional()
    .describe(
      'of the prompt, that the model was never trained with and no retrieved caption names; left out: not known',
    ),
});
export type VideoCompleted = z.infer<typeof videoCompleted>;

export const samplesSealed = z.looseObject({
  shard: z.string(),
  object: objectRef.describe('the tar'),
  link: objectLink.optional().describe('to the tar, where the profile asks for links'),
  kind: z
    .enum(['clips', 'stills'])
    .optional()
    .describe('of its samples; left out: clips, and in older shards stills too'),
  samples: z.number().int().nonnegative(),
  range: z
    .strictObject({
      topic: z.string(),
      partition: z.number().int(),
      from: z.number().int(),
      to: z.number().int(),
    })
    .optional()
    .describe('the records whose samples it holds, `to` not included; not there in one that was merged'),
  replaces: z
    .array(z.string())
    .optional()
    .describe('the shards that were merged into it: their samples are all here, and their objects are gone'),
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
    timestamp: z.iso.datetime(),
  }),
  part: z.string().describe('which part of the event: empty for the whole, "3" for its fourth clip'),
  pipeline: z.string(),
  step: z.string(),
  attempts: z.number().int().positive().describe('how often the step was tried'),
  error: z.looseObject({
    code: z.string(),
    message: z.string(),
    remedy: z.string(),
  }),
});
export type EventRejected = z.infer<typeof eventRejected>;

/** On the topic of rejects: somebody has seen this one, and nothing is to be done about it. */
export const rejectDismissed = z.looseObject({
  dismissed: z.string().min(1).max(512).describe('the place of the rejected record: topic-partition-offset'),
  content: sha256.describe('of the key and value of that record'),
});
export type RejectDismissed = z.infer<typeof rejectDismissed>;

/** The closed list: schema names as topology.yaml writes them. */
export const schemas = {
  'generation.requested': generationRequested,
  'generation.cancelled': generationCancelled,
  'media.added': mediaAdded,
  'media.settled': mediaSettled,
  'corpus.document': corpusDocument,
  'job.changed': jobChanged,
  'video.completed': videoCompleted,
  'samples.sealed': samplesSealed,
  'event.rejected': eventRejected,
  'reject.dismissed': rejectDismissed,
} as const;
export type SchemaName = keyof typeof schemas;
export type EventData<N extends SchemaName> = z.infer<(typeof schemas)[N]>;
