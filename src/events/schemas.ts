import { z } from 'zod';
import { labels, madeCaption, mostCaption, mostClipCaption } from './caption.js';
import { characters, leftOut, moment } from './input.js';
import {
  clipRef,
  contextEntry,
  corpusState,
  imageRole,
  objectLink,
  objectRef,
  prompt,
  sha256,
  task,
} from './prompt.js';
import { requestWebhook, webhookDelivery, webhookDisabled } from './webhook-events.js';

/*
 * One schema an event. Objects are loose: unknown fields survive, so that an older reader passes on what a newer writer
 * added. Sizes: pixels. Times: ISO 8601 in UTC. Durations: seconds unless the name says milliseconds.
 */

const uri = characters(1, 4096);
const caption = characters(1, mostCaption);
const captions = z.array(madeCaption).max(16).optional();
/** Of a part that says one thing: that it says no other. */
const none = leftOut(z.never());

const weight = z.number().min(0).max(50);

/** Of a request; the first goes first. */
export const priorities = ['interactive', 'standard', 'batch'] as const;

/** A clip in a request that shows how something moves: a path under an allowed root, or an object's key. */
const requestClip = z.looseObject({
  clip: z.looseObject({ uri }),
  caption: leftOut(characters(0, mostClipCaption)),
  role: leftOut(z.literal('motion')),
  text: none,
  image: none,
});

/** An image in a request: by reference (a path under an allowed root, or an object's key), or inline as base64. */
const requestImage = z.looseObject({
  image: z.union([
    z.looseObject({ uri }),
    z.looseObject({ base64: z.base64().max(1_400_000).describe('at most 1 MiB of PNG, JPEG or WebP') }),
  ]),
  role: leftOut(imageRole.exclude(['reference'])),
  entity: leftOut(characters(1, 200)).describe('the words that it stands for, which the texts beside it leave out'),
  text: none,
  clip: none,
});

/** Of a corpus, in a request: each once. */
const documentIds = z
  .array(sha256)
  .max(16)
  .refine((ids) => new Set(ids).size === ids.length, { error: 'each document once' })
  .meta({ uniqueItems: true });

const scoreLimit = z
  .strictObject({ min: leftOut(z.number()), max: leftOut(z.number()) })
  .refine(({ min, max }) => min !== undefined || max !== undefined, { error: 'min, max or both' })
  .refine(({ min = -Infinity, max = Infinity }) => min <= max, { error: 'a min of at most max' });

const mostScores = 16;

/** In a request: what each document of its context must have, beside what the step allows. */
const retrievalFilter = z.strictObject({
  licences: leftOut(z.array(characters(1, 128)).min(1).max(32)).describe(
    'only documents with one of these SPDX identifiers, as the corpus has them',
  ),
  scores: leftOut(
    z
      .record(characters(1, 64), scoreLimit)
      .refine((scores) => Object.keys(scores).length <= mostScores, { error: `at most ${mostScores} scores` })
      .meta({ maxProperties: mostScores }),
  ).describe('limits by name, such as { "nsfw": { "max": 0.1 } }; a document without that score is left out'),
});
export type RetrievalFilter = z.infer<typeof retrievalFilter>;

/** In a request. */
const retrieval = z
  .strictObject({
    mode: leftOut(z.enum(['lexical', 'dense', 'hybrid'])),
    k: leftOut(z.number().int().min(0).max(16)),
    motions: leftOut(z.number().int().min(0).max(4)),
    pin: leftOut(documentIds).describe('ids of documents that come first, in this order; they count towards k'),
    exclude: leftOut(documentIds).describe('ids of documents that are not retrieved'),
    filter: leftOut(retrievalFilter).describe(
      'what documents must have, also the pinned ones; it narrows what the step retrieve allows, and never widens it',
    ),
  })
  .superRefine(({ pin, exclude }, context) => {
    for (const [n, id] of (exclude ?? []).entries())
      if (pin?.includes(id))
        context.addIssue({ code: 'custom', message: 'a document that is not pinned', path: ['exclude', n] });
  });

