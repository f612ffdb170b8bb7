// Writes one shard of the example clips into FOLDER and prints its path, with the compiled operators themselves; only
// retrieval is left out: every clip has the same picture as its context. For infra/check-webdataset.sh.
//   node infra/write-sample-shard.mjs FOLDER
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { from, lastValueFrom, map, toArray } from 'rxjs';
import { createEmbedder } from '../dist/models/embedding/embedder.js';
import { caption } from '../dist/operators/caption.js';
import { systemClock } from '../dist/operators/clock.js';
import { fetch } from '../dist/operators/fetch.js';
import { filter } from '../dist/operators/filter.js';
import { probe } from '../dist/operators/probe.js';
import { shard } from '../dist/operators/shard.js';
import { split } from '../dist/operators/split.js';
import { openFileStore } from '../dist/stores/files.js';
import { openEnvelope } from '../dist/streams/settlement.js';

const media = resolve(import.meta.dirname, '../examples/media');
const folder = resolve(process.argv[2]);
const resources = {
  objects: await openFileStore(join(folder, 'objects')),
  embedder: createEmbedder(),
  clock: systemClock,
  log: { debug() {}, info() {}, warn: console.warn, error: console.error },
  workDir: join(folder, 'work'),
  mediaRoots: [media],
};
await mkdir(resources.workDir, { recursive: true });

const step = (operator) => operator.create(operator.config.parse({}), resources);
const through = (flows, operators) =>
  lastValueFrom(
    operators
      .reduce((stream, { step }) => step(stream), from(flows.map((data, offset) => envelope(data, offset))))
      .pipe(toArray()),
  );

function envelope(data, offset) {
  const origin = { topic: 'media', partition: 0, offset, key: null, value: null, headers: {}, timestamp: 0 };
  const event = { id: `media-0-${offset}`, source: '/check', type: '', schema: 'media.added', time: '', data };
  return openEnvelope(origin, event, data, { signal: new AbortController().signal, isAborted: false }, ({ parts }) => {
    for (const { fate } of parts) if (fate.kind === 'rejected') throw fate.error;
  });
}

const clips = ['fox-left-blue', 'rabbit-yawns', 'penguin-right-yellow'];
const [fox] = await through([{ media: { uri: join(media, 'images/fox.png') } }], [fetch, probe, split].map(step));
const context = {
  entries: [{ document: '0'.repeat(64), caption: 'a fox', image: fox.data.clip.object, score: 1, ranks: {} }],
  nearDuplicates: [],
  corpus: { documents: 1, digest: '0'.repeat(32) },
};
const sharding = step(shard);
const ground = (stream) =>
  stream.pipe(
    map((one) => {
      const parts = [{ text: 'a fox' }, { image: fox.data.clip.object, role: 'reference' }, ...one.data.query.parts];
      return one.with({ ...one.data, context, prompt: { task: 'text-to-video', instruction: 'Make a video.', parts } });
    }),
  );
await through(
  clips.map((name) => ({ media: { uri: join(media, 'clips', `${name}.mp4`) } })),
  [...[fetch, probe, split, filter, caption].map(step), { step: ground }, sharding],
);
const { products } = await sharding.onWatermark({
  ...{ topic: 'media', partition: 0, from: 0, to: clips.length, mark: 0, final: true },
});
console.log(products[0].body.file);
