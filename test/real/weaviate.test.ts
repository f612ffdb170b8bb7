import { randomBytes } from 'node:crypto';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, inject, it, vi } from 'vitest';
import type { CorpusDocument } from '../../src/events/schemas.js';
import { retrieve } from '../../src/operators/grounding/retrieve.js';
import type { Corpus, DocumentFilter } from '../../src/stores/corpus/corpus.js';
import { Applying } from '../../src/stores/corpus/weaviate/applying.js';
import { collections, removeCollection } from '../../src/stores/corpus/weaviate/collection.js';
import { WeaviateHttp } from '../../src/stores/corpus/weaviate/http.js';
import { Objects } from '../../src/stores/corpus/weaviate/objects.js';
import { type OpenWeaviateOptions, openWeaviate } from '../../src/stores/corpus/weaviate/open-weaviate.js';
import { Writer } from '../../src/stores/corpus/weaviate/writer.js';
import { createMetrics } from '../../src/streams/delivery/metrics.js';
import { runPipeline } from '../../src/streams/delivery/pipeline.js';
import { openEmbedded } from '../../src/streams/transports/embedded/open-embedded.js';
import { embeddingsOf, queryOf, storeWithImages } from '../operators/grounding-resources.js';
import { quietLog, resourcesWith, runOperator, thrownBy } from '../operators/run-operator.js';
import { describeCorpus } from '../stores/corpus/corpus-contract.js';
import { captions, corpusDocument, embedder, query, records } from '../stores/corpus/corpus-documents.js';
import {
  eachMedia,
  media,
  prepareTopics,
  productOf,
  spec,
  temporaryFolder,
} from '../streams/delivery/pipeline-fixtures.js';
import { patient } from '../support/patience.js';

const { WEAVIATE_URL = '', WEAVIATE_API_KEY } = inject('servers');
const server = { urls: WEAVIATE_URL.split(','), apiKey: WEAVIATE_API_KEY };
const http = new WeaviateHttp(server);

const indexes: string[] = [];
function newIndex(): string {
  indexes.push(`T${randomBytes(6).toString('hex')}`);
  return indexes.at(-1)!;
}
afterAll(async () => {
  for (const index of indexes) {
    for (const one of await collections(http, index)) await removeCollection(http, one);
    await http.call('DELETE', `/v1/aliases/${index}`, { accepts: [404] });
  }
});

function open(index = newIndex(), changes: Partial<OpenWeaviateOptions> = {}): Promise<Corpus> {
  return openWeaviate({ ...server, index, encoder: embedder, log: quietLog, ...changes });
}

describeCorpus('Weaviate', () => open());

const documents = captions.map((caption) => corpusDocument(caption));
const another = { name: 'another', dimensions: { text: 8, image: 8 } };

