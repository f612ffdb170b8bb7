/**
 * The embedded corpus index against tantivy and bm25s (words) and hnswlib in Python (vectors), on the same documents
 * (bench/search/documents.mjs), one thread each.
 *
 *   bash bench/search/setup.sh && npm run bench:search -- [--documents 10000,100000] [--words 1000000] [--queries 200]
 *     [--rounds 5] [--dimensions 256] [--without hnswlib,bm25s] [--json FILE]
 *
 * Words, in two comparisons. `words`: the ranking alone; each side gets the stems of a query, split already, and gives the
 * numbers of the ten best. `lexical`: a whole search, from the text of a prompt to ten documents. Here that is from the
 * caller's thread to the index's and back, the text split and stemmed, the documents read and checked; in tantivy its own
 * English stemmer, and the same documents, stored as JSON and parsed. Vectors: the ten nearest. Recall counts a document
 * as found if it is as near as the tenth is: many made-up captions are equal. Python searches with several values of ef, and
 * the ratio is to the smallest of them that finds at least as much, .98 if nothing does. Build: both graphs and the words,
 * into files that survive a crash here, in memory only there. Opening: in a new process, from the call to the first answer
 * of each kind. `grounding` is the search of the shipped topology (hybrid, names, onlyNamed), which no peer does.
 *
 * `--words`: so many documents by their words alone, in memory on both sides.
 *
 * Sides take turns, a round each. Times are processor time of all threads of the side, so that a busy machine disturbs
 * little; ratios are vimi over the peer, of the medians and of the means.
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
import { LexicalIndex } from '../dist/stores/corpus/index/lexical/lexical-index.js';
import { openCorpus } from '../dist/stores/corpus/index/open-corpus.js';
import { readSections } from '../dist/stores/corpus/index/sections.js';
import { PythonPeer } from './python-peer.mjs';
import { caption, randomFrom, vectors } from './search/documents.mjs';

const { values: options } = parseArgs({
  options: {
    documents: { type: 'string', default: '10000,100000' },
    words: { type: 'string', default: '' },
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
/** Rounds before the clock starts: V8 compiles what is called often, some thousand calls long. */
const warmUp = 5;

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

const stemsOf = (text) => contentStems(words(text)).join(' ');

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

/** Fills the corpus as the follower of a topic does, and writes what the peers read. */
async function build(folder, count) {
  const path = join(folder, 'corpus');
  const files = ['captions.f32', 'images.f32'].map((name) => openSync(join(folder, name), 'w'));
  const corpus = await openCorpus({ folder: path, embedder, log: quiet });
  await corpus.positions();
  const lines = [];
  const stored = openSync(join(folder, 'documents.jsonl'), 'w');
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
    const { caption, image, ...embeddings } = document.embeddings;
    writeSync(stored, `${JSON.stringify({ ...document, embeddings })}\n`);
    batch.push({ partition: 0, offset: offset++, id, document });
    if (batch.length === 500) await apply();
  }
  if (batch.length > 0) await apply();
  const [start, before] = [performance.now(), processorMs()];
  await corpus.close();
  seconds += (performance.now() - start) / 1000;
  processor += (processorMs() - before) / 1000;
  [...files, stored].map(closeSync);
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
  const [start, used] = [performance.now(), processorMs()];
  const corpus = await openCorpus({ folder: path, embedder, log: quiet });
  await searchOf(corpus, kind)(query);
  const ms = performance.now() - start;
  console.log(JSON.stringify({ ms, processor: processorMs() - used, memory: process.memoryUsage().rss - before }));
  await corpus.close();
  process.exit(0);
}

async function searchRound(asked, search) {
  const [times, found] = [[], []];
  for (const query of asked) {
    const before = processorMs();
    found.push(await search(query));
    times.push(processorMs() - before);
  }
  return { times, found };
}

function searchOf(corpus, mode) {
  return async ({ text, textEmbedding }) => {
    const query = mode === 'lexical' ? { text } : { text, textEmbedding };
    const { context } = await corpus.search({ ...query, ...modes[mode] });
    return context.map(({ document }) => document);
  };
}

