import { jobId } from './ids.js';
import type { EventData, SchemaName } from './schemas.js';

/** What is known of an event besides its schema: what people are told of it, and what pipelines make of it. */
export interface EventStory<N extends SchemaName> {
  /** One sentence. */
  summary: string;
  /** Who writes it, besides the pipelines that end in its topic. */
  writers: string;
  /** Who reads it, besides the pipelines that start at its topic. */
  readers: string;
  /** What the record's key is. */
  key: string;
  example: EventData<N>;
  /** The field of the flow in which the steps of a pipeline find its data; left out: they see nothing of it. */
  field?: 'request' | 'media';
  /** `job`: it asks for one, whose id follows from the pipeline and from the event's source and id. */
  asks?: 'job';
  /** It is for the runtime and comes to no step. `cancel`: it ends a job, which its data name (ControlData). */
  control?: 'cancel';
}

/** What an event with `control: 'cancel'` says: the id of the request, and its source where that is not the event's own. */
export interface ControlData {
  cancel: string;
  source?: string;
}

const sha = (digit: string) => digit.repeat(64);
const foxImage = { key: `images/${sha('a')}.webp`, size: 8412, sha256: sha('a'), media_type: 'image/webp' };
const order = { source: 'https://shop.example', id: 'order-66' };
const foxClip = {
  key: `videos/${jobId('generate', order)}-bbbbbbbbbbbbbbbb.mp4`,
  size: 48_213,
  sha256: sha('b'),
  media_type: 'video/mp4',
};
const shardFile = {
  key: 'samples/media-0002-000000000000-000000001000-cccccccccccccccc.tar',
  size: 7_340_032,
  sha256: sha('c'),
  media_type: 'application/x-tar',
};

