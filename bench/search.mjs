/**
 * The embedded corpus index against tantivy and bm25s (words) and hnswlib in Python (vectors), on the same documents
 * (bench/search/documents.mjs), one thread each.
 *
 *   bash bench/search/setup.sh && npm run bench:search -- [--documents 10000,100000] [--queries 200] [--rounds 5]
 *     [--dimensions 256] [--without hnswlib,bm25s] [--json FILE]
 *
 * Words: the peers get the stems that the index holds, split already, and a query is any of its words; each returns the ten best. Here a
 * search is a whole one: from the caller's thread to the index's and back, the text split and stemmed, the documents
 * read and checked. Vectors: the ten nearest, recall against the exact ten; Python searches with several values of ef, and the
 * ratio is to the smallest of them that finds at least as much, .98 if nothing does. Build: both graphs and the words, into
 * files that survive a crash here, in memory only there. Opening: in a new process, from the call to the first answer of each kind.
 *
 * Sides take turns, a round each; ratios are vimi over the peer, medians of the rounds' medians of a query. `grounding` is the search of the
 * shipped topology (hybrid, names, onlyNamed), which no peer does.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { contentStems } from '../dist/language/stems.js';
import { words } from '../dist/language/words.js';
import { openCorpus } from '../dist/stores/corpus/index/open-corpus.js';
import { PythonPeer } from './python-peer.mjs';
import { caption, randomFrom, vectors } from './search/documents.mjs';

const { values: options } = parseArgs({
  options: {
    documents: { type: 'string', default: '10000,100000' },
    queries: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '5' },
    dimensions: { type: 'string', default: '256' },
    without: { type: 'string', default: '' },
    json: { type: 'string' },
    /** Internal: opens a folder in a new process and tells when the first answers came. */
    opening: { type: 'string' },
  },
});
const [queryCount, rounds, dimensions] = [options.queries, options.rounds, options.dimensions].map(Number);
const without = new Set(options.without.split(','));
const embedder = { name: 'bench', dimensions: { text: dimensions, image: dimensions } };
const quiet = { info() {}, warn() {} };
const seed = 13;

const ofCaption = vectors(dimensions, 1);
const ofImage = vectors(dimensions, 2);

function* documents(count) {
  const random = randomFrom(seed);
  for (let n = 0; n < count; n++) yield caption(random);
}

function queries() {
  const random = randomFrom(seed + 1);
  return Array.from({ length: queryCount }, () => {
    const { text, content } = caption(random);
    return { text, textEmbedding: [...ofCaption(content)] };
  });
}

const modes = {
  lexical: { mode: 'lexical', k: 10 },
  dense: { mode: 'dense', k: 10 },
  grounding: { mode: 'hybrid', k: 3, names: true, onlyNamed: true },
};

const median = (numbers) => quantile(numbers, 0.5);
function quantile(numbers, part) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}
const processorMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const idOf = (n) => createHash('sha256').update(String(n)).digest('hex');
const stemsOf = (text) => contentStems(words(text)).join(' ');

