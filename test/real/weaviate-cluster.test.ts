import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv, promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { withOwnVectors } from '../../src/app/own-vectors.js';
import { VimiError } from '../../src/core/errors.js';
import type { Corpus } from '../../src/stores/corpus/corpus.js';
import { followCorpus } from '../../src/stores/corpus/corpus-follower.js';
import { openCorpus } from '../../src/stores/corpus/index/open-corpus.js';
import { type OpenWeaviateOptions, openWeaviate } from '../../src/stores/corpus/weaviate/open-weaviate.js';
import { openFileStore } from '../../src/stores/objects/files.js';
import { quietLog } from '../operators/run-operator.js';
import { corpusDocument, embedder, query } from '../stores/corpus/corpus-documents.js';
import { patient } from '../support/patience.js';

// Servers of its own, for one of them is killed.
const folder = mkdtempSync(join(tmpdir(), 'vimi-weaviate-'));
const infra = (...args: string[]) =>
  promisify(execFile)(process.execPath, ['infra/servers.mjs', ...args], {
    env: { ...process.env, VIMI_INFRA: folder },
  });
let server: { urls: string[]; apiKey: string };

beforeAll(async () => {
  await infra('up', 'weaviate', '--nodes', '3');
  const known = parseEnv(readFileSync(join(folder, 'env'), 'utf8').replaceAll('export ', ''));
  server = { urls: known.WEAVIATE_URL!.split(','), apiKey: known.WEAVIATE_API_KEY! };
});
afterAll(async () => {
  await infra('down', 'weaviate');
  rmSync(folder, { recursive: true, force: true });
});

/** The second node. Resolves when it is gone. */
async function kill(): Promise<void> {
  const [pid] = readFileSync(join(folder, 'run', 'weaviate-2.pid'), 'utf8').split('\n');
  process.kill(Number(pid), 'SIGKILL');
  await vi.waitFor(() => expect(fetch(server.urls[1]!)).rejects.toThrow(), patient);
}

const open = (index: string, changes: Partial<OpenWeaviateOptions> = {}) =>
  openWeaviate({ ...server, index, replicas: 3, encoder: embedder, log: quietLog, ...changes });

const documents = Array.from({ length: 240 }, (_, n) => corpusDocument(`a drawing of the number ${n}`));

/** A topic of one partition that holds the first documents, as many as were published; a corpus that follows it, as in vimi. */
async function topic(corpus: Corpus) {
  const objects = await openFileStore(join(folder, 'objects'));
  const lines: string[] = [];
  const note = (_: object, message: string) => void lines.push(message);
  let published = 0;
  let grew = () => {};
  const next = () =>
    new Promise<void>((resolve) => {
      grew = resolve;
    });
  const follower = followCorpus<{ partition: number; offset: number }>({
    corpus: withOwnVectors(corpus, { embedder, objects, log: quietLog }),
    decode: ({ offset }) => ({ id: documents[offset]!.id, document: documents[offset]! }),
    log: { info: note, warn: note },
    retryMs: 200,
    async *read(from, { follow, signal }) {
      const over = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      for (let offset = from[0] ?? 0; !signal.aborted; offset++) {
        while (offset >= published && follow && !signal.aborted) await Promise.race([next(), over]);
        if (offset >= published || signal.aborted) return;
        yield { partition: 0, offset };
      }
    },
  });
  const publish = (count: number) => {
    published += count;
    grew();
  };
  return { follower, publish, lines };
}

/** Each node alone has everything, and gives the same answers: of so few documents none is passed over. */
async function checkNodes(index: string, count: number): Promise<void> {
  const answers = new Map<string, string[]>();
  for (const url of server.urls) {
    const one = await open(index, { urls: [url] });
    expect((await one.find({})).length).toBe(count);
    for (let n = 0; n < count; n += 8) {
      const some = documents.slice(n, Math.min(n + 8, count)).map(async ({ caption, id, embeddings }) => {
        const asked = query(caption, { mode: 'dense', k: 5, imageEmbedding: embeddings.image });
        const { context } = await one.search(asked);
        expect(context[0], `${caption}, asked ${url}`).toMatchObject({ document: id, ranks: { dense: 1, image: 1 } });
        answers.set(caption, [...(answers.get(caption) ?? []), JSON.stringify(context)]);
      });
      await Promise.all(some);
    }
    await one.close();
  }
  for (const [caption, given] of answers) expect(new Set(given).size, caption).toBe(1);
}