/** One entry an event. The examples are checked against the schemas by a test, and stand in the documentation. */
export const catalogue: { [N in SchemaName]: EventStory<N> } = {
  'generation.requested': {
    summary: 'Asks for a video.',
    writers: 'Upstream systems, in any language; `vimi generate`.',
    readers: '',
    key: 'Free, and so is the partitioner. Requests start by priority, then deadline, then arrival.',
    example: { prompt: 'a fox runs through snow', frames: 8, seed: 7, priority: 'interactive' },
    field: 'request',
    asks: 'job',
  },
  'generation.cancelled': {
    summary: 'Stops the request with this id and with the source of the cancellation.',
    writers: 'Upstream systems; `vimi generate` when it is interrupted.',
    readers: '',
    key: 'Free: a cancellation finds its request in every partition.',
    example: { cancel: 'order-66' },
    control: 'cancel',
  },
  'media.added': {
    summary: 'Offers an image or a video to the corpus.',
    writers: 'Data teams; `vimi ingest`.',
    readers: '',
    key: 'Free.',
    example: {
      uri: 'photos/fox.jpg',
      caption: 'a red fox in the snow',
      source: 'winter-walk',
      licence: 'CC0-1.0',
    },
    field: 'media',
  },
  'media.settled': {
    summary:
      'The outcome of a medium: how many of its parts were kept, why it was rejected, or what it is a duplicate of.',
    writers: 'The step `recognise`, in the commit of the outcome.',
    readers: 'Data teams; `vimi ingest`.',
    key: 'The uri of the medium.',
    example: {
      uri: 'films/walk.mp4',
      event: 'media-2-17',
      outcome: 'delivered',
      parts: { delivered: 3, rejected: {}, dropped: { 'too-still': 14 } },
    },
  },
  'clip.settled': {
    summary: 'What was measured of a clip or still, and its outcome, with the reason of a drop.',
    writers: 'The step `recognise`, in the commit of the outcome of the medium.',
    readers: 'Data teams; `vimi corpus thresholds`.',
    key: 'The uri of the medium, `#`, and the part.',
    example: {
      ...{ uri: 'films/walk.mp4', event: 'media-2-17', record: 'media-2-17', part: '3' },
      clip: {
        ...{ kind: 'clip', object: sha('b'), keyframe: sha('a') },
        ...{ start: 12, duration: 4, frames: 100, fps: 25, width: 512, height: 288 },
      },
      scores: {
        ...{ seconds: 4, side: 288, motion: 0.0021, sharpness: 0.0034, brightness: 0.41, contrast: 0.19 },
        ...{ black: 0, frozen: 0.88, letterbox: 0 },
      },
      outcome: 'dropped',
      reason: 'too-still',
    },
  },
  'corpus.document': {
    summary: 'One image with its caption: an example that a prompt can be grounded in.',
    writers: 'The steps `index` and `recognise`; `vimi corpus remove`.',
    readers: 'The search index, which can be rebuilt from it at any time.',
    key: "The document's id. A record without a value removes the document.",
    example: {
      id: sha('d'),
      caption: 'a red fox in the snow',
      captions: [{ text: 'a red fox in the snow', by: 'given' }],
      image: foxImage,
      retrievable: true,
      embeddings: { model: 'hashed-text-and-looks/1', caption: [0.6, 0.8], image: [1, 0] },
      hashes: { content: sha('a'), perceptual: 'f0e1d2c3b4a59687' },
      provenance: {
        ...{ uri: 'photos/fox.jpg', source: 'winter-walk', licence: 'CC0-1.0' },
        ...{ event: 'media-2-17', event_source: '/media' },
      },
    },
  },
  'corpus.removed': {
    summary:
      'What stays out of the corpus: a source, a licence, a medium or a document that was removed. Media of it that come again are dropped.',
    writers: '`vimi corpus remove`; every process that meets a document of it later.',
    readers: 'The steps `fetch`, `retrieve`, `index` and `shard`; `vimi corpus verify-removed`.',
    key: 'KIND:VALUE. A record without a value takes the removal back.',
    example: { kind: 'source', value: 'winter-walk', reason: 'the photographer opted out' },
  },
  'corpus.passed': {
    summary: 'A keep-list: what a pass over the corpus leaves out, and why. It removes nothing.',
    writers: '`vimi corpus pass`.',
    readers: 'The step `shard`, `vimi samples export` and `reground`, where they are told its name.',
    key: 'The name of the list. A record without a value forgets the list.',
    example: {
      ...{ name: 'distinct', pass: 'dedup', settings: { likeness: 0.95, best: 'sharpness' } },
      ...{ position: { '0': 120, '1': 77 }, documents: 190, left_out: 12 },
      list: {
        key: `keep-lists/distinct-${sha('9').slice(0, 16)}.jsonl`,
        ...{ size: 4120, sha256: sha('9'), media_type: 'application/x-ndjson' },
      },
    },
  },
  'job.changed': {
    summary: 'The state of a request: queued, in progress, completed, failed or cancelled.',
    writers: 'The steps `admit` and `denoise`, and the runtime.',
    readers: 'Everyone who waits for a video.',
    key: 'The id of the job. A record without a value makes vimi forget the job: its request may then be sent again.',
    example: {
      job: jobId('generate', order),
      request: { ...order, record: 'requests-3-41@1769860800000', payload: sha('f') },
      state: 'in_progress',
      progress: 0.45,
    },
  },
  'video.completed': {
    summary: 'A finished video, with everything that is needed to trust it and to make it again.',
    writers: '',
    readers: 'Consumers of videos.',
    key: 'The key of the request; the id of the job if it had none.',
    example: {
      job: jobId('generate', order),
      request: order,
      object: foxClip,
      width: 32,
      height: 32,
      frames: 16,
      fps: 8,
      codec: 'h264',
      prompt: {
        task: 'text-to-video',
        instruction: 'Generate a video with the retrieved text-image pairs.',
        parts: [
          { text: 'a red fox in the snow' },
          { image: foxImage, role: 'reference' },
          { text: 'a fox runs through snow' },
        ],
      },
      context: [
        {
          document: sha('d'),
          caption: 'a red fox in the snow',
          image: foxImage,
          score: 0.0328,
          ranks: { lexical: 1, dense: 1 },
        },
      ],
      corpus: { documents: 164, digest: '0123456789abcdef0123456789abcdef' },
      model: { name: 'nano', weights: sha('e'), backend: 'wasm' },
      sampler: { name: 'edm-heun', steps: 20, guidance: { text: 4, image: 4 }, seed: 7 },
    },
  },
  'samples.sealed': {
    summary: 'A finished shard of training samples, in the WebDataset format (docs/guides/read-videos-and-samples.md).',
    writers: '`vimi shards merge`; `vimi corpus remove --rewrite-shards`; `vimi samples reground --write`.',
    readers: 'Training, with vimi or your own tools.',
    key: 'The name of the shard.',
    example: {
      shard: 'media-0002-000000000000-000000001000',
      object: shardFile,
      kind: 'clips',
      samples: 812,
      range: { topic: 'media', partition: 2, from: 0, to: 1000 },
    },
  },
  'event.rejected': {
    summary: 'A dead letter: an event that was rejected, with its original bytes and the reason.',
    writers: 'The runtime, for every pipeline that names this topic.',
    readers: 'Everyone who operates the pipelines.',
    key: 'The key of the rejected event.',
    example: {
      origin: {
        topic: 'requests',
        partition: 3,
        offset: 42,
        key: null,
        value: Buffer.from('{"prompt":""}').toString('base64'),
        headers: {},
        timestamp: '2026-01-31T12:00:00.000Z',
      },
      part: '',
      pipeline: 'generate',
      step: 'admit',
      attempts: 1,
      error: {
        code: 'PROMPT_EMPTY',
        message: 'The prompt is empty',
        remedy: 'Say what the video should show, in text, images or both.',
      },
    },
  },
  'reject.dismissed': {
    summary: 'Marks a dead letter as closed: nothing will be done about it.',
    writers: '`vimi rejects dismiss`.',
    readers: '`vimi rejects`, which no longer lists it.',
    key: 'The key of the rejected event.',
    example: { dismissed: 'requests-3-42', content: sha('f') },
  },
  'webhook.delivery': {
    summary: 'A webhook as it stands: what is sent to whom, its attempts, and when the next one is.',
    writers: 'Every process that serves HTTP; `vimi webhooks replay`.',
    readers: 'Every process that serves HTTP; `vimi webhooks`.',
    key: 'The webhook-id. A record without a value forgets the message.',
    example: {
      ...{ id: `msg_${'a'.repeat(32)}`, job: jobId('generate', order), source: order.source, type: 'video.completed' },
      ...{ url: 'https://hooks.shop.example/videos', partition: 2, created: '2026-01-31T12:00:00.000Z' },
      body: '{"type":"video.completed","timestamp":"2026-01-31T12:00:00.000Z","data":{}}',
      ...{ state: 'pending', due: '2026-01-31T12:00:05.000Z', tries: 1 },
      attempts: [{ at: '2026-01-31T12:00:00.000Z', status: 503, error: 'status 503' }],
    },
  },
  'webhook.disabled': {
    summary: 'A receiver that answered 410 Gone: nothing is sent to it until one of its messages is replayed.',
    writers: 'Every process that serves HTTP.',
    readers: 'Every process that serves HTTP.',
    key: 'A hash of the source and the address. A record without a value enables the receiver again.',
    example: { source: order.source, url: 'https://hooks.shop.example/videos', since: '2026-01-31T12:00:00.000Z' },
  },
};

