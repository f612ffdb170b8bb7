import { VimiError } from '../../../core/errors.js';
import type { CorpusDocument } from '../../../events/schemas.js';
import { ReadAgain } from '../../follow-topic.js';
import type {
  Corpus,
  CorpusRebuild,
  CorpusRecord,
  DocumentFilter,
  DocumentPage,
  DocumentSummary,
  SearchQuery,
  SearchResult,
} from '../corpus.js';
import { compare } from '../ranking/fusion.js';
import { checkQuery } from '../ranking/question.js';
import { summaryOf } from '../ranking/retrieved.js';
import { Applying } from './applying.js';
import {
  collections,
  currentCollection,
  type Encoder,
  nextCollection,
  openCollection,
  removeCollection,
  swapTo,
} from './collection.js';
import { CollectionGone } from './failures.js';
import type { Condition } from './graphql.js';
import { WeaviateHttp, type WeaviateServer } from './http.js';
import { tokenOf } from './key.js';
import { NoiseOfCollection } from './noise-of-collection.js';
import { Searching } from './searching.js';
import { SteadyObjects } from './steady-objects.js';
import { documentOf } from './stored.js';

export interface OpenWeaviateOptions extends WeaviateServer {
  /** What the engine calls the index: letters and digits, the first one a capital. Default Vimi. */
  index?: string;
  /** Nodes that keep each document, for a collection that is made. Default 1. */
  replicas?: number;
  encoder: Encoder;
  /** Nothing is made: an index that is not there is empty. */
  looksOnly?: boolean;
  /** How often a process that follows the topic looks whether a node was started again. Default 30,000. */
  watchMs?: number;
  log: { warn(fields: object, message: string): void };
}

/**
 * The corpus index in a Weaviate cluster, which all processes share. INDEX_OF_OTHER_ENCODER when it was made with another encoder.
 */
export async function openWeaviate(options: OpenWeaviateOptions): Promise<Corpus> {
  const corpus = new WeaviateCorpus(options);
  await corpus.open();
  return corpus;
}

/** Records are not written again so soon after it was decided that they are to be: the followers read the positions first. */
const quickMs = 100;

interface Collection {
  applying: Applying;
  searching: Searching;
  /** While records are written again. */
  searchingSteadily: Searching;
}

class WeaviateCorpus implements Corpus {
  readonly #http: WeaviateHttp;
  readonly #options: OpenWeaviateOptions;
  readonly #names: { index: string; encoder: Encoder };
  readonly #collections = new Map<string, Collection>();
  readonly #listeners: ((id: string) => void)[] = [];
  readonly #closing = new AbortController();
  readonly #again: (() => void)[] = [];
  #watch: NodeJS.Timeout | undefined;
  /** The collection of which `positions` was told last. */
  #told = '';

  constructor(options: OpenWeaviateOptions) {
    this.#http = new WeaviateHttp(options);
    this.#options = options;
    this.#names = { index: options.index ?? 'Vimi', encoder: options.encoder };
  }

  async open(): Promise<void> {
    const { replicas = 1, looksOnly = false } = this.#options;
    if (!looksOnly) await openCollection(this.#http, this.#names, replicas);
  }

  async search(query: SearchQuery): Promise<SearchResult> {
    checkQuery(query, this.#options.encoder.dimensions);
    return this.#inCurrent(async ({ applying, searching, searchingSteadily }) => {
      for (;;) {
        const { documents, digest, again, birth } = await applying.state();
        const began = performance.now();
        const found = await (again ? searchingSteadily : searching).search(query, { documents, digest });
        // One that took longer may have met records that began to be written again after it had asked.
        if (performance.now() - began < quickMs || (await applying.state()).birth === birth) return found;
      }
    });
  }

  async apply(records: CorpusRecord[]): Promise<void> {
    await this.#inCurrent(async ({ applying }, name) => {
      if (this.#told !== '' && name !== this.#told)
        throw new ReadAgain('INDEX_DAMAGED', 'The search index was replaced: its own positions come first');
      await applying.apply(records, this.#closing.signal);
    });
    for (const { id, document } of records)
      if (!document && id !== '') for (const listener of this.#listeners) listener(id);
  }

  positions(): Promise<Record<number, number>> {
    if (!this.#watch) this.#lookLater();
    return this.#inCurrent(({ applying }, name) => {
      this.#told = name;
      return applying.positions();
    });
  }

