/**
 * The embedded corpus index, and Weaviate where it runs, against tantivy and bm25s (words) and hnswlib in Python (vectors), on the same
 * documents (bench/search/documents.mjs), one thread each.
 *
 *   bash bench/search/setup.sh && npm run bench:search -- [--documents 10000,100000] [--words 1000000] [--queries 200]
 *     [--rounds 5] [--dimensions 256] [--without hnswlib,bm25s] [--folder DIR] [--json FILE]
 *
 * For Weaviate, before: `node infra/servers.mjs up weaviate && source .cache/infra/env`.
 *
 * `words` and `vectors` are the rankings alone: each side gets the stems of a query, or its vector, and gives the numbers of the ten best;
 * here with exact cosines, for which vectors are read from SQLite. `lexical` and `dense` are whole searches, from the text of a prompt
 * (and its vector) to ten documents: here from the caller's thread to the index's and back, the text split and stemmed, the documents read and
 * checked; in tantivy its own English stemmer, and the same documents, stored as JSON and parsed; in hnswlib, documents from SQLite and
 * parsed. `grounding` is the search of the shipped topology (hybrid, names, onlyNamed), which no peer does.
 *
 * Recall counts a document as found if it is as near as the tenth is: many made-up captions are equal. Python searches with the least of
 * several values of ef that finds .98, or as much as vimi where that is less. Build: both graphs and the words, into files that survive
 * a crash here; of hnswlib both graphs, in memory. First answer: in a new process, from the call that opens.
 *
 * `--words`: so many documents by their words alone, in memory on both sides.
 *
 * Sides take turns, a round each. Times are milliseconds of processor time of all threads of the side; of Weaviate, whose threads are not
 * ours, the mean alone, of its process and of what asks it, and the clock's. A ratio is vimi's median over the peer's.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { LexicalIndex } from '../dist/stores/corpus/index/lexical/lexical-index.js';
import { PythonPeer } from './python-peer.mjs';
import { captions, fill, idOf, queries, stemsOf, writeQueries } from './search/corpus.mjs';
import { bytesIn, modes, open, opening, rankings, searchOf, wordsOf } from './search/embedded.mjs';
import { processorMs, searchRound, summary } from './search/measures.mjs';
import { table } from './search/table.mjs';
import { openServer } from './search/weaviate.mjs';

const { values: options } = parseArgs({
  options: {
    documents: { type: 'string', default: '10000,100000' },
    words: { type: 'string', default: '' },
    queries: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '5' },
    dimensions: { type: 'string', default: '256' },
    without: { type: 'string', default: '' },
    /** Where the files lie meanwhile; a million documents of 256 numbers take 12 GB. */
    folder: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
  },
});
const [queryCount, rounds, dimensions] = [options.queries, options.rounds, options.dimensions].map(Number);
const without = new Set(options.without.split(','));
const asked = queries(queryCount, dimensions);
/** Rounds before the clock starts: V8 compiles what is called often, some thousand calls long. */
const warmUp = 5;
const efs = [50, 75, 100, 150, 200, 300, 400, 600];
const wanted = 0.98;

