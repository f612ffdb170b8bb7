import { createHash } from 'node:crypto';
import type { CorpusDocument } from '../../../src/events/schemas.js';
import { createEmbedder } from '../../../src/models/encoders/built-in/embedder.js';
import type { CorpusRecord, SearchQuery } from '../../../src/stores/corpus/corpus.js';

export const embedder = createEmbedder();

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** An image that follows from a word: a disc of some colour and place on white. */
export function image(name: string, side = 32) {
  const seed = Number.parseInt(sha256(name).slice(0, 8), 16);
  const [cx, cy, radius] = [0.3 + ((seed >>> 4) % 40) / 100, 0.3 + ((seed >>> 9) % 40) / 100, 0.15 + (seed % 20) / 100];
  const data = new Uint8Array(side * side * 3).fill(255);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      if (Math.hypot(x / side - cx, y / side - cy) < radius)
        data.set([seed & 255, (seed >>> 8) & 255, (seed >>> 16) & 255], (y * side + x) * 3);
  return { width: side, height: side, data };
}

/** 16 hex digits that follow from a name and are far from those of another. */
export const perceptualOf = (name: string) => sha256(`perceptual ${name}`).slice(0, 16);

export function corpusDocument(caption: string, changes: Partial<CorpusDocument> & { source?: string } = {}) {
  const { source = `source of ${caption}`, ...rest } = changes;
  const content = sha256(String(imageOf(caption)));
  return {
    id: sha256(caption),
    caption,
    image: { key: `stills/${content}.webp`, size: 100, sha256: content, media_type: 'image/webp' },
    retrievable: true,
    embeddings: {
      model: embedder.name,
      caption: embedder.text(caption),
      image: embedder.image(image(caption)),
    },
    hashes: { content, perceptual: perceptualOf(caption) },
    provenance: { uri: `media/${caption}.png`, source, licence: 'CC0-1.0', event: `event of ${caption}` },
    ...rest,
  } satisfies CorpusDocument;
}

/** The same of a clip that can be retrieved as a motion example, and not as an image. */
export function clipDocument(caption: string, changes: Parameters<typeof corpusDocument>[1] = {}) {
  const content = sha256(`clip of ${caption}`);
  const clip = {
    ...{ key: `clips/${content}.mp4`, size: 1000, sha256: content, media_type: 'video/mp4' },
    ...{ frames: 24, fps: 12, seconds: 2 },
  };
  const document = corpusDocument(caption, { kind: 'clip', retrievable: false, clip, ...changes });
  return { ...document, clip, id: sha256(`${caption} ${content}`) } satisfies CorpusDocument;
}

/** The bytes of that document's image. */
export const imageOf = (caption: string) => Buffer.from(`image of ${caption}`);

/** Records of one partition, from an offset on. */
export function records(documents: CorpusDocument[], first = 0, partition = 0): CorpusRecord[] {
  return documents.map((document, n) => ({ partition, offset: first + n, id: document.id, document }));
}

export function query(text: string, changes: Partial<SearchQuery> = {}): SearchQuery {
  return { text, textEmbedding: embedder.text(text), mode: 'hybrid', k: 3, ...changes };
}

export const captions = [
  'a red fox runs through snow',
  'a white rabbit sits in the grass',
  'an old steam train crosses a bridge',
  'two children play football on the beach',
  'a hot air balloon over the mountains',
  'a bowl of ramen with an egg',
  'the harbour at night, boats with lights',
  'a grey cat sleeps on a sofa',
  'a violin on a wooden table',
  'rain falls on a city street',
];