describe('the index in Weaviate', () => {
  it('knows its encoder and refuses another, until it was built anew for that', async () => {
    const index = newIndex();
    const corpus = await open(index);
    await corpus.positions();
    await corpus.apply(records(documents));
    expect((await thrownBy(() => open(index, { encoder: another }))).code).toBe('INDEX_OF_OTHER_ENCODER');
    const other = await open(index, { encoder: another, looksOnly: true });
    expect((await thrownBy(() => other.state())).code).toBe('INDEX_OF_OTHER_ENCODER');
    const beside = await other.rebuild!();
    await beside.positions();
    await beside.apply(records(documents));
    await beside.swap();
    expect((await other.state()).documents).toBe(documents.length);
    expect(await collections(http, index)).toEqual([beside.name]);
    // Whoever runs on with the old encoder is told so, and finds nothing wrong.
    expect((await thrownBy(() => corpus.search(query('a fox')))).code).toBe('INDEX_OF_OTHER_ENCODER');
    await Promise.all([corpus.close(), other.close()]);
  });

  it('is replaced while it is searched, without a wrong answer', async () => {
    const index = newIndex();
    const corpus = await open(index);
    await corpus.positions();
    await corpus.apply(records(documents));
    const expected = await corpus.search(query('a fox', { onlyNamed: true }));
    let searches = 0;
    let isOver = false;
    const searching = (async () => {
      for (; !isOver; searches++) expect(await corpus.search(query('a fox', { onlyNamed: true }))).toEqual(expected);
    })();
    for (let round = 0; round < 3; round++) {
      const beside = await corpus.rebuild!();
      await beside.positions();
      await beside.apply(records(documents));
      const before = searches;
      await beside.swap();
      await vi.waitFor(() => expect(searches).toBeGreaterThan(before + 1), patient);
    }
    isOver = true;
    await searching;
    expect(await collections(http, index)).toHaveLength(1);
    // Its own positions come first: they may be behind those that were told before.
    expect((await thrownBy(() => corpus.apply(records(documents, 10)))).code).toBe('INDEX_DAMAGED');
    expect(await corpus.positions()).toEqual({ 0: documents.length });
    await corpus.apply(records(documents, 10));
    await corpus.close();
  });

  it('is fed by several processes at once, each record counting once', async () => {
    const index = newIndex();
    const all = await Promise.all([open(index), open(index), open(index)]);
    for (const corpus of all) await corpus.positions();
    await Promise.all(
      all.map(async (corpus) => {
        for (const record of records(documents)) {
          await corpus.apply([record]).catch(async (thrown) => {
            // Another was the first to write: the follower asks for the positions again.
            expect(thrown.code).toBe('INDEX_DAMAGED');
            await corpus.positions();
            await corpus.apply([record]);
          });
        }
      }),
    );
    for (const corpus of all) {
      expect(await corpus.positions()).toEqual({ 0: documents.length });
      expect((await corpus.state()).documents).toBe(documents.length);
    }
    await Promise.all(all.map((corpus) => corpus.close()));
  });

  it('counts right, whatever call an interruption follows, and takes nothing back that was removed', async () => {
    const straight = await open();
    await straight.positions();
    const first = records(documents.slice(0, 5));
    const gone = { partition: 0, offset: 5, id: documents[0]!.id, document: null };
    const second = [gone, ...records([{ ...documents[1]!, retrievable: false }, ...documents.slice(5)], 6)];
    await straight.apply(first);
    await straight.apply(second);
    const expected = await straight.state();
    for (let calls = 0, isWhole = false; !isWhole; calls++) {
      const index = newIndex();
      const corpus = await open(index);
      await corpus.positions();
      await corpus.apply(first);
      await corpus.close();
      const failing = new FailingHttp(server, calls);
      const name = (await collections(http, index))[0]!;
      const applying = new Applying(failing, name, { encoder: embedder, onForeign: () => {} });
      await applying.apply(second, new AbortController().signal).then(
        () => {
          isWhole = true;
        },
        (thrown) => expect(thrown.message).toBe('the process was killed'),
      );
      failing.left = Number.POSITIVE_INFINITY;
      await applying.release();
      const again = await open(index);
      await again.positions();
      await again.apply(second);
      expect(await again.state(), `after ${calls} calls`).toEqual(expected);
      expect(await again.get(documents[0]!.id)).toBeNull();
      expect((await again.search(query(captions[0]!, { k: 20 }))).context.map(({ caption }) => caption)).not.toContain(
        captions[0],
      );
      await again.close();
    }
  });

  it('lists 1,500 documents in the order of their ids, whatever the pages and the filter', async () => {
    const corpus = await open();
    await corpus.positions();
    const many = Array.from({ length: 1500 }, (_, n) => {
      const [source, licence] = [`source ${n % 3}`, n % 2 ? 'MIT' : 'CC0-1.0'];
      const document = corpusDocument(`the number ${n}`, { source, retrievable: n % 5 > 0 });
      return { ...document, provenance: { ...document.provenance, licence } };
    });
    await corpus.apply(records(many));
    const { id: first } = many[0]!;
    await corpus.apply([{ partition: 0, offset: 1500, id: first, document: null }]);
    const filters: [DocumentFilter, (one: CorpusDocument) => boolean][] = [
      [{}, () => true],
      [{ licence: 'MIT' }, ({ provenance }) => provenance.licence === 'MIT'],
      [{ source: 'source 1' }, ({ provenance }) => provenance.source === 'source 1'],
      [
        { source: 'source 2', licence: 'MIT' },
        ({ provenance: { source, licence } }) => source === 'source 2' && licence === 'MIT',
      ],
      [{ source: 'nowhere' }, () => false],
    ];
    for (const [filter, fits] of filters) {
      const expected = many.filter((one) => one.id !== first && fits(one)).map(({ id }) => id);
      expected.sort();
      expect((await corpus.find(filter)).map(({ document }) => document)).toEqual(expected);
      for (const most of [100, 500, 750, 10_000]) {
        const paged: string[] = [];
        for (let after = ''; ; after = paged.at(-1)!) {
          const page = await corpus.find(filter, { after, most });
          expect(page.length).toBe(Math.min(most, expected.length - paged.length));
          if (page.length === 0) break;
          paged.push(...page.map(({ document }) => document));
        }
        expect(paged).toEqual(expected);
      }
    }
    await corpus.close();
  });

  it('has one writer at a time; what a killed one left undone another does', async () => {
    const index = newIndex();
    const corpus = await open(index);
    const objects = new Objects(http, (await collections(http, index))[0]!);
    const times = { ownMs: 400, takeoverMs: 1_000, renewMs: 100, idleMs: 100_000 };
    const [one, other] = [new Writer(http, objects, times), new Writer(http, objects, times)];
    expect(await one.isMine()).toBe(true);
    expect(await other.isMine()).toBe(false);
    expect(await one.isMine()).toBe(true);
    // The first shows no more that it lives.
    await vi.waitFor(async () => expect(await other.isMine()).toBe(true), patient);
    expect(await one.isMine()).toBe(false);
    expect(await one.confirm()).toBe(false);
    // It knows that the first one was not through, and that the other one, whom it follows now, was.
    expect([one.leftUndone, other.leftUndone]).toEqual([false, true]);
    other.leftUndone = false;
    await other.release();
    // At once, unless this machine was too slow to let go in time.
    await vi.waitFor(async () => expect(await one.isMine()).toBe(true), patient);
    expect(one.leftUndone).toBe(false);
    // The next turn is its own, too, and another's calls of this one do not count.
    expect(await one.renew()).toBe(true);
    expect(await other.renew()).toBe(false);
    expect(await one.isMine()).toBe(true);
    await one.release({ undone: true });
    // Killed between taking its turn and showing it.
    const turn = (await objects.getRecord<{ turn: number }>('writer'))!.turn + 1;
    const alias = `${objects.collection}_writer_${turn}`;
    await http.call('POST', '/v1/aliases', { body: { alias, class: objects.collection } });
    await vi.waitFor(async () => expect(await other.isMine()).toBe(true), patient);
    await other.release();
    await corpus.close();
  });
});

