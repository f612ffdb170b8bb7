// Writes two shards of clips into FOLDER and prints their paths, with the compiled operators themselves. Only retrieval is
// left out: of the first shard no clip has a context and all measures are whole numbers; of the second every clip has the
// same picture as its context, and 29.97 frames a second. For infra/check-webdataset.sh.
//   node infra/write-sample-shard.mjs FOLDER
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { from, lastValueFrom, map, toArray } from 'rxjs';
import { mediaTools } from '../dist/media/tools.js';
import { createEmbedder } from '../dist/models/embedding/embedder.js';
import { caption } from '../dist/operators/caption.js';
import { systemClock } from '../dist/operators/clock.js';
import { fetch } from '../dist/operators/fetch.js';
import { probe } from '../dist/operators/probe.js';
import { shard } from '../dist/operators/shard.js';
import { split } from '../dist/operators/split.js';
import { openFileStore } from '../dist/stores/files.js';
import { openEnvelope } from '../dist/streams/settlement.js';

const pictures = resolve(import.meta.dirname, '../examples/media/images');
const folder = resolve(process.argv[2]);
const media = join(folder, 'media');
const resources = {
  objects: await openFileStore(join(folder, 'objects')),
  embedder: createEmbedder(),
  clock: systemClock,
  log: { debug() {}, info() {}, warn: console.warn, error: console.error },
  workDir: join(folder, 'work'),
  mediaRoots: [media, pictures],
};
for (const path of [media, resources.workDir]) await mkdir(path, { recursive: true });

const step = (operator, config = {}) => operator.create(operator.config.parse(config), resources);
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

/** More than a reader looks at before it decides on types. */
const each = 6;
const clips = [];
for (const [rate, kind] of [
  ['25', 'whole'],
  ['30000/1001', 'odd'],
])
  for (let n = 0; n < each; n++) {
    const path = join(media, `${kind}-${n}.mp4`);
    const frames = ['-f', 'lavfi', '-i', `testsrc2=size=64x48:rate=${rate}:duration=${n === 0 ? 2 : 1}`];
    execFileSync(mediaTools().ffmpeg.path, ['-y', '-v', 'error', ...frames, '-pix_fmt', 'yuv420p', path]);
    await writeFile(path.replace('.mp4', '.txt'), `test card ${n}, ${kind}: "é 狐狸 🦊"`);
    clips.push(path);
  }
const [fox] = await through(
  [{ media: { uri: join(pictures, 'fox.png') } }],
  [fetch, probe, split].map((o) => step(o)),
);
const entry = {
  document: '0'.repeat(64),
  caption: 'a fox',
  image: fox.data.clip.object,
  score: 1,
  ranks: { lexical: 1 },
};
const state = { nearDuplicates: [], corpus: { documents: 1, digest: '0'.repeat(32) } };
const sharding = step(shard, { records: each });
const ground = (stream) =>
  stream.pipe(
    map((one) => {
      const isFirst = one.origin.offset < each;
      const parts = isFirst
        ? one.data.query.parts
        : [{ text: 'a fox' }, { image: fox.data.clip.object, role: 'reference' }, ...one.data.query.parts];
      const prompt = { task: 'text-to-video', instruction: 'Make a video.', parts };
      return one.with({ ...one.data, context: { entries: isFirst ? [] : [entry], ...state }, prompt });
    }),
  );
await through(
  clips.map((uri) => ({ media: { uri } })),
  [...[fetch, probe, split, caption].map((o) => step(o)), { step: ground }, sharding],
);
const { products } = await sharding.onWatermark({
  ...{ topic: 'media', partition: 0, from: 0, to: clips.length, mark: 0, final: true },
});
for (const { body } of products) console.log(body.file);