export const generationRequested = z.looseObject({
  prompt: z
    .union([
      z.string(),
      z
        .array(
          z.union([z.looseObject({ text: z.string(), image: none, clip: none }), requestImage, requestClip], {
            error: 'either text, an image or a clip',
          }),
        )
        .max(32),
    ])
    .describe(
      'text, or parts in reading order: text, images and clips; an image, { uri } or { base64 }, stands where its noun would; a clip, { uri }, shows a motion',
    ),
  task: leftOut(task).describe('default: inferred from the images of the prompt'),
  frames: leftOut(z.number().int().min(1).max(1024)).describe("default: the model's own"),
  width: leftOut(z.number().int().min(8).max(4096)).describe("pixels; default: the model's own"),
  height: leftOut(z.number().int().min(8).max(4096)).describe("pixels; default: the model's own"),
  fps: leftOut(z.number().positive().max(240)).describe("frames a second; default: the model's own"),
  steps: leftOut(z.number().int().min(1).max(1000)).describe('of the sampler; more take longer'),
  guidance: leftOut(z.union([weight, z.strictObject({ text: leftOut(weight), image: leftOut(weight) })])).describe(
    'classifier-free guidance: one number, or one for each modality; 1: none',
  ),
  seed: leftOut(z.number().int().min(0).max(0xffffffff)).describe('default: it follows from the event id'),
  candidates: leftOut(z.number().int().min(1).max(64)).describe(
    'draws so many drafts from this and the following seeds, and finishes the one that fits the images of its prompt best; default: 1, no drafts',
  ),
  retrieval: leftOut(z.union([z.literal(false), retrieval])).describe('how the prompt is grounded; false: not at all'),
  priority: leftOut(z.enum(priorities)).describe(
    'default: standard. Whoever waits longer than the ageing of the pipeline (10 minutes) counts as one priority higher',
  ),
  start_by: leftOut(moment).describe(
    'a moment with its offset from UTC; a request whose first denoising step does not begin by then is rejected, before the model spends anything on it',
  ),
  finish_by: leftOut(moment).describe(
    'a moment with its offset from UTC; a request that is not finished by then is rejected, at the next denoising step',
  ),
  webhook: leftOut(requestWebhook).describe('whom to tell of the end (docs/guides/webhooks.md)'),
});
export type GenerationRequested = z.infer<typeof generationRequested>;

/** On the requests topic too, under any key: the request is known by its id and the source, the event's own. */
const generationCancelled = z.looseObject({
  cancel: characters(1, 512).describe('the id of the request, as it was sent'),
  source: leftOut(characters(1, 1024)).describe("the source of the request; default: the cancellation's own ce_source"),
});

export const mediaAdded = z.looseObject({
  uri: uri.describe(
    'a path under media_roots, an object as object:KEY, a member of a tar as tar:PATH#PLACE/NAME, or an address of http or https on one of media_hosts',
  ),
  caption: leftOut(caption).describe('default: the text file beside the medium'),
  labels: leftOut(labels).describe('other words about it, by name, of which the step caption can make captions'),
  source: leftOut(characters(0, 512)).describe('where it comes from; documents of one source never ground each other'),
  licence: leftOut(characters(0, 128)).describe('SPDX identifier, if there is one'),
  version: leftOut(characters(0, 128)).describe(
    'identifies this state of the medium and its caption; its outcome repeats it',
  ),
});
export type MediaAdded = z.infer<typeof mediaAdded>;

/** The retriever's memory: one (image, caption) pair. The record's key is `id`; the topic is compacted. */
export const corpusDocument = z.looseObject({
  id: sha256.describe('SHA-256 over the caption, the image and, if it is one, the clip'),
  kind: z
    .enum(['still', 'clip'])
    .optional()
    .describe('of the medium; left out in older documents: those with provenance.clip are clips'),
  caption,
  captions: captions.describe(
    'all that were made of its medium, the first of them being `caption`; left out in older documents',
  ),
  image: objectRef.describe('the still, or a frame of the clip'),
  retrievable: z
    .boolean()
    .describe('as an image; false: by default a clip, which is kept so that duplicates of it are recognised'),
  clip: clipRef.optional().describe('of a clip that can be retrieved as a motion example: the MP4'),
  scores: z
    .record(z.string(), z.number())
    .optional()
    .describe('by name, as they were measured; left out in older documents. The limits of retrieve look at them'),
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
    event: z.string().describe('the id of the media event'),
    event_source: z.string().optional().describe('its ce_source; left out in older documents'),
    sha256: sha256.optional().describe('of the file that it came from'),
    clip: sha256.optional().describe('of the clip whose keyframe it is; left out in older documents'),
    said: z
      .string()
      .optional()
      .describe('the original text about the medium, or its labels as JSON, if the caption is another text'),
  }),
});
export type CorpusDocument = z.infer<typeof corpusDocument>;