/** Fills the corpus as the follower of a topic does, and writes what the peers read. */
async function build(folder, count) {
  const path = join(folder, 'corpus');
  const files = ['captions.f32', 'images.f32'].map((name) => openSync(join(folder, name), 'w'));
  const corpus = await openCorpus({ folder: path, embedder, log: quiet });
  await corpus.positions();
  const lines = [];
  let [seconds, processor] = [0, 0];
  let batch = [];
  const apply = async () => {
    const [start, before] = [performance.now(), processorMs()];
    await corpus.apply(batch);
    seconds += (performance.now() - start) / 1000;
    processor += (processorMs() - before) / 1000;
    batch = [];
  };
  let offset = 0;
  for (const { text, content } of documents(count)) {
    const [captionVector, imageVector] = [ofCaption(content), ofImage(content)];
    writeSync(files[0], captionVector);
    writeSync(files[1], imageVector);
    lines.push(stemsOf(text));
    const id = idOf(offset);
    const document = {
      ...{ id, caption: text, retrievable: true },
      image: { key: `stills/${id}.webp`, size: 12_345, sha256: id, media_type: 'image/webp', width: 512, height: 384 },
      embeddings: { model: embedder.name, caption: [...captionVector], image: [...imageVector] },
      hashes: { content: id, perceptual: id.slice(0, 16) },
      provenance: {
        uri: `s3://media/${id.slice(0, 2)}/${id}.jpg`,
        source: `source ${offset % 997}`,
        licence: offset % 3 ? 'CC0-1.0' : 'CC-BY-4.0',
        event: id,
        sha256: id,
      },
    };
    batch.push({ partition: 0, offset: offset++, id, document });
    if (batch.length === 500) await apply();
  }
  if (batch.length > 0) await apply();
  const [start, before] = [performance.now(), processorMs()];
  await corpus.close();
  seconds += (performance.now() - start) / 1000;
  processor += (processorMs() - before) / 1000;
  files.map(closeSync);
  writeFileSync(join(folder, 'words.txt'), lines.join('\n'));
  return { path, seconds, processor, bytes: bytesIn(path) };
}

