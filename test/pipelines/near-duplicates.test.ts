import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeEvent } from '../../src/events/cloudevents.js';
import type { StoredRecord } from '../../src/events/record.js';
import type { CorpusDocument } from '../../src/events/schemas.js';
import { defineOperator } from '../../src/flow/define-operator.js';
import type { Clip, Flow } from '../../src/flow/flow.js';
import { perceptualHash } from '../../src/models/encoders/built-in/perceptual-hash.js';
import { deduplicate } from '../../src/operators/corpus/deduplicate.js';
import { indexClips } from '../../src/operators/corpus/index-clips.js';
import { shard } from '../../src/operators/corpus/shard.js';
import { retrieve } from '../../src/operators/grounding/retrieve.js';
import { recognise } from '../../src/operators/media/recognise.js';
import { followCorpus } from '../../src/stores/corpus/corpus-follower.js';
import { openCorpus } from '../../src/stores/corpus/index/open-corpus.js';
import { openFileStore } from '../../src/stores/objects/files.js';
import type { ObjectStore } from '../../src/stores/objects/object-store.js';
import { runPipeline } from '../../src/streams/delivery/pipeline.js';
import type { StepSpec } from '../../src/streams/delivery/pipeline-spec.js';
import { openEmbedded } from '../../src/streams/transports/embedded/open-embedded.js';
import { seeded } from '../chaos/random.mjs';
import { embeddingsOf, queryOf } from '../operators/grounding-resources.js';
import { quietLog, resourcesWith } from '../operators/run-operator.js';
import { embedder, image } from '../stores/corpus/corpus-documents.js';
import { media, readAll, spec, temporaryFolder } from '../streams/delivery/pipeline-fixtures.js';
import { patience } from '../support/patience.js';

/*
 * Media of which many look alike, or are equal, in different partitions, through the real steps from recognise to shard. What comes before
 * takes as long as a seed says, with as many at once, and runs are given up in the middle and begun again: the shards are the same.
 */

const partitions = 3;
const count = 60;
/** Four neighbours look alike: the first two are equal, the others differ in a pixel. */
const alike = 4;
const subjectOf = (n: number) => `subject ${Math.floor(n / alike)}`;
const isEqual = (n: number) => n % alike === 1;
const variantOf = (n: number) => (isEqual(n) ? n - 1 : n);

const folder = temporaryFolder();
afterAll(() => folder.remove());

async function pictureOf(n: number): Promise<{ bytes: Buffer; pixels: ReturnType<typeof image> }> {
  const pixels = image(subjectOf(n), 64);
  pixels.data[0] = 255 - variantOf(n);
  const raw = { width: 64, height: 64, channels: 3 } as const;
  return { bytes: await sharp(pixels.data, { raw }).webp({ lossless: true }).toBuffer(), pixels };
}

async function clipOf(n: number, objects: ObjectStore): Promise<Clip> {
  const { bytes, pixels } = await pictureOf(n);
  const object = await objects.put(`images/${variantOf(n)}.webp`, bytes, { mediaType: 'image/webp' });
  return {
    ...{ kind: 'still', object, keyframe: object, start: 0, duration: 0, frames: 1, fps: 0, width: 64, height: 64 },
    ...{ motion: 0, perceptual: perceptualHash(pixels), imageEmbedding: embedder.image(pixels) },
  };
}

/** In place of fetch. */
const find = (delay: () => number, concurrency: number) =>
  defineOperator(
    { name: 'find', summary: 'For a test.', needs: ['media'], adds: ['file'] },
    {
      concurrency,
      async process({ media: { uri } }) {
        await sleep(delay());
        const sha256 = `${variantOf(Number(uri))}`.padStart(64, '0');
        return { file: { path: uri, size: 1, sha256, identity: '', uri, source: uri, licence: 'CC0-1.0' } };
      },
    },
  );

/** In place of split, caption and embed. */
const make = (delay: () => number, concurrency: number, onMade: (n: number) => void) =>
  defineOperator(
    {
      ...{ name: 'make', summary: 'For a test.', needs: ['media'] },
      adds: ['clip', 'query', 'embeddings', 'prompt'],
    },
    {
      concurrency,
      async process({ media: { uri } }, { objects }) {
        onMade(Number(uri));
        await sleep(delay());
        const text = subjectOf(Number(uri));
        const clip = await clipOf(Number(uri), objects);
        const prompt: Flow['prompt'] = { task: 'text-to-video', instruction: 'Make a video.', parts: [{ text }] };
        return { clip, query: queryOf(text, clip), embeddings: embeddingsOf(text), prompt };
      },
    },
  );

