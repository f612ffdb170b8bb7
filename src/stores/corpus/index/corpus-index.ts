import { rmSync } from 'node:fs';
import { VimiError } from '../../../core/errors.js';
import type { ContextEntry } from '../../../events/prompt.js';
import type { CorpusDocument } from '../../../events/schemas.js';
import type {
  CorpusRecord,
  DocumentFilter,
  DocumentPage,
  DocumentSummary,
  NearDuplicate,
  RetrievedAs,
  SearchQuery,
  SearchResult,
} from '../corpus.js';
import { answerTo } from '../ranking/answer.js';
import { fromBlob } from '../ranking/checked-vector.js';
import { mostWords } from '../ranking/lexical-terms.js';
import { likenessOf, nearDuplicate, nearest } from '../ranking/near-duplicates.js';
import { type Noise, noiseOf, sampleSize } from '../ranking/noise.js';
import { checkQuery, type Question, questionOf } from '../ranking/question.js';
import { CorpusView, snapshotFolder } from './corpus-view.js';
import {
  asIndexError,
  checkRow,
  type DocumentRow,
  damaged,
  IndexDamage,
  type IndexState,
  inodeOf,
  openDatabase,
  prepared,
  putAside,
  reading,
  readState,
  type Sqlite,
  verifiedBytes,
  writeState,
} from './database.js';
import type { VectorKind } from './dense-index.js';
import { contextOf, documentOf, findDocuments, putDocument, removeDocument } from './documents-table.js';
import { claimEncoder } from './index-encoder.js';
import type { Roster } from './roster.js';

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
  /** A database of at most so many bytes is verified in whole when it is opened: by default 16 MiB, some tenths of a second. */
  verifyUpTo?: number;
  /** A snapshot is saved after so many changes, and after a tenth of the documents changed. Default 10,000. */
  saveEvery?: number;
}

/** That says whether a document can be retrieved as this. */
const columnOf = { image: 'retrievable', clip: 'clip' } as const;
/** Vectors put into the graphs at once while nobody waits: some milliseconds. */
const settledAtOnce = 8;

/** The corpus index of one thread: all calls are synchronous. See corpus.ts for what they promise. */
export class CorpusIndex {
  #database: Sqlite;
  #inode: number | null;
  #view: CorpusView | null = null;
  /** The birth of which `positions` was told last. */
  #toldEpoch: string;
  /** Measured of these labels, at this change of the database. */
  readonly #noise: Partial<Record<RetrievedAs, { level: Noise | null; of: string; at: string }>> = {};
  /** Where the index stood before it was lost: until it is there again, searches would find too little. */
  #lost: Record<number, number> | null = null;
  #lastPositions: Record<number, number> = {};

  readonly #options: Required<CorpusIndexOptions>;

  constructor(options: CorpusIndexOptions) {
    this.#options = { exactUpTo: 2048, verifyUpTo: verifiedBytes, saveEvery: 10_000, ...options };
    this.#database = this.#openOrStartAnew();
    this.#inode = inodeOf(options.folder);
    this.#toldEpoch = readState(this.#database).epoch;
  }

  /** INDEX_DAMAGED while the index is being filled again after a loss, unless `partial` answers will do. */
  search(query: SearchQuery, { partial = false } = {}): SearchResult {
    checkQuery(query, this.#options.embedder.dimensions);
    return this.#guarded(() =>
      reading(this.#database, () => {
        const { state, view } = this.#catchUp();
        if (this.#lost && !partial) throw notReady('an index that is still being filled again from the topic');
        const { near, nearDuplicates } = this.#nearDuplicates(view.roster, query);
        const context = query.k > 0 ? this.#rank(view, query, near) : [];
        return { context, nearDuplicates, corpus: { documents: state.documents, digest: state.digest } };
      }),
    );
  }