function bytesIn(path) {
  return readdirSync(path, { recursive: true, withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  );
}

/** Milliseconds from opening to the first answer of each kind, each in a process of its own, and the memory it then has. */
async function opening(path) {
  const result = {};
  for (const kind of Object.keys(modes)) {
    const args = [
      fileURLToPath(import.meta.url),
      '--opening',
      JSON.stringify({ path, kind }),
      '--dimensions',
      String(dimensions),
      '--queries',
      '1',
    ];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    for await (const chunk of child.stdout) text += chunk;
    result[kind] = JSON.parse(text);
  }
  return result;
}

if (options.opening) {
  const { path, kind } = JSON.parse(options.opening);
  const [query] = queries();
  const before = process.memoryUsage().rss;
  const start = performance.now();
  const corpus = await openCorpus({ folder: path, embedder, log: quiet });
  await corpus.search({ ...query, ...modes[kind] });
  const ms = performance.now() - start;
  console.log(JSON.stringify({ ms, memory: process.memoryUsage().rss - before }));
  await corpus.close();
  process.exit(0);
}

async function searchRound(corpus, mode, asked) {
  const before = processorMs();
  const [times, found] = [[], []];
  for (const query of asked) {
    const start = performance.now();
    const { context } = await corpus.search({ ...query, ...modes[mode] });
    times.push(performance.now() - start);
    found.push(context.map(({ document }) => document));
  }
  return { times, found, processor: (processorMs() - before) / asked.length };
}

function recall(found, truth) {
  const hits = truth.map((ten, n) => ten.filter((one) => found[n].includes(one)).length / ten.length);
  return hits.reduce((sum, part) => sum + part, 0) / hits.length;
}

function summary(all) {
  const times = all.flatMap(({ times }) => times);
  return { p50: median(times), p99: quantile(times, 0.99), processor: median(all.map(({ processor }) => processor)) };
}
const shown = ({ p50, p99, processor }) =>
  `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)}, processor ${processor.toFixed(2)}`;
const ratio = (ours, theirs, by = 'p50') => (ours[by] / theirs[by]).toFixed(2);
const MiB = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

async function compare(count) {
  const folder = mkdtempSync(join(tmpdir(), 'vimi-bench-search-'));
  console.log(`${count} documents`);
  let peers;
  try {
    const asked = queries();
    const built = await build(folder, count);
    writeFileSync(join(folder, 'queries.txt'), asked.map(({ text }) => stemsOf(text)).join('\n'));
    writeFileSync(
      join(folder, 'queries.f32'),
      Buffer.concat(asked.map(({ textEmbedding }) => Buffer.from(Float32Array.from(textEmbedding).buffer))),
    );
    const opened = await opening(built.path);

    peers = new PythonPeer('search', 'search/peers.py', {
      args: [folder, String(count), String(dimensions)],
      env: { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
    });
    const names = ['tantivy', 'bm25s', 'hnswlib'].filter((name) => !without.has(name));
    const theirs = {};
    for (const name of names) theirs[name] = { build: await peers.ask({ do: 'build', peer: name }) };
    const truth = (await peers.ask({ do: 'truth' })).found.map((ten) => ten.map(idOf));

    const corpus = await openCorpus({ folder: built.path, embedder, log: quiet });
    const ours = { lexical: [], dense: [], grounding: [] };
    const efs = [100, 150, 200, 300, 400, 600, 800];
    const sides = Object.fromEntries(['tantivy', 'bm25s', ...efs].map((side) => [side, []]));
    for (const mode of Object.keys(modes)) await searchRound(corpus, mode, asked);
    for (let round = 0; round < rounds; round++) {
      ours.lexical.push(await searchRound(corpus, 'lexical', asked));
      for (const name of ['tantivy', 'bm25s'])
        if (theirs[name]) sides[name].push(await peers.ask({ do: 'search', peer: name }));
      ours.dense.push(await searchRound(corpus, 'dense', asked));
      for (const ef of theirs.hnswlib ? efs : [])
        sides[ef].push(await peers.ask({ do: 'search', peer: 'hnswlib', ef }));
      ours.grounding.push(await searchRound(corpus, 'grounding', asked));
    }
    await corpus.close();

    const result = { documents: count, built, opened, peers: theirs };
    for (const [mode, all] of Object.entries(ours)) result[mode] = summary(all);
    console.log(`  lexical    ${shown(result.lexical)}`);
    for (const name of ['tantivy', 'bm25s'])
      if (theirs[name]) {
        result[name] = summary(sides[name]);
        console.log(
          `  ${name.padEnd(10)} ${shown(result[name])}; ratio ${ratio(result.lexical, result[name])}, of processor time ${ratio(result.lexical, result[name], 'processor')}`,
        );
      }
    result.dense.recall = recall(ours.dense[0].found, truth);
    console.log(`  dense      ${shown(result.dense)}, recall@10 ${result.dense.recall.toFixed(3)}`);
    if (theirs.hnswlib) {
      const found = efs.map((ef) => ({
        ef,
        ...summary(sides[ef]),
        recall: recall(
          sides[ef][0].found.map((ten) => ten.map(idOf)),
          truth,
        ),
      }));
      const least = Math.min(0.98, result.dense.recall);
      result.hnswlib = found.find((one) => one.recall >= least) ?? found.at(-1);
      result.efs = found;
      console.log(
        `  hnswlib    ${shown(result.hnswlib)}, recall@10 ${result.hnswlib.recall.toFixed(3)} at ef ${result.hnswlib.ef}; ratio ${ratio(result.dense, result.hnswlib)}, of processor time ${ratio(result.dense, result.hnswlib, 'processor')}`,
      );
      const [here, there] = [built.processor, theirs.hnswlib.build.processor].map((s) => (1000 * s) / count);
      console.log(
        `  build      ${here.toFixed(2)} ms of processor time a document; hnswlib twice ${there.toFixed(2)}; ratio ${(here / there).toFixed(2)}`,
      );
    }
    console.log(`  grounding  ${shown(result.grounding)}`);
    for (const [kind, { ms, memory }] of Object.entries(opened))
      console.log(`  opening    first ${kind} answer after ${ms.toFixed(0)} ms, ${MiB(memory)}`);
    console.log(
      `  files      ${MiB(built.bytes)}; in memory tantivy ${MiB(theirs.tantivy?.build.memory ?? 0)}, bm25s ${MiB(theirs.bm25s?.build.memory ?? 0)}, hnswlib twice ${MiB(theirs.hnswlib?.build.memory ?? 0)}`,
    );
    return result;
  } finally {
    peers?.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

const results = [];
for (const count of options.documents.split(',').map(Number)) results.push(await compare(count));
if (options.json) writeFileSync(options.json, JSON.stringify(results, null, 2));
