/*
 * How long a worker with an empty folder takes until its index has all of a topic and has answered a search, from the topic
 * alone and from a snapshot in the object store (embedded log, files as objects). Each worker is a process of its own.
 *
 *   node bench/opening.mjs [--documents 10000,100000]
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Workspace } from '../dist/app/workspace.js';
import { encodeEvent } from '../dist/events/cloudevents.js';
import { caption, randomFrom, vectors } from './search/documents.mjs';

const { values: options } = parseArgs({
  options: {
    documents: { type: 'string', default: '10000,100000' },
    /** Internal: opens the index of a topology in this process. */
    worker: { type: 'string' },
  },
});
const silent = () => {};
const log = { debug: silent, info: silent, warn: silent, error: silent };
const open = (folder) => Workspace.open({ topology: join(folder, 'topology.yaml'), log });

async function publish(folder, count) {
  const workspace = await open(folder);
  const [transport, { name, dimensions }] = [await workspace.transport(), await workspace.embedder()];
  const [ofCaption, ofImage] = [vectors(dimensions.text, 1), vectors(dimensions.image, 2)];
  const random = randomFrom(13);
  const topic = workspace.corpusTopic();
  let batch = [];
  for (let n = 0; n < count; n++) {
    const { text, content } = caption(random);
    const id = createHash('sha256').update(String(n)).digest('hex');
    const data = {
      ...{ id, caption: text, retrievable: true },
      image: { key: `images/${id}.webp`, size: 12_345, sha256: id, media_type: 'image/webp', width: 512, height: 384 },
      embeddings: { model: name, caption: [...ofCaption(content)], image: [...ofImage(content)] },
      hashes: { content: id, perceptual: id.slice(0, 16) },
      provenance: { uri: `media/${id}.jpg`, source: `source ${n % 997}`, licence: 'CC0-1.0', event: id, sha256: id },
    };
    batch.push(encodeEvent({ schema: 'corpus.document', id, source: '/bench', topic, key: id, data }));
    if (batch.length === 500 || n === count - 1) {
      await transport.publish(batch);
      batch = [];
    }
  }
  await workspace.close();
}

if (options.worker) {
  const start = performance.now();
  const workspace = await open(options.worker);
  const corpus = await workspace.corpusIsCurrent();
  const embedder = await workspace.embedder();
  const text = 'a thing in a place';
  await corpus.search({ text, textEmbedding: await embedder.text(text), mode: 'hybrid', k: 3 });
  const { user, system } = process.cpuUsage();
  const seconds = (performance.now() - start) / 1000;
  const { documents } = await corpus.state();
  console.log(
    JSON.stringify({
      seconds,
      processor: (user + system) / 1e6,
      documents,
      memory: process.resourceUsage().maxRSS * 1024,
    }),
  );
  await workspace.close();
  process.exit(0);
}

async function worker(folder) {
  rmSync(join(folder, '.vimi/index'), { recursive: true, force: true });
  const args = [fileURLToPath(import.meta.url), '--worker', folder];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  return JSON.parse(text);
}

const shown = ({ seconds, processor, memory }) =>
  `${seconds.toFixed(1)} s, processor ${processor.toFixed(1)} s, at most ${(memory / 2 ** 20).toFixed(0)} MiB`;

for (const count of options.documents.split(',').map(Number)) {
  const folder = mkdtempSync(join(tmpdir(), 'vimi-bench-opening-'));
  try {
    cpSync(fileURLToPath(new URL('../topology.yaml', import.meta.url)), join(folder, 'topology.yaml'));
    await publish(folder, count);
    const topic = await worker(folder);
    const workspace = await open(folder);
    await workspace.corpusIsCurrent();
    const start = performance.now();
    const { bytes } = await (await workspace.indexSnapshots()).make();
    const making = (performance.now() - start) / 1000;
    await workspace.close();
    const snapshot = await worker(folder);
    if (topic.documents !== count || snapshot.documents !== count) throw new Error('an index is not complete');
    console.log(`${count} documents`);
    console.log(`  from the topic     ${shown(topic)}`);
    console.log(
      `  from a snapshot    ${shown(snapshot)}; ${(topic.seconds / snapshot.seconds).toFixed(1)} times as fast`,
    );
    console.log(`  a snapshot         ${(bytes / 2 ** 20).toFixed(0)} MiB, stored in ${making.toFixed(1)} s`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