/** What a removal names. */
export const removalTarget = z.looseObject({
  kind: z.enum(['document', 'uri', 'source', 'licence']),
  value: characters(1, 4096),
});
export type RemovalTarget = Pick<z.infer<typeof removalTarget>, 'kind' | 'value'>;

/** What was removed from the corpus, and stays out. The record's key is `KIND:VALUE`; the topic is compacted. */
export const corpusRemoved = removalTarget.extend({
  reason: leftOut(characters(1, 1000)).describe('why, in words'),
  under: removalTarget.optional().describe('of a document: the removal that it went with'),
  image: sha256.optional().describe('of a document: its image, by which copies are recognised'),
  clip: sha256.optional().describe('of a document: the clip whose keyframe it is'),
  file: sha256.optional().describe('of a document that went with its whole medium: the file that it came from'),
});
export type CorpusRemoved = z.infer<typeof corpusRemoved>;

/**
 * A keep-list: what a pass over the corpus leaves out. The record's key is its name; the topic is compacted. Nothing is
 * removed by it: whoever is told its name applies it.
 */
export const corpusPassed = z.looseObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  pass: z.enum(['dedup', 'balance']),
  settings: z.record(z.string(), z.union([z.string(), z.number()])).describe('of the pass'),
  position: z
    .record(z.string(), z.number().int())
    .describe('of the corpus topic: by partition, the first offset that did not count'),
  documents: z.number().int().nonnegative().describe('that the corpus had there'),
  left_out: z.number().int().nonnegative(),
  list: objectRef.describe('JSON lines: each document that is left out, with its hashes and the reason'),
});
export type CorpusPassed = z.infer<typeof corpusPassed>;

/** What became of a medium. The record's key is its uri; the topic is compacted, so it says how each medium stands. */
export const mediaSettled = z.looseObject({
  uri,
  event: z.string().describe('the id of the media event'),
  version: z.string().max(128).optional().describe('the version of the media event'),
  outcome: z.enum(['delivered', 'rejected', 'dropped']).describe('delivered: at least one of its parts was'),
  parts: z
    .strictObject({
      delivered: z.number().int(),
      rejected: z.record(z.string(), z.number().int()).describe('by error code'),
      dropped: z.record(z.string(), z.number().int()).describe('by reason'),
    })
    .describe('its clips; 1 in all for an image, and for a medium that was not cut'),
  duplicate_of: uri
    .optional()
    .describe('the uri of the medium that the corpus had already; its own uri if it came again'),
  dropped_for: z
    .string()
    .optional()
    .describe(
      'of a medium that was opted out: the signal, and where it was found; of one with another licence than those allowed: its licence',
    ),
  replaced: z
    .number()
    .int()
    .optional()
    .describe('number of documents with an earlier caption, source or licence that it replaced'),
  error: z
    .looseObject({ step: z.string(), code: z.string(), message: z.string(), remedy: z.string() })
    .optional()
    .describe('why it, or the first of its parts, was rejected'),
});
export type MediaSettled = z.infer<typeof mediaSettled>;

/** What was measured of a clip, and what became of it. The record's key is the medium's uri and the part; compacted. */
export const clipSettled = z.looseObject({
  uri: uri.describe('of the medium'),
  source: z.string().optional().describe('of the medium'),
  licence: z.string().optional().describe('of the medium'),
  event: z.string().describe('the id of the media event'),
  record: z.string().describe('the record of the media event: topic-partition-offset'),
  part: z.string().describe('which clip of the medium: "3" for its fourth'),
  clip: z.looseObject({
    kind: z.enum(['clip', 'still']),
    object: sha256.describe('of the MP4, or of the image'),
    keyframe: sha256.describe('of its image'),
    start: z.number().describe('seconds in the source'),
    duration: z.number(),
    frames: z.number().int(),
    fps: z.number(),
    width: z.number().int(),
    height: z.number().int(),
  }),
  scores: z
    .record(z.string(), z.number())
    .describe('by name; the operator page of filter has their ranges, and which limits ask for them'),
  caption: z.string().optional().describe('its caption, if it reached the step caption'),
  captions: captions.describe('all that were made of it, the first of them being `caption`'),
  outcome: z.enum(['delivered', 'rejected', 'dropped']),
  reason: z.string().optional().describe('why it was dropped'),
  duplicate_of: uri.optional().describe('the uri of the medium that the corpus had already'),
  error: z
    .looseObject({ step: z.string(), code: z.string(), message: z.string() })
    .optional()
    .describe('why it was rejected'),
});
export type ClipSettled = z.infer<typeof clipSettled>;

