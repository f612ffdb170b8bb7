import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll } from 'vitest';
import type { CorpusDocument } from '../../src/events/schemas.js';
import type { Clip, Flow } from '../../src/flow/flow.js';
import { perceptualHash } from '../../src/models/encoders/built-in/perceptual-hash.js';
import type { Corpus } from '../../src/stores/corpus/corpus.js';
import { openCorpus } from '../../src/stores/corpus/index/open-corpus.js';
import { openFileStore } from '../../src/stores/objects/files.js';
import type { ObjectStore } from '../../src/stores/objects/object-store.js';
import { embedder, image, imageOf, records } from '../stores/corpus/corpus-documents.js';
import { quietLog } from './run-operator.js';

const closing: (() => Promise<void> | void)[] = [];
afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'vimi-operators-'));
  closing.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export async function fileStore(): Promise<ObjectStore> {
  return openFileStore(folder());
}

export async function corpusOf(documents: CorpusDocument[]): Promise<Corpus> {
  const corpus = await openCorpus({ folder: folder(), embedder, log: quietLog });
  closing.push(() => corpus.close());
  await corpus.positions();
  await corpus.apply(records(documents));
  return corpus;
}

/** A store that has the images of these documents (corpus-documents.ts). */
export async function storeWithImages(documents: CorpusDocument[]): Promise<ObjectStore> {
  const objects = await fileStore();
  for (const { caption, image } of documents)
    await objects.put(image.key, imageOf(caption), { mediaType: image.media_type, sha256: image.sha256 });
  return objects;
}

/** The image of a name (corpus-documents.ts) as an image file. */
export function imageFile(name: string, format: 'png' | 'webp' | 'jpeg' = 'png', side = 64): Promise<Buffer> {
  const { width, height, data } = image(name, side);
  return sharp(data, { raw: { width, height, channels: 3 } })
    .toFormat(format, { lossless: true })
    .toBuffer();
}

/** A still of that image, stored. */
export async function stillOf(name: string, objects: ObjectStore): Promise<Clip> {
  const object = await objects.put(`images/${name.replaceAll(/\W/g, '-')}.webp`, await imageFile(name, 'webp'), {
    mediaType: 'image/webp',
  });
  const pixels = image(name, 64);
  return {
    kind: 'still',
    object,
    keyframe: object,
    ...{ start: 0, duration: 0, frames: 1, fps: 0, width: 64, height: 64, motion: 0 },
    perceptual: perceptualHash(pixels),
    imageEmbedding: embedder.image(pixels),
  };
}

/** What caption makes of a clip. */
export function queryOf(text: string, clip?: Clip): NonNullable<Flow['query']> {
  return {
    task: 'text-to-video',
    parts: [{ text }],
    text,
    retrieval: undefined,
    self: clip ? { source: `source of ${text}`, contentHash: clip.keyframe.sha256, perceptual: clip.perceptual } : {},
  };
}

export const embeddingsOf = (text: string) => ({ model: embedder.name, text: embedder.text(text) });