it('three nodes, one killed while documents come in and are searched: none is lost, and no answer is wrong', async () => {
  const corpus = await open('Cluster');
  const { follower, publish, lines } = await topic(corpus);
  const began = performance.now();
  publish(80);
  await follower.caughtUp();
  const took = performance.now() - began;
  let isOver = false;
  const asked = { answers: 0, waits: 0 };
  // What was applied before the kill is found at every moment, or the search says that it cannot be made.
  const searching = (async () => {
    for (let n = 0; !isOver; n++) {
      const { caption, id } = documents[n % 80]!;
      try {
        const { context } = await corpus.search(query(caption, { mode: n % 2 ? 'dense' : 'hybrid', k: 3 }));
        expect(context.map(({ document }) => document)).toContain(id);
        asked.answers++;
      } catch (thrown) {
        if (!(thrown instanceof VimiError)) throw thrown;
        expect(thrown).toMatchObject({ code: 'SEARCH_UNAVAILABLE', fault: 'surroundings' });
        asked.waits++;
      }
    }
  })();
  publish(40);
  // In the middle of a batch, more or less: then it has documents of it, and not all that it indexes of them.
  await new Promise((resolve) => setTimeout(resolve, took / 4));
  const killed = kill();
  publish(40);
  const until = asked.answers + 20;
  while (asked.answers < until) await new Promise((resolve) => setTimeout(resolve, 50));
  await killed;
  await infra('up', 'weaviate');
  publish(80);
  await follower.caughtUp();
  isOver = true;
  await searching;

  const embedded = await openCorpus({ folder: join(folder, 'embedded'), embedder, log: quietLog });
  await embedded.apply(documents.map((document, offset) => ({ partition: 0, offset, id: document.id, document })));
  expect(await corpus.state()).toEqual(await embedded.state());
  await checkNodes('Cluster', documents.length);
  // While a node was away nothing could be written to all: that was said, not at every try, and that it went on.
  const complaints = lines.filter((line) => line.includes('cannot follow'));
  expect(complaints.length).toBeGreaterThan(0);
  expect(complaints.length).toBeLessThan(5);
  expect(lines.at(-1)).toContain('follows its topic again');
  await follower.close();
  await corpus.close();
  await embedded.close();
});

it('a node that dies and is back while nobody writes: what its index lost is written again', async () => {
  const said: string[] = [];
  const log = { ...quietLog, warn: (_: object, message: string) => void said.push(message) };
  const corpus = await open('Rest', { watchMs: 200, log });
  const { follower, publish } = await topic(corpus);
  publish(60);
  await follower.caughtUp();
  await kill();
  // As after a loss of power: what was not on the disk yet.
  const logs = readdirSync(join(folder, 'data', 'weaviate-2'), { recursive: true, encoding: 'utf8' }).filter((path) =>
    /rest_.*\.hnsw\.commitlog\.d$/.test(path),
  );
  expect(logs.length).toBeGreaterThan(1);
  for (const path of logs) rmSync(join(folder, 'data', 'weaviate-2', path), { recursive: true });
  await infra('up', 'weaviate');
  await vi.waitFor(() => expect(said.join()).toContain('was started again'), patient);
  await vi.waitFor(() => checkNodes('Rest', 60), patient);
  // Once: what comes again does not come for ever.
  publish(60);
  await follower.caughtUp();
  await checkNodes('Rest', 120);
  expect(said).toHaveLength(1);
  await follower.close();
  await corpus.close();
});