interface Grown {
  /** By the names that hold their digests. */
  shards: string[];
  duplicates: number;
  /** Media that were decoded although they are equal to one before. */
  again: number;
}

/** `givesUp`: how often a run is stopped in the middle. */
async function grown(seed: number, givesUp: number): Promise<Grown> {
  const random = seeded(seed);
  let again = 0;
  const path = join(folder.path, `${seed}-${givesUp}`);
  mkdirSync(path);
  const transport = openEmbedded({ path: join(path, 'log.sqlite') });
  const topics = ['in', 'out', 'rejects', 'corpus', 'outcomes', 'clips'];
  await transport.ensureTopics(topics.map((name) => ({ name, partitions, cleanup: 'delete' })));
  const corpus = await openCorpus({ folder: join(path, 'index'), embedder, log: quietLog });
  const follower = followCorpus<StoredRecord>({
    corpus,
    read: (from, how) => transport.read('corpus', { from, ...how }),
    decode: (record) => ({
      id: String(record.key),
      document: record.value && (decodeEvent(record, ['corpus.document']).data as CorpusDocument),
    }),
    log: quietLog,
  });
  const objects = await openFileStore(join(path, 'objects'));
  const resources = resourcesWith({ objects, corpus, embedder, workDir: path, mediaRoots: [] });
  // As many moments as the media have, in the order of their names, and in batches as the seed says.
  for (let n = 0; n < count; ) {
    const batch = Math.min(count - n, 1 + Math.floor(random() * 20));
    await transport.publish(Array.from({ length: batch }, (_, i) => ({ ...media(`${n + i}`), timestamp: n + i })));
    n += batch;
  }
  const steps = (): StepSpec[] => {
    const slowest = random() * 30;
    const delay = () => random() * slowest;
    const concurrency = 1 + Math.floor(random() * 12);
    return [
      find(delay, concurrency),
      recognise,
      make(delay, concurrency, (n) => {
        if (isEqual(n)) again++;
      }),
      retrieve,
      deduplicate,
      indexClips,
      shard,
    ].map((operator) => ({
      name: operator.name,
      operator,
      config: operator.config.parse(operator === shard ? { records: 8, stills: true } : {}),
    }));
  };
  const run = (signal: AbortSignal) =>
    runPipeline(
      {
        ...spec([]),
        ...{ steps: steps(), maxInFlight: 3 + Math.floor(random() * 20) },
        to: [{ objects: 'samples/{shard}-{digest}.tar' }, { topic: 'out', schema: 'samples.sealed' }],
      },
      { transport, resources, signal, log: quietLog, drain: true, drainMs: 0 },
    );
  for (let n = 0; n < givesUp; n++) {
    await run(AbortSignal.timeout(20 + Math.floor(random() * 300)));
    await follower.caughtUp(await transport.ends('corpus'));
  }
  const { total } = await run(new AbortController().signal);
  expect((await readAll(transport, 'rejects')).length).toBe(0);
  await follower.close();
  await corpus.close();
  await transport.close();
  const shards: string[] = [];
  for await (const key of objects.list('samples/')) if (key.endsWith('.tar')) shards.push(key);
  return { shards: shards.sort(), duplicates: total.dropped.duplicate ?? 0, again };
}

describe('media that look alike, in different partitions', () => {
  it('give the same shards whatever takes how long, however many at once, and however often a run is given up', {
    timeout: patience(240),
  }, async () => {
    const expected = await grown(1, 0);
    expect(expected).toMatchObject({ duplicates: count - count / alike, again: 0 });
    expect(expected.shards.length).toBeGreaterThan(3);
    for (const [seed, givesUp] of [
      [2, 0],
      [3, 0],
      [4, 2],
      [5, 4],
      [6, 6],
    ] as const)
      expect(await grown(seed, givesUp), `seed ${seed}`).toEqual({
        ...expected,
        // What is given up frees its turn, for others that are given up as well.
        ...(givesUp > 0 && { again: expect.any(Number) }),
      });
  });
});