  get(id: string): Promise<CorpusDocument | null> {
    return this.#inCurrent(async ({ applying }) => {
      const found = await applying.objects.get(id, { vectors: true });
      const { json, document } = (found?.properties ?? {}) as { json?: string; document?: string };
      if (json === undefined || document !== id) return null;
      return documentOf(json, found?.vectors as { caption?: number[]; image?: number[] });
    });
  }

  find({ id, uri, source, licence, file, content }: DocumentFilter, page?: DocumentPage): Promise<DocumentSummary[]> {
    const token = (path: string, text: string | undefined): Condition[] =>
      text === undefined ? [] : [{ path, is: 'Equal', text }];
    const where = [
      ...token('document', id),
      ...token('uri', uri === undefined ? undefined : tokenOf(uri)),
      ...token('source', source === undefined ? undefined : tokenOf(source)),
      ...token('licence', licence === undefined ? undefined : tokenOf(licence)),
      ...token('file', file),
      ...token('content', content),
    ];
    return this.#inCurrent(async ({ applying: { objects } }) => {
      const found: string[] = [];
      const enter = ({ document, json }: { document: string; json?: unknown }) => {
        if (document !== '' && typeof json === 'string') found.push(json);
      };
      if (where.length === 0 && !page) for await (const hit of objects.all('document json')) enter(hit);
      else
        for (let last = page?.after ?? ''; ; ) {
          const limit = Math.min(500, (page?.most ?? Number.POSITIVE_INFINITY) - found.length);
          const hits = await objects.hits({
            where: [...where, { path: 'document', is: 'GreaterThan', text: last }],
            ...{ sort: 'document', limit, fields: 'document json' },
          });
          hits.forEach(enter);
          if (hits.length === 0 || found.length === page?.most) break;
          last = hits.at(-1)!.document;
        }
      return found
        .map((json) => summaryOf(JSON.parse(json) as CorpusDocument))
        .sort((a, b) => compare(a.document, b.document));
    });
  }

  onRemoved(listener: (id: string) => void): void {
    this.#listeners.push(listener);
  }

  onAgain(listener: () => void): void {
    this.#again.push(listener);
  }

  async state(): Promise<SearchResult['corpus']> {
    if (this.#options.looksOnly && (await currentCollection(this.#http, this.#names)) === null)
      return { documents: 0, digest: '0'.repeat(32) };
    return this.#inCurrent(async ({ applying }) => {
      const { documents, digest } = await applying.state();
      return { documents, digest };
    });
  }

  /** A collection beside the one that is searched; its documents come by `apply`. */
  async rebuild(): Promise<CorpusRebuild> {
    const { index } = this.#names;
    const http = this.#http;
    const name = await nextCollection(http, this.#names, this.#options.replicas ?? 1);
    const { applying } = this.#collection(name);
    return {
      name,
      positions: () => applying.positions(),
      apply: (records) => applying.apply(records, this.#closing.signal),
      state: async () => {
        const { documents, digest } = await applying.state();
        return { documents, digest };
      },
      swap: async () => {
        const others = (await collections(http, index)).filter((other) => other !== name);
        await swapTo(http, index, name);
        await applying.release();
        for (const other of others) {
          await this.#collections.get(other)?.applying.release();
          this.#collections.delete(other);
          await removeCollection(http, other);
        }
      },
      abandon: () => removeCollection(http, name),
    };
  }

  async close(): Promise<void> {
    clearTimeout(this.#watch);
    this.#closing.abort(new VimiError('CANCELLED', 'The corpus was closed'));
    // Another process takes over all the same, some seconds later.
    for (const { applying } of this.#collections.values()) await applying.release().catch(() => {});
  }

  #lookLater(): void {
    if (this.#closing.signal.aborted) return;
    // Trouble is met again, and said, by whoever applies records.
    const look = () =>
      this.#look()
        .catch(() => {})
        .finally(() => this.#lookLater());
    this.#watch = setTimeout(look, this.#options.watchMs ?? 30_000).unref();
  }

  async #look(): Promise<void> {
    const seen = await this.#inCurrent(({ applying }) => applying.look());
    if (seen === 'same') return;
    if (seen === 'rewound')
      this.#options.log.warn({}, 'A node of the search engine was started again: the last records are written again');
    for (const listener of this.#again) listener();
  }

  #collection(name: string): Collection {
    const known = this.#collections.get(name);
    if (known) return known;
    const { encoder, log } = this.#options;
    const onForeign = (document: string, model: string) =>
      log.warn({ document, model }, 'A document has no vectors of this embedder: words only');
    const applying = new Applying(this.#http, name, { encoder, onForeign });
    const { objects } = applying;
    const steady = new SteadyObjects(this.#http, name, () => applying.untilWritten());
    const noise = new NoiseOfCollection(objects);
    const made = {
      applying,
      searching: new Searching(objects, encoder, noise),
      searchingSteadily: new Searching(steady, encoder, noise),
    };
    this.#collections.set(name, made);
    return made;
  }

  /** All of `work` is about one collection. If that is replaced meanwhile, it begins again with the new one. */
  async #inCurrent<T>(work: (collection: Collection, name: string) => Promise<T>): Promise<T> {
    for (let last = ''; ; ) {
      if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
      const name = await currentCollection(this.#http, this.#names);
      if (name === null || name === last) throw new CollectionGone(this.#names.index);
      try {
        return await work(this.#collection(name), name);
      } catch (thrown) {
        if (!(thrown instanceof CollectionGone)) throw thrown;
        last = name;
      }
    }
  }
}