/** A request as its sender named it. */
const requestRef = z.looseObject({
  source: z.string().describe("the request's ce_source"),
  id: z.string().describe("the request's ce_id"),
});
export type RequestRef = z.infer<typeof requestRef>;

/** The request again, with what tells one try of it from another: the jobs topic is what remembers it. */
const requestTry = requestRef.extend({
  record: z.string().describe('the record that is (or was) served: topic-partition-offset@milliseconds'),
  payload: sha256
    .optional()
    .describe('SHA-256 of the content of the request; missing if the request has not arrived yet'),
  after: z.string().optional().describe('the record of the previous attempt'),
});

/** A document of a context, without where its image lies. */
const toldEntry = z.looseObject({
  document: sha256,
  caption: z.string(),
  kind: z.enum(['image', 'clip']).describe('clip: a motion example'),
  score: z.number(),
  ranks: z.record(z.string(), z.number().optional()),
});

export const jobState = z.enum(['queued', 'in_progress', 'completed', 'failed', 'cancelled']);
export const jobChanged = z.looseObject({
  job: z.string().describe('the id of the job, the same in all that follows from one request'),
  request: requestTry.optional().describe('the request as its sender named it'),
  state: jobState,
  progress: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('share of the denoising steps done; of a job that ended early, how far it had come'),
  context: z
    .array(toldEntry)
    .optional()
    .describe(
      'what the prompt was grounded in, while the video is drawn, and of a job that ended without one; else the event of the video has it',
    ),
  preview: objectRef.optional().describe('the newest preview, which is there until the job is over'),
  started_at: z.string().max(40).optional().describe('when its denoising began; ISO 8601'),
  video: objectRef.optional().describe('after completion'),
  error: z.looseObject({ code: z.string(), message: z.string() }).optional().describe('why it failed'),
});
export type JobChanged = z.infer<typeof jobChanged>;

const sampler = z.looseObject({
  name: z.string(),
  steps: z.number().int(),
  guidance: z.strictObject({ text: z.number(), image: z.number() }),
  oscillation: z.looseObject({ steady: z.number().int(), low: z.number() }).optional(),
  guided: z.looseObject({ low: z.number(), high: z.number() }).optional(),
  reuse: z.number().optional(),
  motion_start: z.number().optional(),
  seed: z.number().int(),
});

const candidates = z.looseObject({
  steps: z.number().int().describe('sampler steps of a draft'),
  encoder: z.string().describe('the embedder that compared the drafts with the prompt'),
  scored: z.array(z.looseObject({ seed: z.number().int(), score: z.number() })).describe('in the order of the seeds'),
  chosen: z.number().int().describe('the seed of the best one, which the sampler then had'),
});
export type Candidates = z.infer<typeof candidates>;

const side = z.number().int().positive();
/** Tiles lie row by row, from the upper left; each stands for as much of the video as any other. */
const spritesheet = objectRef.extend({
  tiles: side.describe('number of frames in it'),
  columns: side,
  rows: side,
  tile_width: side.describe('pixels'),
  tile_height: side.describe('pixels'),
});
export type SheetGeometry = Pick<
  z.infer<typeof spritesheet>,
  'tiles' | 'columns' | 'rows' | 'tile_width' | 'tile_height'
>;

/**
 * All that a consumer needs to trust a video and to make it again. The MP4 carries the same record less `object`,
 * `link`, `thumbnail`, `spritesheet`, `last_frame` and timings.
 */