/** What works in a folder, with the peers beside. */
async function beside(count, work) {
  const folder = mkdtempSync(join(options.folder, 'vimi-bench-search-'));
  const peers = new PythonPeer('search', 'search/peers.py', {
    args: [folder, String(count), String(dimensions)],
    env: { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
  });
  try {
    writeQueries(folder, asked);
    return await work(folder, peers);
  } finally {
    peers.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

const log = (text) => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);

/** A round of each side in turn, so many times. Gives the rounds of each. */
async function takeTurns(sides) {
  const all = new Map([...sides.keys()].map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) for (const [name, run] of sides) all.get(name).push(await run());
  return all;
}

/** The words of so many documents, in memory. */
async function compareWords(count) {
  return beside(count, async (folder, peers) => {
    const index = new LexicalIndex();
    const lines = [];
    for (const { text } of captions(count)) {
      const line = stemsOf(text);
      index.add(lines.length + 1, { words: line, names: '', characters: '', subjects: '' });
      lines.push(line);
    }
    index.merge();
    const postings = 6 * index.toColumns().labels.length;
    writeFileSync(join(folder, 'words.txt'), lines.join('\n'));
    const searches = asked.map(wordsOf(index));
    const ours = () => searchRound(searches, (search) => search());
    const names = ['tantivy', 'bm25s'].filter((name) => !without.has(name));
    const built = {};
    for (const name of names) built[name] = await peers.ask({ do: 'build', peer: name });
    for (let warm = 0; warm < warmUp; warm++) await ours();
    const search = (peer) => () => peers.ask({ do: 'search', peer });
    const all = await takeTurns(
      new Map([['words', ours], ...names.map((name) => /** @type {const} */ ([name, search(name)]))]),
    );
    const own = summary(all.get('words'));
    const row = { documents: count, search: 'words, in memory' };
    return [
      { ...row, engine: 'vimi', ...own, memory: postings },
      ...names.map((name) => peerRow(row, name, summary(all.get(name)), own, built[name])),
    ];
  });
}

function peerRow(row, engine, theirs, ours, built) {
  return { ...row, engine, ...theirs, ratio: ours.p50 / theirs.p50, memory: built?.memory };
}

async function compare(count) {
  return beside(count, async (folder, peers) => {
    const place = join(folder, 'corpus');
    const server = without.has('weaviate') ? null : await openServer(dimensions);
    const filled = await open(place, dimensions);
    await filled.positions();
    const indexes = [{ corpus: filled, finish: () => filled.close() }, ...(server ? [server] : [])];
    log(`${count} documents: build`);
    const took = await fill(folder, count, dimensions, indexes);
    try {
      return await measure(count, { place, peers, server, took });
    } finally {
      await server?.remove();
    }
  });
}

async function measure(count, { place, peers, server, took }) {
  const numbers = new Map(Array.from({ length: count }, (_, n) => [idOf(n), n]));
  const recall = async (found) => (await peers.ask({ do: 'recall', found })).recall;
  log('opening');
  const opened = await opening(place, dimensions);
  const built = {};
  for (const name of ['tantivy', 'tantivy documents', 'bm25s', 'hnswlib', 'hnswlib documents']) {
    if (without.has(name.split(' ')[0])) continue;
    log(`build in ${name}`);
    built[name] = await peers.ask({ do: 'build', peer: name });
  }
  const corpus = await open(place, dimensions);
  const own = rankings(place, dimensions);
  const byWords = asked.map(own.words);
  const vectors = () => searchRound(asked, own.vectors);
  /** Per search, what runs a round of it, ours first. */
  const sides = new Map([
    ['words', () => searchRound(byWords, (search) => search())],
    ['vectors', vectors],
    ...Object.keys(modes).map(
      (mode) => /** @type {const} */ ([mode, () => searchRound(asked, searchOf(corpus, mode))]),
    ),
  ]);
  log('warm up');
  for (let warm = 0; warm < warmUp; warm++) for (const run of sides.values()) await run();
  const recalls = { vectors: await recall((await vectors()).found) };
  const whole = async (from) => {
    const { found } = await searchRound(asked, searchOf(from, 'dense'));
    return recall(found.map((ten) => ten.map((id) => numbers.get(id))));
  };
  recalls.dense = await whole(corpus);
  if (server) recalls.weaviate = await whole(server.corpus);
  let ef = 0;
  if (built.hnswlib)
    for (ef of efs) {
      recalls.hnswlib = await recall((await peers.ask({ do: 'search', peer: 'hnswlib', ef })).found);
      if (recalls.hnswlib >= Math.min(wanted, recalls.vectors)) break;
    }
  log('search');
  for (const name of Object.keys(built)) sides.set(name, () => peers.ask({ do: 'search', peer: name, ef }));
  if (server)
    for (const mode of Object.keys(modes))
      sides.set(`weaviate ${mode}`, async () => {
        const before = processorMs() + server.used();
        const round = await searchRound(asked, searchOf(server.corpus, mode));
        return { ...round, mean: (processorMs() + server.used() - before) / asked.length };
      });
  const all = await takeTurns(sides);
  await corpus.close();
  own.close();

  const against = {
    words: ['tantivy', 'bm25s'],
    vectors: ['hnswlib'],
    lexical: ['tantivy documents'],
    dense: ['hnswlib', 'hnswlib documents'],
    grounding: [],
  };
  const perDocument = ({ processor }) => (1000 * processor) / count;
  const rows = [];
  for (const [search, engines] of Object.entries(against)) {
    const row = { documents: count, search };
    const ours = summary(all.get(search));
    const first = opened[search] && { first: opened[search].ms, memory: opened[search].memory };
    const build = search === 'dense' ? { build: perDocument(took[0]) } : {};
    rows.push({ ...row, engine: 'vimi', recall: recalls[search], ...ours, ...build, ...first });
    for (const name of engines.filter((name) => built[name])) {
      const theirs = peerRow(
        row,
        name.startsWith('hnswlib') ? `${name}, ef ${ef}` : name,
        summary(all.get(name)),
        ours,
        built[name],
      );
      const ofVectors = name === 'hnswlib' ? { recall: recalls.hnswlib, build: perDocument(built[name]) } : {};
      rows.push({ ...theirs, ...ofVectors });
    }
    if (server && all.has(`weaviate ${search}`)) {
      const found = all.get(`weaviate ${search}`);
      const { wall } = summary(found);
      const mean = found.reduce((sum, round) => sum + round.mean, 0) / found.length;
      const more =
        search === 'dense' ? { recall: recalls.weaviate, build: perDocument(took[1]), memory: server.memory() } : {};
      rows.push({ ...row, engine: 'weaviate', mean, wall, ...more });
    }
  }
  console.log(table(rows));
  for (const [mode, { ms, processor, memory }] of Object.entries(opened))
    console.log(
      `first ${mode} answer after ${ms.toFixed(0)} ms, of processor time ${processor.toFixed(0)}; ${(memory / 2 ** 20).toFixed(0)} MiB`,
    );
  console.log(`files ${(bytesIn(place) / 2 ** 20).toFixed(0)} MiB\n`);
  return rows;
}

const results = [];
const counts = (list) => list.split(',').filter(Boolean).map(Number);
for (const count of counts(options.documents)) results.push(...(await compare(count)));
for (const count of counts(options.words)) {
  const rows = await compareWords(count);
  console.log(`${table(rows)}\n`);
  results.push(...rows);
}
if (options.json) writeFileSync(options.json, JSON.stringify(results, null, 2));
