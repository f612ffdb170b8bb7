import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { asVimiError, VimiError } from '../../errors.js';
import type { ContextEntry } from '../../events/prompt.js';
import type { CorpusDocument } from '../../events/schemas.js';
import { isNamed, isOnlyMentioned } from '../../language/names.js';
import { type Phrases, phrasesOf } from '../../language/phrases.js';
import type {
  CorpusRecord,
  DocumentFilter,
  DocumentSummary,
  NearDuplicate,
  SearchQuery,
  SearchResult,
} from '../corpus.js';
import { checkVector, cosine, fromBlob, isVector } from './checked-vector.js';
import {
  checkRow,
  type DocumentRow,
  damaged,
  IndexDamage,
  type IndexState,
  inodeOf,
  openDatabase,
  putAside,
  readState,
  type Sqlite,
  writeState,
} from './database.js';
import { documentOf, findDocuments, putDocument, removalsSince, removeDocument } from './documents-table.js';
import { compare, fuse } from './fusion.js';
import { columnWeights, lexicalQuery } from './lexical-query.js';
import { namedIn } from './named.js';
import { type Noise, noiseLevel, noiseOf, sampleSize } from './noise.js';
import { Roster } from './roster.js';
import { type Graphs, loadGraphs, saveGraphs } from './vector-cache.js';
import { VectorGraph } from './vector-graph.js';

export interface CorpusIndexOptions {
  folder: string;
  /** Documents embedded by another model are found by their words only. */
  embedder: { name: string; dimensions: { text: number; image: number } };
  log(level: 'info' | 'warn', fields: object, message: string): void;
  /**
   * Up to so many documents every vector is compared, so that equal corpora give equal answers in whatever order they
   * grew; beyond, HNSW chooses the candidates and the same exact comparison ranks them. Default 2,048: some
   * milliseconds a search.
   */
  exactUpTo?: number;
  /** A database of at most so many bytes is verified in whole when it is opened. Default 256 MiB. */
  verifyUpTo?: number;
  /** Graphs are saved after so many changes, and on close. Default 10,000. */
  saveEvery?: number;
}

/** Places of each ranking that fusion looks at. */
const leastDepth = 50;
/** Places of the lexical ranking in which captions are looked for that the text names. */
const namesDepth = 1000;
/** Near-duplicates told of, nearest first. */
const mostNearDuplicates = 64;

/** The corpus index of one thread: all calls are synchronous. See corpus.ts for what they promise. */
export class CorpusIndex {
  private database: Sqlite;
  private inode: number | null;
  private roster = new Roster();
  /** All vectors, up to `exactUpTo` documents: 1.5 KB each. */
  private vectors = new Map<number, StoredVectors>();
  /** In their place beyond. */
  private graphs: Graphs | null = null;
  /** How far the roster follows the database, and of which birth. */
  private seen = 0;
  private epoch = '';
  /** The birth of which `positions` was told last. */
  private toldEpoch: string;
  private unsaved = 0;
  /** Measured of these labels, at this change of the database. */
  private noise: { level: Noise | null; of: string; at: string } | null = null;
  /** Where the index stood before it was lost: until it is there again, searches would find too little. */
  private lost: Record<number, number> | null = null;
  private lastPositions: Record<number, number> = {};

  private readonly options: Required<CorpusIndexOptions>;

  constructor(options: CorpusIndexOptions) {
    this.options = { exactUpTo: 2048, verifyUpTo: 256 * 2 ** 20, saveEvery: 10_000, ...options };
    this.database = this.openOrStartAnew();
    this.inode = inodeOf(options.folder);
    this.toldEpoch = readState(this.database).epoch;
  }

