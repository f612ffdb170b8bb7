/* The embedded index of bench/search.mjs: whole searches, its rankings alone, and how it opens. */
import { spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CorpusView } from '../../dist/stores/corpus/index/corpus-view.js';
import { openDatabase, reading, readState } from '../../dist/stores/corpus/index/database.js';
import { openCorpus } from '../../dist/stores/corpus/index/open-corpus.js';
import { embedderOf, queries, stemsOf } from './corpus.mjs';
import { processorMs } from './measures.mjs';

const quiet = { info() {}, warn() {} };

export const modes = {
  lexical: { mode: 'lexical', k: 10 },
  dense: { mode: 'dense', k: 10 },
  grounding: { mode: 'hybrid', k: 3, names: true, onlyNamed: true },
};

export const open = (folder, dimensions) => openCorpus({ folder, embedder: embedderOf(dimensions), log: quiet });

/** A whole search, through the thread of the index and back. Gives ids. */
export function searchOf(corpus, mode) {
  return async ({ text, textEmbedding }) => {
    const query = mode === 'lexical' ? { text } : { text, textEmbedding };
    const { context } = await corpus.search({ ...query, ...modes[mode] });
    return context.map(({ document }) => document);
  };
}

/** The rankings alone, in this thread. They give numbers of documents, from 0. */
export function rankings(folder, dimensions) {
  const database = openDatabase(folder, 0);
  const options = { folder, embedder: embedderOf(dimensions), exactUpTo: 2048, saveEvery: 1e9, log() {} };
  const state = readState(database);
  const view = new CorpusView(options, state);
  view.catchUp(database, state);
  const dense = view.dense(database);
  const { roster, lexical } = view;
  const allows = (label) => roster.isSearchable(label);
  const numbers = (hits) => hits.map(({ label }) => label - 1);
  return {
    words: wordsOf(lexical),
    vectors: ({ textEmbedding }) =>
      reading(database, () =>
        numbers(dense.nearest('caption', textEmbedding, { depth: 10, allows, database, roster })),
      ),
    close: () => database.close(),
  };
}

/** Stems are split before the clock starts: `words(query)` gives the search. */
export function wordsOf(lexical) {
  const one = { depth: 10, accepts: () => true, before: (a, b) => a < b };
  return ({ text }) => {
    const stems = [...new Set(stemsOf(text).split(' '))];
    return () => lexical.search({ stems, runs: [], names: null }, one).map(({ label }) => label - 1);
  };
}

export function bytesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  );
}

/** From opening to the first answer of each kind, each in a process of its own, and the memory it then has. */
export async function opening(folder, dimensions) {
  const result = {};
  for (const mode of Object.keys(modes)) {
    const args = [fileURLToPath(import.meta.url), JSON.stringify({ folder, dimensions, mode })];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    for await (const chunk of child.stdout) text += chunk;
    result[mode] = JSON.parse(text);
  }
  return result;
}

/** That process. */
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { folder, dimensions, mode } = JSON.parse(process.argv[2]);
  const [query] = queries(1, dimensions);
  const before = process.memoryUsage().rss;
  const [start, used] = [performance.now(), processorMs()];
  const corpus = await open(folder, dimensions);
  await searchOf(corpus, mode)(query);
  const ms = performance.now() - start;
  console.log(JSON.stringify({ ms, processor: processorMs() - used, memory: process.memoryUsage().rss - before }));
  await corpus.close();
}
