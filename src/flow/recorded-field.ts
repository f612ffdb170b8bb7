import { createHash } from 'node:crypto';
import type { Flow } from './flow.js';
import { flowShapes } from './flow-shapes.js';

type Fields = Record<string, unknown>;

const nobody = '0'.repeat(64);

/** The image of recorded documents and clips, which whoever plays recordings puts into the object store: WebP, 1x1 pixel. */
export const recordedImage = {
  key: 'images/recorded.webp',
  mediaType: 'image/webp',
  bytes: Buffer.from('UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==', 'base64'),
};
const image = {
  key: recordedImage.key,
  size: recordedImage.bytes.length,
  sha256: createHash('sha256').update(recordedImage.bytes).digest('hex'),
  media_type: recordedImage.mediaType,
};
const contextEntry: Fields = { document: nobody, caption: 'recorded', image, score: 1, ranks: {} };

/** What a recorded field has where the recording says nothing of it. */
const examples: { [F in keyof Flow]?: Fields } = {
  file: {
    path: '/recorded/clip.mp4',
    size: 1,
    sha256: nobody,
    identity: 'recorded',
    uri: 'clip.mp4',
    source: 'recorded',
    licence: '',
  },
  probe: { kind: 'video', width: 64, height: 64, duration: 1, fps: 8 },
  clip: {
    kind: 'clip',
    object: { key: 'clips/recorded.mp4', size: 1, sha256: nobody, media_type: 'video/mp4' },
    keyframe: image,
    start: 0,
    duration: 1,
    frames: 8,
    fps: 8,
    width: 64,
    height: 64,
    motion: 1,
    perceptual: '0'.repeat(16),
    imageEmbedding: [1],
  },
  context: { entries: [], nearDuplicates: [], corpus: { documents: 0, digest: '0'.repeat(32) } },
  frames: {
    video: { frames: 8, width: 32, height: 32 },
    fps: 8,
    model: { name: 'recorded', weights: nobody, backend: 'none' },
    sampler: { name: 'none', steps: 1, guidance: { text: 1, image: 1 }, seed: 0 },
    seconds: 0,
  },
};

/**
 * A field of the flow as it was written down in JSON: what is left out of `file`, `probe`, `clip`, `context` and `frames`
 * is filled in, the pixels of a video are grey, and the body of a product is text.
 */
export function recordedField(name: string, recorded: unknown): unknown {
  const field = filledIn(examples[name as keyof Flow], recorded);
  if (!isMap(field)) return field;
  if (name === 'context' && Array.isArray(field.entries))
    return { ...field, entries: field.entries.map((entry) => filledIn(contextEntry, entry)) };
  if (name === 'product' && typeof field.body === 'string') return { ...field, body: Buffer.from(field.body) };
  if (name !== 'frames' || !isMap(field.video)) return field;
  const { frames, width, height } = field.video as { frames: number; width: number; height: number };
  return { ...field, video: { ...field.video, data: new Uint8Array(frames * width * height * 3).fill(128) } };
}

/** What a field of that name must look like; undefined: nobody knows. */
export function shapeOf(name: string) {
  return Object.hasOwn(flowShapes, name) ? flowShapes[name as keyof Flow] : undefined;
}

function filledIn(example: unknown, given: unknown): unknown {
  if (!isMap(example) || !isMap(given)) return given;
  const filled: Fields = { ...example };
  for (const [name, value] of Object.entries(given)) filled[name] = filledIn(example[name], value);
  return filled;
}

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