/** The headers of a record in binary mode. All but the value may be left out; then the default holds. */
export const headers = [
  { name: 'ce_specversion', example: '1.0', meaning: 'version of CloudEvents', fallback: '1.0' },
  {
    name: 'ce_id',
    example: 'order-66',
    meaning: 'unique within the source, at most 512 characters',
    fallback: '`<topic>-<partition>-<offset>`',
  },
  { name: 'ce_source', example: 'https://shop.example', meaning: 'who sends it', fallback: '`/<topic>`' },
  {
    name: 'ce_type',
    example: 'dev.vimi.generation.requested.v1',
    meaning: 'what it is',
    fallback: 'the first schema of the topic whose required fields are there',
  },
  { name: 'ce_time', example: '2026-01-31T12:00:00Z', meaning: 'when it happened', fallback: "the record's time" },
  { name: 'ce_subject', example: 'hero-banner', meaning: 'what it is about', fallback: '' },
  {
    name: 'traceparent',
    example: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    meaning: 'W3C trace context, passed on to everything that follows from the event',
    fallback: '',
  },
  {
    name: 'ce_replayof',
    example: 'requests-3-42',
    meaning: 'a rejected record, `<topic>-<partition>-<offset>`, that `vimi rejects replay` published again',
    fallback: '',
  },
  { name: 'content-type', example: 'application/json', meaning: 'of the value', fallback: 'application/json' },
] as const;