  apply(records: CorpusRecord[]): void {
    this.#guarded(() => {
      this.#database
        .transaction(() => {
          const state = readState(this.#database);
          if (state.epoch !== this.#toldEpoch)
            throw notReady('an index that was started again: read its positions and feed it from there');
          for (const { partition, offset, id, document } of records) {
            if (offset < (state.positions[partition] ?? 0)) continue;
            state.positions[partition] = offset + 1;
            if (document) putDocument(this.#database, state, id, document);
            else removeDocument(this.#database, state, id);
          }
          writeState(this.#database, state);
        })
        .immediate();
      // Outside of the write, so that others need not wait; a search would do it else.
      reading(this.#database, () => this.#catchUp().view.dense(this.#database));
    });
    this.#view?.settle(Number.POSITIVE_INFINITY);
    this.#view?.saveWhenDue();
  }

  positions(): Record<number, number> {
    return this.#guarded(() => {
      const { positions, epoch } = readState(this.#database);
      this.#toldEpoch = epoch;
      return positions;
    });
  }

  get(id: string): CorpusDocument | null {
    return this.#guarded(() => {
      const row = prepared(this.#database, 'SELECT * FROM documents WHERE id = ?').get(id) as DocumentRow | undefined;
      return row ? documentOf(checkRow(row)) : null;
    });
  }

  find(filter: DocumentFilter, page?: DocumentPage): DocumentSummary[] {
    return this.#guarded(() => findDocuments(this.#database, filter, page));
  }

  state(): SearchResult['corpus'] {
    return this.#guarded(() => {
      const { documents, digest } = readState(this.#database);
      return { documents, digest };
    });
  }

  /** Saves what is kept in memory, so that a copy of the index has it. */
  save(): void {
    this.#guarded(() => reading(this.#database, () => this.#catchUp().view.dense(this.#database)));
    this.#view?.settle(Number.POSITIVE_INFINITY);
    this.#view?.save();
  }

  /** A little of what could wait (dense-index.ts). Returns whether there is more. */
  settle(): boolean {
    return this.#view?.settle(settledAtOnce) ?? false;
  }

  close(): void {
    this.#view?.close();
    this.#database.close();
  }

  #rank(view: CorpusView, query: SearchQuery, near: ReadonlySet<number>): ContextEntry[] {
    const { roster } = view;
    const { kind = 'image' } = query;
    const allows = roster.allows({ kind, source: query.exclude?.source, licences: query.licences, without: near });
    const question = questionOf(query);
    const { caption, image, depth } = question;
    const nearest = (of: VectorKind, vector: readonly number[]) =>
      view
        .dense(this.#database)
        .nearest(of, vector, {
          ...{ depth, database: this.#database, roster },
          allows: (label) => roster.isSearchable(label) && allows(label),
        })
        .map(({ label, score }) => ({ label, id: roster.idOf(label), score }));
    const found = {
      lexical: this.#lexicalRanking(view, question, allows),
      caption: caption ? nearest('caption', caption) : [],
      image: image ? nearest('image', image) : [],
    };
    return answerTo<{ id: string; label: number }>(question, found, {
      noise: () => this.#measuredNoise(roster, kind),
      searchable: roster.searchableAs[kind],
      captionOf: ({ label }) => this.#row(label).caption,
    }).map(({ hit, score, ranks }) => ({
      ...contextOf(this.#database, hit.label, hit.id, kind),
      score,
      ranks,
    }));
  }

  #lexicalRanking(
    { lexical, roster }: CorpusView,
    question: Question,
    allows: (label: number) => boolean,
  ): LexicalHit[] {
    if (!question.lexical) return [];
    const { terms, depth, isAbout } = question.lexical;
    const known: boolean[] = [];
    const isAboutThat = (label: number) => {
      if (!isAbout) return true;
      const subject = lexical.subjectOf(label);
      known[subject] ??= isAbout(JSON.parse(lexical.subjectText(subject)));
      return known[subject];
    };
    const hits = lexical.search(terms, {
      depth,
      accepts: (label) => allows(label) && isAboutThat(label),
      before: (a, b) => roster.isBefore(a, b),
    });
    // In the places that do not count, captions are looked for that the text names: all their words stand in it.
    const isPart = lexical.hasOnly(terms.stems);
    const row = (label: number) => this.#row(label);
    return hits
      .filter(({ label }, n) => n < question.depth || terms.stems.length === mostWords || isPart(label))
      .map(({ label }) => ({
        label,
        id: roster.idOf(label),
        get caption() {
          return row(label).caption;
        },
      }));
  }

  /** Of the documents whose ids come first: equal corpora measure alike. */
  #measuredNoise(roster: Roster, kind: RetrievedAs): Noise | null {
    const { epoch, seq } = readState(this.#database);
    const at = `${epoch} ${seq}`;
    let noise = this.#noise[kind];
    if (noise?.at !== at) {
      const rows = prepared(
        this.#database,
        `SELECT seq, caption FROM documents WHERE ${columnOf[kind]} ORDER BY id LIMIT ?`,
      ).all(sampleSize) as Pick<DocumentRow, 'seq' | 'caption'>[];
      const sample = rows.filter(({ seq }) => roster.isSearchable(seq));
      const of = sample.map(({ seq }) => seq).join();
      if (noise?.of === of) noise.at = at;
      else {
        const vectors = (label: number) => vectorsOf(this.#row(label));
        noise = {
          at,
          of,
          level: noiseOf(sample.map(({ seq, caption }) => ({ caption, vectors: vectors(seq) }))),
        };
      }
    }
    this.#noise[kind] = noise;
    return noise.level;
  }

  #nearDuplicates(roster: Roster, query: SearchQuery): { near: Set<number>; nearDuplicates: NearDuplicate[] } {
    const like = likenessOf(query);
    const found = new Map<number, NearDuplicate>();
    const enter = (row: DocumentRow, bits: number) => {
      const duplicate = nearDuplicate(documentOf(checkRow(row)), bits, like, this.#options.embedder);
      if (duplicate) found.set(row.seq, duplicate);
    };
    if (like.perceptual !== undefined)
      for (const [label, bits] of roster.near(like.perceptual, like.distance)) enter(this.#row(label), bits);
    if (like.contentHash !== undefined)
      for (const row of prepared(this.#database, 'SELECT * FROM documents WHERE content = ?').all(like.contentHash))
        enter(row as DocumentRow, 0);
    return { near: new Set(found.keys()), nearDuplicates: nearest(found.values()) };
  }

  #row(label: number): DocumentRow {
    const row = prepared(this.#database, 'SELECT * FROM documents WHERE seq = ?').get(label) as DocumentRow | undefined;
    if (!row) throw damaged(`no row ${label}`);
    return row;
  }

  /** Brings what is in memory to the database's state, whoever changed it. Within a transaction. */
  #catchUp(): { state: IndexState; view: CorpusView } {
    const state = readState(this.#database);
    const view = this.#view?.epoch === state.epoch ? this.#view : new CorpusView(this.#options, state);
    this.#view = view;
    this.#lastPositions = state.positions;
    if (
      this.#lost &&
      Object.entries(this.#lost).every(([partition, next]) => (state.positions[+partition] ?? 0) >= next)
    )
      this.#lost = null;
    view.catchUp(this.#database, state);
    return { state, view };
  }

  /** Notices a database that was replaced or that turns out damaged, and translates SQLite's errors. */
  #guarded<T>(work: () => T): T {
    if (inodeOf(this.#options.folder) !== this.#inode) this.#reopen('It was removed or replaced');
    try {
      return work();
    } catch (thrown) {
      const error = asIndexError(thrown);
      if (error instanceof IndexDamage) this.#reopen(error.message);
      throw error;
    }
  }

  #reopen(why: string): void {
    this.#database.close();
    putAside(this.#options.folder, this.#inode);
    this.#database = this.#openOrStartAnew();
    this.#inode = inodeOf(this.#options.folder);
    this.#options.log('warn', { why }, 'The corpus index was reopened');
    this.#lost = this.#lastPositions;
  }

  #openOrStartAnew(): Sqlite {
    const { folder, embedder, verifyUpTo, log } = this.#options;
    // Another process may have put an index of another encoder in its place.
    claimEncoder(folder, embedder.name);
    const inode = inodeOf(folder);
    try {
      return openDatabase(folder, verifyUpTo);
    } catch (thrown) {
      const error = asIndexError(thrown);
      // A file whose schema page is gone answers with a plain SQLITE_ERROR: no such table.
      if (!(error instanceof IndexDamage) && (thrown as { code?: unknown }).code !== 'SQLITE_ERROR') throw error;
      const why = String(error.found).startsWith('layout') ? 'of another layout' : 'damaged';
      log(
        'warn',
        { error: error.message },
        `The corpus index is ${why}: it is put aside and filled again from the topic`,
      );
      putAside(folder, inode);
      rmSync(snapshotFolder(folder), { recursive: true, force: true });
      return openDatabase(folder, verifyUpTo);
    }
  }
}

interface LexicalHit {
  label: number;
  id: string;
  /** Read when it is asked for. */
  readonly caption: string;
}

function vectorsOf(row: DocumentRow): Record<VectorKind, Float32Array> {
  return { caption: fromBlob(row.caption_vector), image: fromBlob(row.image_vector) };
}

function notReady(found: string): VimiError {
  return new VimiError('INDEX_DAMAGED', 'The corpus index is not ready', { found });
}