  /** INDEX_DAMAGED while the index is being filled again after a loss, unless `partial` answers will do. */
  search(query: SearchQuery, { partial = false } = {}): SearchResult {
    const { dimensions } = this.options.embedder;
    const dense = query.mode !== 'lexical' && query.k > 0;
    if (dense && !query.textEmbedding)
      throw new VimiError('VECTOR_INVALID', `A ${query.mode} search needs the embedding of its text`);
    if (query.textEmbedding) checkVector(query.textEmbedding, dimensions.text, 'text');
    if (query.imageEmbedding) checkVector(query.imageEmbedding, dimensions.image, 'image');
    if (query.exclude?.imageEmbedding) checkVector(query.exclude.imageEmbedding, dimensions.image, 'own image');
    return this.guarded(() =>
      this.database
        .transaction(() => {
          const state = this.catchUp();
          if (this.lost && !partial) throw notReady('an index that is still being filled again from the topic');
          const { near, nearDuplicates } = this.nearDuplicates(query);
          const context = query.k > 0 ? this.rank(query, near) : [];
          return { context, nearDuplicates, corpus: { documents: state.documents, digest: state.digest } };
        })
        .deferred(),
    );
  }

  apply(records: CorpusRecord[]): void {
    this.guarded(() => {
      this.database
        .transaction(() => {
          const state = readState(this.database);
          if (state.epoch !== this.toldEpoch)
            throw notReady('an index that was started anew: read its positions and feed it from there');
          for (const { partition, offset, id, document } of records) {
            if (offset < (state.positions[partition] ?? 0)) continue;
            state.positions[partition] = offset + 1;
            if (document) putDocument(this.database, state, id, document);
            else removeDocument(this.database, state, id);
          }
          writeState(this.database, state);
        })
        .immediate();
      // Outside of the write, so that others need not wait; a search would do it else.
      this.database.transaction(() => this.catchUp()).deferred();
    });
    if (this.unsaved >= this.options.saveEvery) this.save();
  }

  positions(): Record<number, number> {
    return this.guarded(() => {
      const { positions, epoch } = readState(this.database);
      this.toldEpoch = epoch;
      return positions;
    });
  }

  get(id: string): CorpusDocument | null {
    return this.guarded(() => {
      const row = this.database.prepare('SELECT * FROM documents WHERE id = ?').get(id) as DocumentRow | undefined;
      return row ? documentOf(checkRow(row)) : null;
    });
  }

  find(filter: DocumentFilter): DocumentSummary[] {
    return this.guarded(() => findDocuments(this.database, filter));
  }

  state(): SearchResult['corpus'] {
    return this.guarded(() => {
      const { documents, digest } = readState(this.database);
      return { documents, digest };
    });
  }

  close(): void {
    if (this.unsaved > 0) this.save();
    this.database.close();
  }

  private rank(query: SearchQuery, near: ReadonlySet<number>): ContextEntry[] {
    const depth = Math.max(leastDepth, 2 * query.k);
    const allows = this.roster.allows({ source: query.exclude?.source, licences: query.licences, without: near });
    const { onlyNamed = false } = query;
    // A text of function words alone, or of none, is like no caption, though its embedding is like some.
    const asked = phrasesOf(query.text);
    const says = lexicalQuery(asked, { named: false }) !== null;
    const words = lexicalQuery(asked, { named: onlyNamed });
    const hits =
      words === null || query.mode === 'dense'
        ? []
        : this.lexicalRanking(words, {
            asked,
            onlyNamed,
            depth: query.names ? Math.max(namesDepth, depth) : depth,
            allows,
          });
    const named = query.names ? namedIn(asked, hits) : [];
    const lexical = hits.filter(({ label }, n) => n < depth || named.includes(label));
    const caption =
      !says || query.mode === 'lexical' ? [] : this.denseRanking('caption', query.textEmbedding!, depth, allows);
    const image =
      query.mode === 'lexical' || !query.imageEmbedding
        ? []
        : this.denseRanking('image', query.imageEmbedding, depth, allows);

    const isElsewhere = (label: number) => onlyNamed && isOnlyMentioned(phrasesOf(this.row(label).caption), asked);
    const noise = onlyNamed ? this.measuredNoise() : null;
    const above = (kind: keyof Noise, given: number | undefined) => {
      const level = given ?? (onlyNamed ? noiseLevel(noise?.[kind], this.roster.searchable) : -1);
      return (hit: { label: number; id: string; score: number }) => ({
        ...hit,
        fits: hit.score > level && !(kind === 'caption' && isElsewhere(hit.label)),
      });
    };
    return fuse(
      {
        named,
        lexical: lexical.map((hit) => ({ ...hit, fits: true })),
        dense: caption.map(above('caption', query.minScore)),
        image: image.map(above('image', query.minImageScore ?? query.minScore)),
      },
      query.k,
    ).map(({ label, id, score, ranks }) => {
      const document = documentOf(checkRow(this.row(label)));
      return { document: id, caption: document.caption, image: document.image, score, ranks };
    });
  }