describe('the step retrieve on Weaviate', () => {
  it('pins and excludes documents, and refuses those that are not there', async () => {
    const corpus = await open(newIndex());
    await corpus.positions();
    await corpus.apply(records(documents));
    const given = resourcesWith({ corpus, objects: await storeWithImages(documents) });
    const text = 'the red fox, the cat on the sofa, the violin';
    const run = async (retrieval: object) => {
      const flow = { query: { ...queryOf(text), retrieval }, embeddings: embeddingsOf(text) };
      const { settlements, emitted } = await runOperator(retrieve, {}, given, [flow]);
      const outcome = settlements[0]!.outcome;
      return outcome.kind === 'rejected'
        ? outcome.error.message
        : emitted[0]!.data.context!.entries.map(({ document }) => document);
    };
    const [first, second, third] = (await run({})) as string[];
    expect(third).toBeDefined();
    const other = documents.find(({ id }) => ![first, second, third].includes(id))!.id;
    expect(await run({ pin: [other], exclude: [first] })).toEqual([other, second, third]);
    expect(await run({ pin: ['0'.repeat(64)] })).toContain('retrieval.pin.0');
    await corpus.apply([{ partition: 0, offset: documents.length, id: other, document: null }]);
    expect(await run({ pin: [other] })).toContain(`found ${other}, which it does not have`);
    await corpus.close();
  });
});

