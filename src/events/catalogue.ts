import { jobId } from './ids.js';
import type { EventData, SchemaName } from './schemas.js';

/** What people are told of an event, besides its schema. */
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
    key: 'Free, as is the partitioner. Requests of one partition are taken up in order.',
    example: { prompt: 'a fox runs through snow', frames: 8, seed: 7, priority: 'interactive' },
  },
  'generation.cancelled': {
    summary: 'Stops a request, which is named by its id and by the source of the cancellation.',
    writers: 'Upstream systems; `vimi generate` when it is interrupted.',
    readers: '',
    key: 'Free: a cancellation finds its request whatever partition either is in.',
    example: { cancel: 'order-66' },
  },
  'media.added': {
    summary: 'Offers a picture or a video to the corpus.',
    writers: 'Data teams; `vimi ingest`.',
    readers: '',
    key: 'Free.',
    example: {
      uri: 'photos/fox.jpg',
      caption: 'a red fox in the snow',
      source: 'winter-walk',
      licence: 'CC0-1.0',
    },
  },
  'media.settled': {
    summary: 'What became of a medium: kept, of its parts how many, refused and why, or a duplicate of what.',
    writers: 'The step `recognise`, in the commit that carries the fate.',
    readers: 'Data teams; `vimi ingest`.',
    key: 'The uri of the medium.',
    example: {
      uri: 'films/walk.mp4',
      event: 'media-2-17',
      outcome: 'delivered',
      parts: { delivered: 3, rejected: {}, dropped: { 'too-still': 14 } },
    },
  },
  'corpus.document': {
    summary: 'One picture with its caption: what a prompt can be grounded in.',
    writers: 'The steps `index` and `recognise`; `vimi corpus remove`.',
    readers: 'The search index, which can be made again from it at any time.',
    key: "The document's id. A record without a value removes the document.",
    example: {
      id: sha('d'),
      caption: 'a red fox in the snow',
      image: foxImage,
      retrievable: true,
      embeddings: { model: 'hashed-text-and-looks/1', caption: [0.6, 0.8], image: [1, 0] },
      hashes: { content: sha('a'), perceptual: 'f0e1d2c3b4a59687' },
      provenance: { uri: 'photos/fox.jpg', source: 'winter-walk', licence: 'CC0-1.0', event: 'media-2-17' },
    },
  },
  'job.changed': {
    summary: 'What became of a request: queued, in progress, completed, failed or cancelled.',
    writers: 'The steps `admit` and `denoise`, and the runtime.',
    readers: 'Whoever waits for a video.',
    key: 'The id of the job. A record without a value makes it forgotten: its request may then be asked again.',
    example: {
      job: jobId('generate', order),
      request: { ...order, record: 'requests-3-41@1769860800000', payload: sha('f') },
      state: 'in_progress',
      progress: 0.45,
    },
  },
  'video.completed': {
    summary: 'A finished video, with all that is needed to trust it and to make it again.',
    writers: '',
    readers: 'Consumers of videos.',
    key: 'That of the request; the id of the job where it had none.',
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
    summary: 'A finished shard of training samples, in the WebDataset format (docs/samples.md).',
    writers: '`vimi shards merge`.',
    readers: 'Training, ours or your own.',
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
    summary: 'An event that could not be handled: its original bytes, and why.',
    writers: 'The runtime, for every pipeline that names this topic.',
    readers: 'Whoever operates the pipelines.',
    key: 'That of the rejected event.',
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
        message: 'The prompt says nothing',
        remedy: 'Say what the video should show, in text, images or both.',
      },
    },
  },
  'reject.dismissed': {
    summary: 'Says that nothing is to be done about a rejected event.',
    writers: '`vimi rejects dismiss`.',
    readers: '`vimi rejects`, which no longer lists it.',
    key: 'That of the rejected event.',
    example: { dismissed: 'requests-3-42', content: sha('f') },
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
    meaning: 'W3C trace context, carried on to everything that follows from the event',
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