  private lexicalRanking(
    match: string,
    {
      asked,
      onlyNamed,
      depth,
      allows,
    }: { asked: Phrases; onlyNamed: boolean; depth: number; allows: (label: number) => boolean },
  ) {
    const found: { label: number; id: string; caption: string }[] = [];
    const rows = this.database
      .prepare(
        `SELECT lexical.rowid AS label, documents.id AS id, documents.caption AS caption FROM lexical JOIN documents ON documents.seq = lexical.rowid
         WHERE lexical MATCH ? ORDER BY bm25(lexical, ${columnWeights}), documents.id`,
      )
      .iterate(match) as IterableIterator<(typeof found)[number]>;
    for (const row of rows) {
      if (allows(row.label) && (!onlyNamed || isNamed(phrasesOf(row.caption), asked))) found.push(row);
      if (found.length === depth) break;
    }
    return found;
  }

  /** Of the documents whose ids come first: equal corpora measure alike. */
  private measuredNoise(): Noise | null {
    const at = `${this.epoch} ${this.seen}`;
    if (this.noise?.at !== at) {
      const rows = this.database
        .prepare('SELECT seq, caption FROM documents WHERE retrievable ORDER BY id LIMIT ?')
        .all(sampleSize) as Pick<DocumentRow, 'seq' | 'caption'>[];
      const sample = rows.filter(({ seq }) => this.roster.isSearchable(seq));
      const of = sample.map(({ seq }) => seq).join();
      if (this.noise?.of === of) this.noise.at = at;
      else {
        const vectors = (label: number) => this.vectors.get(label) ?? vectorsOf(this.row(label));
        this.noise = { at, of, level: noiseOf(sample.map(({ seq, caption }) => ({ caption, vectors: vectors(seq) }))) };
      }
    }
    return this.noise.level;
  }

  private denseRanking(
    kind: 'caption' | 'image',
    vector: readonly number[],
    depth: number,
    allows: (label: number) => boolean,
  ) {
    const searchable = (label: number) => this.roster.isSearchable(label) && allows(label);
    const candidates = this.graphs
      ? this.graphs[kind]
          .nearest(vector, depth, searchable)
          .map((label) => [label, vectorsOf(this.row(label))] as const)
      : [...this.vectors].filter(([label]) => searchable(label));
    return candidates
      .map(([label, stored]) => ({ label, id: stored.id, score: cosine(vector, stored[kind]) }))
      .sort((a, b) => b.score - a.score || compare(a.id, b.id))
      .slice(0, depth);
  }

