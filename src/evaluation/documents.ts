import { createHash } from 'node:crypto';
import type { ContextEntry } from '../events/prompt.js';
import type { CorpusDocument } from '../events/schemas.js';
import { decodeImage, frameAsWebp, imageAsWebp } from '../media/images.js';
import { perceptualHash } from '../models/encoders/built-in/perceptual-hash.js';
import type { Embedder, RgbImage } from '../models/ports.js';
import { documentOf } from '../operators/corpus/index-clips.js';
import type { Corpus } from '../stores/corpus/corpus.js';
import type { ObjectStore } from '../stores/objects/object-store.js';
import type { Still } from './world-folder.js';

/** As `split` keeps stills by default. */
const longestSide = 256;
/** Applied to the index at a time. */
const batch = 256;

/** A still as the corpus pipeline would make a document of it: the same caption, image, embeddings and id. */
export async function makeDocument(
  still: Still,
  { objects, embedder }: { objects: ObjectStore; embedder: Embedder },
): Promise<{ document: CorpusDocument; image: RgbImage }> {
  const webp = await imageAsWebp(still.file, longestSide);
  const sha256 = createHash('sha256').update(webp).digest('hex');
  const object = await objects.put(`images/${sha256}.webp`, webp, { mediaType: 'image/webp', sha256 });
  const image = await decodeImage(webp, still.file);
  const { caption, source, licence = 'unknown' } = still;
  const document = documentOf(
    {
      clip: {
        ...{ kind: 'still', object, keyframe: object, start: 0, duration: 0, frames: 1, fps: 0, motion: 0 },
        ...{ width: image.width, height: image.height },
        perceptual: perceptualHash(image),
        imageEmbedding: await embedder.image(image),
      },
      query: { task: 'text-to-video', parts: [{ text: caption }], text: caption, retrieval: undefined, self: {} },
      embeddings: { model: embedder.name, text: await embedder.text(caption) },
      media: { uri: still.file, caption, source, licence },
    },
    { retrievable: true, motion: false },
    { source, id: source },
  );
  return { document, image };
}

/** The document as retrieval would hand it over when it is the only one found. */
export function asContext({ id, caption, image }: CorpusDocument): ContextEntry {
  return { document: id, caption, image, score: 1, ranks: {} };
}

/** Makes documents of subjects, and contexts of them that show another image. */
export interface ReferenceMaker {
  documentOf(code: string): Promise<{ document: CorpusDocument; image: RgbImage }>;
  asReference(document: CorpusDocument, image: RgbImage): Promise<ContextEntry>;
}

/** Stores another image for a document, without changing the document. */
export async function asReference(
  objects: ObjectStore,
  document: CorpusDocument,
  image: RgbImage,
): Promise<ContextEntry> {
  const webp = await frameAsWebp(image);
  const sha256 = createHash('sha256').update(webp).digest('hex');
  const stored = await objects.put(`images/${sha256}.webp`, webp, { mediaType: 'image/webp', sha256 });
  return { ...asContext(document), image: stored };
}

/** Fills an empty index; `onDocument` is told how many are in it. */
export async function fillCorpus(
  corpus: Corpus,
  documents: readonly CorpusDocument[],
  onDocument: (done: number) => void,
): Promise<void> {
  for (let from = 0; from < documents.length; from += batch) {
    const records = documents
      .slice(from, from + batch)
      .map((document, i) => ({ partition: 0, offset: from + i, id: document.id, document }));
    await corpus.apply(records);
    onDocument(from + records.length);
  }
}
