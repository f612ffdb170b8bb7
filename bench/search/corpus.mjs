/* The corpus of bench/search.mjs: put into the indexes, and written into files for the peers in Python. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { contentStems } from '../../dist/language/stems.js';
import { words } from '../../dist/language/words.js';
import { caption, randomFrom, vectors } from './documents.mjs';
import { processorMs } from './measures.mjs';

const seed = 13;
const batchSize = 500;

export const embedderOf = (dimensions) => ({ name: 'bench', dimensions: { text: dimensions, image: dimensions } });
export const idOf = (n) => createHash('sha256').update(String(n)).digest('hex');
export const stemsOf = (text) => contentStems(words(text)).join(' ');

export function* captions(count) {
  const random = randomFrom(seed);
  for (let n = 0; n < count; n++) yield caption(random);
}

export function queries(count, dimensions) {
  const random = randomFrom(seed + 1);
  const ofCaption = vectors(dimensions, 1);
  return Array.from({ length: count }, () => {
    const { text, content } = caption(random);
    return { text, textEmbedding: [...ofCaption(content)] };
  });
}

function documentOf(offset, text, captionVector, imageVector) {
  const id = idOf(offset);
  return {
    ...{ id, caption: text, retrievable: true },
    image: { key: `stills/${id}.webp`, size: 12_345, sha256: id, media_type: 'image/webp', width: 512, height: 384 },
    embeddings: { model: 'bench', caption: [...captionVector], image: [...imageVector] },
    hashes: { content: id, perceptual: id.slice(0, 16) },
    provenance: {
      uri: `s3://media/${id.slice(0, 2)}/${id}.jpg`,
      source: `source ${offset % 997}`,
      licence: offset % 3 ? 'CC0-1.0' : 'CC-BY-4.0',
      event: id,
      sha256: id,
    },
  };
}

/**
 * Fills the indexes as the follower of a topic does, and writes what the peers read. Gives what each took, in seconds, `finish` included;
 * `used`: processor time beyond that of this process, in ms.
 */
export async function fill(folder, count, dimensions, indexes) {
  const [ofCaption, ofImage] = [vectors(dimensions, 1), vectors(dimensions, 2)];
  const files = ['captions.f32', 'images.f32', 'documents.jsonl', 'words.txt'].map((name) =>
    openSync(join(folder, name), 'w'),
  );
  const took = indexes.map(() => ({ seconds: 0, processor: 0 }));
  const timed = async (n, work) => {
    const { used = () => 0 } = indexes[n];
    const [start, before] = [performance.now(), processorMs() + used()];
    await work(indexes[n]);
    took[n].seconds += (performance.now() - start) / 1000;
    took[n].processor += (processorMs() + used() - before) / 1000;
  };
  let batch = [];
  let offset = 0;
  const apply = async () => {
    for (const n of indexes.keys()) await timed(n, ({ corpus }) => corpus.apply(batch));
    batch = [];
  };
  for (const { text, content } of captions(count)) {
    const [captionVector, imageVector] = [ofCaption(content), ofImage(content)];
    const document = documentOf(offset, text, captionVector, imageVector);
    const { caption, image, ...embeddings } = document.embeddings;
    const line = offset === 0 ? '' : '\n';
    [captionVector, imageVector, `${line}${JSON.stringify({ ...document, embeddings })}`, line + stemsOf(text)].forEach(
      (part, n) => {
        writeSync(files[n], /** @type {any} */ (part));
      },
    );
    batch.push({ partition: 0, offset, id: document.id, document });
    offset++;
    if (batch.length === batchSize) await apply();
  }
  if (batch.length > 0) await apply();
  for (const n of indexes.keys()) await timed(n, ({ finish }) => finish?.());
  files.map((file) => closeSync(file));
  return took;
}

export function writeQueries(folder, asked) {
  writeFileSync(join(folder, 'queries.txt'), asked.map(({ text }) => stemsOf(text)).join('\n'));
  writeFileSync(join(folder, 'texts.txt'), asked.map(({ text }) => text).join('\n'));
  const vectors = asked.map(({ textEmbedding }) => Buffer.from(Float32Array.from(textEmbedding).buffer));
  writeFileSync(join(folder, 'queries.f32'), Buffer.concat(vectors));
}