  private nearDuplicates({ exclude = {} }: SearchQuery): { near: Set<number>; nearDuplicates: NearDuplicate[] } {
    const { contentHash, perceptual, distance = 6, imageEmbedding, likeness: least = 0.85 } = exclude;
    const found = new Map<number, NearDuplicate>();
    const enter = (row: DocumentRow, bits: number) => {
      const { provenance, embeddings, hashes } = documentOf(checkRow(row));
      const { name, dimensions } = this.options.embedder;
      const comparable = imageEmbedding && embeddings.model === name && isVector(embeddings.image, dimensions.image);
      const likeness = comparable ? cosine(imageEmbedding, embeddings.image) : null;
      const exact = row.content === contentHash;
      if (!exact && likeness !== null && likeness < least) return;
      const { source, uri, event } = provenance;
      found.set(row.seq, {
        document: row.id,
        distance: exact ? 0 : bits,
        exact,
        likeness,
        film: hashes.film,
        source,
        uri,
        event,
      });
    };
    if (perceptual !== undefined)
      for (const [label, bits] of this.roster.near(perceptual, distance)) enter(this.row(label), bits);
    if (contentHash !== undefined)
      for (const row of this.database.prepare('SELECT * FROM documents WHERE content = ?').all(contentHash))
        enter(row as DocumentRow, 0);
    const nearest = [...found.values()].sort(
      (a, b) => Number(b.exact) - Number(a.exact) || a.distance - b.distance || compare(a.document, b.document),
    );
    return { near: new Set(found.keys()), nearDuplicates: nearest.slice(0, mostNearDuplicates) };
  }

  private row(label: number): DocumentRow {
    const row = this.database.prepare('SELECT * FROM documents WHERE seq = ?').get(label) as DocumentRow | undefined;
    if (!row) throw damaged(`no row ${label}`);
    return row;
  }

  /** Brings roster and graphs to the database's state, whoever changed it. Within a transaction. */
  private catchUp(): IndexState {
    const state = readState(this.database);
    if (state.epoch !== this.epoch) {
      this.roster = new Roster();
      this.vectors.clear();
      this.graphs = null;
      this.seen = 0;
      this.epoch = state.epoch;
    }
    this.lastPositions = state.positions;
    if (this.lost && Object.entries(this.lost).every(([partition, next]) => (state.positions[+partition] ?? 0) >= next))
      this.lost = null;
    if (state.seq > this.seen) {
      for (const label of removalsSince(this.database, this.seen)) {
        if (this.graphs && this.roster.isSearchable(label)) {
          this.graphs.caption.remove(label);
          this.graphs.image.remove(label);
        }
        this.vectors.delete(label);
        this.roster.remove(label);
      }
      const rows = this.database.prepare('SELECT * FROM documents WHERE seq > ?').iterate(this.seen);
      for (const row of rows as IterableIterator<DocumentRow>) {
        this.enrol(row);
        if (!this.roster.isSearchable(row.seq)) continue;
        if (this.graphs) addToGraphs(this.graphs, row);
        // While more come than are compared exactly, the graphs will be built in a moment.
        else if (this.vectors.size <= this.options.exactUpTo) this.vectors.set(row.seq, vectorsOf(row));
      }
      this.unsaved += this.graphs ? state.seq - this.seen : 0;
      this.seen = state.seq;
      if (this.graphs) this.graphs.seq = state.seq;
    }
    if (!this.graphs && this.roster.searchable > this.options.exactUpTo) {
      this.graphs = this.buildGraphs(state);
      this.vectors.clear();
    }
    return state;
  }

  private enrol(row: DocumentRow): void {
    const document = documentOf(row);
    const { name, dimensions } = this.options.embedder;
    const { model, caption, image } = document.embeddings;
    const vectors = model === name && isVector(caption, dimensions.text) && isVector(image, dimensions.image);
    if (!vectors && document.retrievable)
      this.options.log('warn', { document: row.id, model }, 'A document has no vectors of this embedder: words only');
    this.roster.set(row.seq, {
      retrievable: document.retrievable,
      vectors,
      perceptual: document.hashes.perceptual,
      source: document.provenance.source,
      licence: document.provenance.licence,
    });
  }