describe('trouble of Weaviate', () => {
  it('is told apart: a wrong key, nobody there, a node of several that is away', async () => {
    expect((await thrownBy(() => open(newIndex(), { apiKey: 'wrong' }))).code).toBe('SEARCH_DENIED');
    const nobody = 'http://127.0.0.1:1';
    const away = await thrownBy(() => open(newIndex(), { urls: [nobody] }));
    expect(away).toMatchObject({ code: 'SEARCH_UNAVAILABLE', fault: 'surroundings' });
    const corpus = await open(newIndex(), { urls: [nobody, ...server.urls] });
    expect(await corpus.positions()).toEqual({});
    await corpus.close();
  });

  it('a disk that is full makes it read-only: SEARCH_FULL, and what was applied is found all the same', async () => {
    const index = newIndex();
    const corpus = await open(index);
    await corpus.positions();
    await corpus.apply(records(documents.slice(0, 5)));
    const name = (await collections(http, index))[0]!;
    const { json } = await http.call('GET', `/v1/schema/${name}/shards`);
    const turn = async (status: string) => {
      for (const { name: shard } of json as { name: string }[])
        await http.call('PUT', `/v1/schema/${name}/shards/${shard}`, { body: { status } });
    };
    await turn('READONLY');
    expect(await thrownBy(() => corpus.apply(records(documents)))).toMatchObject({
      code: 'SEARCH_FULL',
      fault: 'surroundings',
    });
    expect((await corpus.search(query('a fox'))).context[0]?.caption).toBe(captions[0]);
    await turn('READY');
    await corpus.apply(records(documents));
    expect((await corpus.state()).documents).toBe(documents.length);
    await corpus.close();
  });

  it('is waited for: the pipeline pauses, says so once, is not ready, and nothing is rejected or done twice', async () => {
    let broken = false;
    const proxy = createServer((request, response) => {
      if (broken) return void request.resume().on('end', () => response.writeHead(503).end('overloaded'));
      const { method, url, headers } = request;
      const target = new URL(server.urls[0]!);
      const onward = forward({ host: target.hostname, port: target.port, method, path: url, headers }, (answered) => {
        response.writeHead(answered.statusCode!, answered.headers);
        answered.pipe(response);
      });
      request.pipe(onward);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const corpus = await open(newIndex(), { urls: [`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`] });
    await corpus.positions();
    await corpus.apply(records(documents));
    const folder = temporaryFolder();
    const transport = await openEmbedded({ path: join(folder.path, 'log.sqlite') });
    await prepareTopics(transport, 1);
    await transport.publish(Array.from({ length: 30 }, (_, n) => media(`m${n}`)));
    const searched: string[] = [];
    const work = eachMedia(async ({ uri }) => {
      const { context } = await corpus.search(query('a fox'));
      expect(context[0]?.caption).toBe(captions[0]);
      searched.push(uri);
      return productOf(uri);
    }, 4);
    const lines: string[] = [];
    const note = (_: object, message: string) => void lines.push(message);
    const metrics = createMetrics();
    broken = true;
    const running = runPipeline(spec([work]), {
      ...{ transport, resources: resourcesWith({ corpus }), signal: new AbortController().signal },
      ...{ drain: true, log: { ...quietLog, warn: note, info: note, error: note }, metrics },
    });
    await vi.waitFor(() => expect(metrics.readiness().reasons[0]).toContain('SEARCH_UNAVAILABLE'), patient);
    broken = false;
    expect((await running).run).toEqual({ delivered: 30, rejected: 0, dropped: {} });
    expect(searched.sort()).toEqual(Array.from({ length: 30 }, (_, n) => `m${n}`).sort());
    expect(metrics.readiness().reasons.join()).not.toContain('SEARCH');
    expect(lines.filter((line) => line.startsWith('Paused'))).toHaveLength(1);
    await corpus.close();
    await transport.close();
    proxy.close();
    folder.remove();
  });
});

/** Ends as a process does that is killed after so many calls. */
class FailingHttp extends WeaviateHttp {
  constructor(
    given: ConstructorParameters<typeof WeaviateHttp>[0],
    public left: number,
  ) {
    super(given);
  }

  override call(...args: Parameters<WeaviateHttp['call']>): ReturnType<WeaviateHttp['call']> {
    if (this.left-- <= 0) return Promise.reject(new Error('the process was killed'));
    return super.call(...args);
  }
}