/** The ranking alone, in this thread: numbers of documents, from 0. */
function wordsOf(index) {
  const one = { depth: 10, accepts: () => true, before: (a, b) => a < b };
  return ({ text }) => {
    const stems = [...new Set(stemsOf(text).split(' '))];
    return () => index.search({ stems, runs: [], names: null }, one).map(({ label }) => label - 1);
  };
}

/** Stems are split before the clock starts, on both sides. */
async function wordsRound(index, asked) {
  return searchRound(asked.map(wordsOf(index)), (search) => search());
}

function summary(all) {
  const times = all.flatMap(({ times }) => times);
  return {
    p50: median(times),
    p99: quantile(times, 0.99),
    mean: times.reduce((sum, ms) => sum + ms, 0) / times.length,
  };
}
const shown = ({ p50, p99, mean }) => `mean ${mean.toFixed(3)} ms, p50 ${p50.toFixed(3)}, p99 ${p99.toFixed(2)}`;
const ratio = (ours, theirs) =>
  `${(ours.p50 / theirs.p50).toFixed(2)}, of the means ${(ours.mean / theirs.mean).toFixed(2)}`;
const row = (name, text) => console.log(`  ${name.padEnd(20)} ${text}`);
const against = (ours, theirs) => `${shown(theirs)}; ratio ${ratio(ours, theirs)}`;
const MiB = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

function writeQueries(folder, asked) {
  writeFileSync(join(folder, 'queries.txt'), asked.map(({ text }) => stemsOf(text)).join('\n'));
  writeFileSync(join(folder, 'texts.txt'), asked.map(({ text }) => text).join('\n'));
  writeFileSync(
    join(folder, 'queries.f32'),
    Buffer.concat(asked.map(({ textEmbedding }) => Buffer.from(Float32Array.from(textEmbedding).buffer))),
  );
}