  private buildGraphs(state: IndexState): Graphs {
    const { dimensions } = this.options.embedder;
    const loaded = loadGraphs(this.graphFolder(), this.identity(state.epoch), state.seq);
    if (!loaded) this.options.log('info', { documents: this.roster.searchable }, 'Building the vector graphs');
    const graphs: Graphs = loaded ?? {
      caption: VectorGraph.empty(dimensions.text),
      image: VectorGraph.empty(dimensions.image),
      seq: 0,
    };
    const had = graphs.seq;
    // A label that was added and removed since the graphs were saved is in neither.
    const added = this.database.prepare('SELECT * FROM documents WHERE seq > ?').iterate(had);
    for (const label of loaded ? removalsSince(this.database, had) : [])
      if (label <= had) {
        graphs.caption.remove(label);
        graphs.image.remove(label);
      }
    for (const row of added as IterableIterator<DocumentRow>)
      if (this.roster.isSearchable(row.seq)) addToGraphs(graphs, row);
    graphs.seq = state.seq;
    this.unsaved = state.seq - had;
    return graphs;
  }

  private save(): void {
    if (!this.graphs) return;
    try {
      saveGraphs(this.graphFolder(), this.graphs, this.identity(this.epoch));
    } catch (thrown) {
      // They can be built again: a full disk must not end the pipeline.
      this.options.log('warn', { error: asVimiError(thrown).message }, 'The vector graphs could not be saved');
    }
    this.unsaved = 0;
  }

  private graphFolder(): string {
    return join(this.options.folder, 'graphs');
  }

  private identity(epoch: string) {
    const { name, dimensions } = this.options.embedder;
    return { epoch, embedder: name, dimensions: { text: dimensions.text, image: dimensions.image } };
  }

  /** Notices a database that was replaced or that turns out damaged, and translates SQLite's errors. */
  private guarded<T>(work: () => T): T {
    if (inodeOf(this.options.folder) !== this.inode) this.reopen('It was removed or replaced');
    try {
      return work();
    } catch (thrown) {
      const error = translate(thrown);
      if (error instanceof IndexDamage) this.reopen(error.message);
      throw error;
    }
  }

  private reopen(why: string): void {
    this.database.close();
    putAside(this.options.folder, this.inode);
    this.database = this.openOrStartAnew();
    this.inode = inodeOf(this.options.folder);
    this.options.log('warn', { why }, 'The corpus index was opened anew');
    this.lost = this.lastPositions;
  }

  private openOrStartAnew(): Sqlite {
    const { folder, verifyUpTo, log } = this.options;
    const inode = inodeOf(folder);
    try {
      return openDatabase(folder, verifyUpTo);
    } catch (thrown) {
      const error = translate(thrown);
      // A file whose schema page is gone answers with a plain SQLITE_ERROR: no such table.
      if (!(error instanceof IndexDamage) && (thrown as { code?: unknown }).code !== 'SQLITE_ERROR') throw error;
      log(
        'warn',
        { error: error.message },
        'The corpus index is damaged: it is put aside and filled again from the topic',
      );
      putAside(folder, inode);
      rmSync(this.graphFolder(), { recursive: true, force: true });
      return openDatabase(folder, verifyUpTo);
    }
  }
}

interface StoredVectors {
  id: string;
  caption: Float32Array;
  image: Float32Array;
}

function vectorsOf(row: DocumentRow): StoredVectors {
  return { id: row.id, caption: fromBlob(row.caption_vector), image: fromBlob(row.image_vector) };
}

function addToGraphs(graphs: Graphs, row: DocumentRow): void {
  graphs.caption.add(row.seq, fromBlob(row.caption_vector));
  graphs.image.add(row.seq, fromBlob(row.image_vector));
}

function notReady(found: string): VimiError {
  return new VimiError('INDEX_DAMAGED', 'The corpus index is not ready', { found });
}

function translate(thrown: unknown): VimiError {
  const code = String((thrown as { code?: unknown } | null)?.code ?? '');
  if (/^SQLITE_(CORRUPT|NOTADB|FORMAT|IOERR_SHORT_READ)/.test(code)) return damaged((thrown as Error).message);
  if (code.startsWith('SQLITE_BUSY'))
    return new VimiError('TIMED_OUT', 'The corpus index is locked by another process', { cause: thrown });
  return asVimiError(thrown);
}