export const videoCompleted = z.looseObject({
  job: z.string().describe('the id of the job, the same in all that follows from one request'),
  request: requestRef.optional().describe('the request as its sender named it'),
  object: objectRef.describe('the MP4'),
  link: objectLink.optional().describe('to the MP4, if the profile sets links'),
  thumbnail: objectRef.optional().describe('the middle frame: WebP; missing in older events'),
  spritesheet: spritesheet
    .optional()
    .describe('frames spread over the video, in a grid: WebP; missing in older events'),
  last_frame: objectRef
    .extend({ width: side.describe('pixels'), height: side.describe('pixels') })
    .optional()
    .describe('its last frame as the model drew it: WebP without losses; missing in older events'),
  width: z.number().int().describe('pixels'),
  height: z.number().int().describe('pixels'),
  frames: z.number().int(),
  fps: z.number(),
  codec: z.string(),
  prompt: prompt.describe('what was composed for the model'),
  unread_parts: z
    .array(z.number().int().nonnegative())
    .optional()
    .describe(
      'parts of the prompt, from 0, that the model does not read: clips, also one to follow where no image is there to be led or nothing moves in it; missing: it read all',
    ),
  context: z
    .array(contextEntry)
    .describe('what was retrieved for the prompt: images, best first, then motion examples, best first'),
  corpus: corpusState.describe('the state of the corpus at the time'),
  retrieval: z
    .looseObject({
      pin: z.array(sha256).optional(),
      exclude: z.array(sha256).optional(),
      filter: z
        .looseObject({
          licences: z.array(z.string()).optional(),
          scores: z
            .record(z.string(), z.looseObject({ min: z.number().optional(), max: z.number().optional() }))
            .optional(),
        })
        .optional(),
    })
    .optional()
    .describe('the documents that the request pinned and excluded, and what it filtered by; missing: nothing'),
  model: z
    .looseObject({
      name: z.string(),
      weights: sha256
        .optional()
        .describe(
          'SHA-256 of the file; missing: a model server that does not state it, so the video cannot be promised again',
        ),
      backend: z.string(),
      server: z
        .looseObject({
          url: z.string(),
          dialect: z.string(),
          asked: z
            .looseObject({})
            .optional()
            .describe('what it was asked: text, sizes, settings, and references by role, words and SHA-256'),
        })
        .optional()
        .describe('the model server that made the frames'),
      upsampler: z
        .looseObject({ name: z.string(), weights: sha256 })
        .optional()
        .describe('the model that enlarged the video'),
    })
    .describe('what made the frames'),
  sampler: sampler.describe('with the same settings and backend the result is the same video'),
  candidates: candidates.optional().describe('the drafts that this video was chosen from; missing: there were none'),
  timings: z
    .looseObject({ denoise_seconds: z.number().nonnegative().optional() })
    .optional()
    .describe(
      'seconds of work on this video; waiting is not counted, and of what several videos share each has its part',
    ),
  unknown_words: z
    .array(z.string())
    .optional()
    .describe(
      'words of the prompt that the model was not trained with and that no retrieved caption contains; missing: not known',
    ),
});
export type VideoCompleted = z.infer<typeof videoCompleted>;

export const samplesSealed = z.looseObject({
  shard: z.string(),
  object: objectRef.describe('the tar'),
  link: objectLink.optional().describe('to the tar, if the profile sets links'),
  kind: z
    .enum(['clips', 'stills'])
    .optional()
    .describe('of its samples; missing: clips, and in older shards also stills'),
  samples: z.number().int().nonnegative(),
  range: z
    .strictObject({
      topic: z.string(),
      partition: z.number().int(),
      from: z.number().int(),
      to: z.number().int(),
    })
    .optional()
    .describe('the records whose samples it holds, without `to`; missing in a merged shard'),
  replaces: z
    .array(z.string())
    .optional()
    .describe('the shards that it replaces, whose objects are gone: those merged into it, or the one rewritten as it'),
  removed: z
    .strictObject({
      samples: z.number().int().nonnegative().describe('left out'),
      contexts: z.number().int().nonnegative().describe('kept, without a document of their context'),
    })
    .optional()
    .describe('what it lacks because it was removed from the corpus; missing: nothing'),
  shape: z
    .string()
    .optional()
    .describe('of all its clips, where shards are by shape (docs/guides/read-videos-and-samples.md)'),
  left_out: z
    .strictObject({ keep_list: z.string(), samples: z.number().int().nonnegative() })
    .optional()
    .describe('samples that a keep-list leaves out; missing: none'),
  regrounded_from: z
    .string()
    .optional()
    .describe(
      'the shard with the same clips, which stays: this one holds the prompts that a later corpus gives. Readers take one of the two; missing: it holds the prompts of its time',
    ),
  lost: z
    .number()
    .int()
    .optional()
    .describe('samples left out because their clip or an image was gone from the object store; missing: none'),
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
  attempts: z.number().int().positive().describe('number of attempts of the step'),
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
  'clip.settled': clipSettled,
  'corpus.document': corpusDocument,
  'corpus.removed': corpusRemoved,
  'corpus.passed': corpusPassed,
  'job.changed': jobChanged,
  'video.completed': videoCompleted,
  'samples.sealed': samplesSealed,
  'event.rejected': eventRejected,
  'reject.dismissed': rejectDismissed,
  'webhook.delivery': webhookDelivery,
  'webhook.disabled': webhookDisabled,
} as const;
export type SchemaName = keyof typeof schemas;
export type EventData<N extends SchemaName> = z.infer<(typeof schemas)[N]>;