/** What works in a folder, with the peers beside. */
async function beside(count, work) {
  const folder = mkdtempSync(join(tmpdir(), 'vimi-bench-search-'));
  const peers = new PythonPeer('search', 'search/peers.py', {
    args: [folder, String(count), String(dimensions)],
    env: { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
  });
  try {
    const asked = queries();
    writeQueries(folder, asked);
    return await work(folder, peers, asked);
  } finally {
    peers.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

const wordPeers = ['tantivy', 'bm25s'].filter((name) => !without.has(name));

/** The words of so many documents, in memory. */
async function compareWords(count) {
  console.log(`${count} documents, their words alone`);
  return beside(count, async (folder, peers, asked) => {
    const index = new LexicalIndex();
    const lines = [];

    for (const { text } of documents(count)) {
      const line = stemsOf(text);
      index.add(lines.length + 1, { words: line, names: '', characters: '', subjects: '' });
      lines.push(line);
    }
    index.merge();
    const { labels } = index.toColumns();
    writeFileSync(join(folder, 'words.txt'), lines.join('\n'));
    const result = { documents: count, postings: 6 * labels.length };
    const sides = { words: [] };
    for (const name of wordPeers) {
      result[name] = { build: await peers.ask({ do: 'build', peer: name }) };
      sides[name] = [];
    }
    for (let warm = 0; warm < warmUp; warm++) await wordsRound(index, asked);
    for (let round = 0; round < rounds; round++) {
      sides.words.push(await wordsRound(index, asked));
      for (const name of wordPeers) sides[name].push(await peers.ask({ do: 'search', peer: name }));
    }
    result.words = summary(sides.words);
    row('words', `${shown(result.words)}; postings ${MiB(result.postings)}`);
    for (const name of wordPeers) {
      Object.assign(result[name], summary(sides[name]));
      row(name, `${against(result.words, result[name])}; memory ${MiB(result[name].build.memory)}`);
    }
    return result;
  });
}

async function compare(count) {
  console.log(`${count} documents`);
  return beside(count, async (folder, peers, asked) => {
    const built = await build(folder, count);
    const opened = await opening(built.path);
    const numbers = new Map(Array.from({ length: count }, (_, n) => [idOf(n), n]));

    const names = ['tantivy', 'tantivy documents', 'bm25s', 'hnswlib'].filter((name) => !without.has(name));
    const theirs = {};
    for (const name of names) theirs[name] = { build: await peers.ask({ do: 'build', peer: name }) };

    const corpus = await openCorpus({ folder: built.path, embedder, log: quiet });
    /** @type {any} */
    const columns = readSections(join(built.path, 'snapshot', 'lexical.index'));
    const index = LexicalIndex.fromColumns(columns);
    const ours = { words: [], lexical: [], dense: [], grounding: [] };
    const efs = [50, 75, 100, 150, 200, 300, 400, 600];
    const sides = Object.fromEntries([...names, ...efs].map((side) => [side, []]));
    const askWords = async (name) => theirs[name] && sides[name].push(await peers.ask({ do: 'search', peer: name }));
    for (let warm = 0; warm < warmUp; warm++) {
      for (const mode of Object.keys(modes)) await searchRound(asked, searchOf(corpus, mode));
      await wordsRound(index, asked);
    }
    for (let round = 0; round < rounds; round++) {
      ours.words.push(await wordsRound(index, asked));
      for (const name of ['tantivy', 'bm25s']) await askWords(name);
      ours.lexical.push(await searchRound(asked, searchOf(corpus, 'lexical')));
      await askWords('tantivy documents');
      ours.dense.push(await searchRound(asked, searchOf(corpus, 'dense')));
      for (const ef of theirs.hnswlib ? efs : [])
        sides[ef].push(await peers.ask({ do: 'search', peer: 'hnswlib', ef }));
      ours.grounding.push(await searchRound(asked, searchOf(corpus, 'grounding')));
    }
    await corpus.close();

    const result = { documents: count, built, opened, peers: theirs };
    for (const [mode, all] of Object.entries(ours)) result[mode] = summary(all);
    for (const [mode, compared] of Object.entries({ words: ['tantivy', 'bm25s'], lexical: ['tantivy documents'] })) {
      row(mode, shown(result[mode]));
      for (const name of compared.filter((name) => theirs[name])) {
        result[name] = summary(sides[name]);
        row(`  ${name}`, against(result[mode], result[name]));
      }
    }
    const recall = async (found) => (await peers.ask({ do: 'recall', found })).recall;
    const found = ours.dense[0].found.map((ten) => ten.map((id) => numbers.get(id)));
    result.dense.recall = await recall(found);
    row('dense', `${shown(result.dense)}, recall@10 ${result.dense.recall.toFixed(3)}`);
    if (theirs.hnswlib) {
      result.efs = [];
      for (const ef of efs) result.efs.push({ ef, ...summary(sides[ef]), recall: await recall(sides[ef][0].found) });
      const least = Math.min(0.98, result.dense.recall);
      result.hnswlib = result.efs.find((one) => one.recall >= least) ?? result.efs.at(-1);
      const { ef, recall: reached } = result.hnswlib;
      row('  hnswlib', `${against(result.dense, result.hnswlib)}; recall@10 ${reached.toFixed(3)} at ef ${ef}`);
      const [here, there] = [built.processor, theirs.hnswlib.build.processor].map((s) => (1000 * s) / count);
      row(
        'build',
        `${here.toFixed(2)} ms a document; hnswlib twice ${there.toFixed(2)}; ratio ${(here / there).toFixed(2)}`,
      );
    }
    row('grounding', shown(result.grounding));
    for (const [kind, { ms, processor, memory }] of Object.entries(opened))
      row(
        'opening',
        `first ${kind} answer after ${ms.toFixed(0)} ms, of processor time ${processor.toFixed(0)}; ${MiB(memory)}`,
      );
    const memories = Object.entries(theirs).map(([name, { build }]) => `${name} ${MiB(build.memory)}`);
    row('files', `${MiB(built.bytes)}; in memory ${memories.join(', ')}`);
    return result;
  });
}

const results = [];
const counts = (list) => list.split(',').filter(Boolean).map(Number);
for (const count of counts(options.documents)) results.push(await compare(count));
for (const count of counts(options.words)) results.push(await compareWords(count));
if (options.json) writeFileSync(options.json, JSON.stringify(results, null, 2));
