import { join } from 'node:path';
import { asVimiError } from '../../../core/errors.js';
import type { CorpusDocument } from '../../../events/schemas.js';
import { fromBlob, isVector } from '../ranking/checked-vector.js';
import { isRetrievable, retrievableAs } from '../ranking/retrieved.js';
import { checkRow, type DocumentRow, type IndexState, prepared, type Sqlite } from './database.js';
import { DenseIndex, type Graphs } from './dense-index.js';
import { removalsSince } from './documents-table.js';
import { LexicalIndex } from './lexical/lexical-index.js';
import { Roster } from './roster.js';
import { readSections, writeSections } from './sections.js';
import { findSnapshot, readSnapshotFile, type Snapshot, type SnapshotIdentity, writeSnapshot } from './snapshot.js';
import { VectorGraph } from './vector-graph.js';

export interface CorpusViewOptions {
  folder: string;
  embedder: { name: string; dimensions: { text: number; image: number } };
  exactUpTo: number;
  saveEvery: number;
  log(level: 'info' | 'warn', fields: object, message: string): void;
}

/** Raise it when a file of the snapshot changes. */
export const memoryLayout = 2;
/** Beside a large corpus a snapshot waits until so much of it has changed. */
const savedPart = 0.1;
/** On closing, fewer changes than this part of `saveEvery` are left to be read again: a millisecond for a hundred. */
const leftPart = 0.1;

/** What is kept in memory of one birth of the database, and follows it: filters, words, vectors. A snapshot saves the reading. */
export class CorpusView {
  readonly epoch: string;
  #roster = new Roster();
  #lexical = new LexicalIndex();
  readonly #dense: DenseIndex;
  /** Up to which change of the database roster and lexical index are complete. */
  #seq = 0;
  #savedAt: number | null = null;
  readonly #options: CorpusViewOptions;

  constructor(options: CorpusViewOptions, { epoch, seq }: IndexState) {
    this.epoch = epoch;
    this.#options = options;
    const { folder, embedder, exactUpTo } = options;
    const snapshot = findSnapshot(snapshotFolder(folder), this.#identity(), seq);
    const roster = snapshot && this.#read(snapshot, 'roster', (path) => Roster.fromColumns(columnsOf(path)));
    const lexical = roster && this.#read(snapshot, 'lexical', (path) => LexicalIndex.fromColumns(columnsOf(path)));
    if (lexical) {
      this.#roster = roster;
      this.#lexical = lexical;
      this.#seq = snapshot.seq;
      this.#savedAt = snapshot.seq;
    }
    this.#dense = new DenseIndex(embedder.dimensions, exactUpTo, () => this.#loadGraphs(snapshot));
  }

  get roster(): Roster {
    return this.#roster;
  }

  get lexical(): LexicalIndex {
    return this.#lexical;
  }

  /** Caught up with the roster. */
  dense(database: Sqlite): DenseIndex {
    this.#dense.catchUp(database, this.#roster, this.#seq);
    return this.#dense;
  }

  /** Brings roster and lexical index to the database's state, whoever changed it. Within a transaction. */
  catchUp(database: Sqlite, { seq }: IndexState): void {
    if (seq === this.#seq) return;
    for (const label of removalsSince(database, this.#seq)) {
      if (this.#roster.isRetrievable(label)) this.#lexical.remove(label);
      this.#roster.remove(label);
    }
    const rows = prepared(database, 'SELECT * FROM documents WHERE seq > ? ORDER BY seq').iterate(this.#seq);
    for (const row of rows as IterableIterator<DocumentRow>) {
      this.#enrol(checkRow(row));
      if (row.retrievable || row.clip) this.#lexical.add(row.seq, row);
    }
    this.#seq = seq;
  }

  /** Moves at most so many vectors into the graphs; see DenseIndex. */
  settle(most: number): boolean {
    return this.#dense.settle(most);
  }

  saveWhenDue(): void {
    const { saveEvery } = this.#options;
    if (this.#changes >= Math.max(saveEvery, savedPart * this.#roster.searchable)) this.save();
  }

  close(): void {
    if (this.#savedAt === null || this.#changes >= leftPart * this.#options.saveEvery) this.save();
  }

  get #changes(): number {
    return this.#seq - (this.#savedAt ?? 0);
  }

  /** A small corpus is read from the database as fast, and has no graphs. */
  save(): void {
    const { graphs } = this.#dense;
    if (!graphs || this.#changes === 0) return;
    const described = { identity: this.#identity(), seq: this.#seq, graphs: graphs.seq };
    try {
      writeSnapshot(snapshotFolder(this.#options.folder), described, {
        roster: (path) => writeSections(path, this.#roster.toColumns()),
        lexical: (path) => writeSections(path, this.#lexical.toColumns()),
        caption: (path) => graphs.caption.save(path),
        image: (path) => graphs.image.save(path),
      });
    } catch (thrown) {
      // It can be made again: a full disk must not end the pipeline.
      const { message } = asVimiError(thrown);
      this.#options.log('warn', { error: message }, 'The snapshot of the corpus index could not be saved');
    }
    this.#savedAt = this.#seq;
  }

  #enrol(row: DocumentRow): void {
    const { name, dimensions } = this.#options.embedder;
    const document = JSON.parse(row.json) as CorpusDocument;
    const { embeddings, hashes, provenance } = document;
    const vectors =
      embeddings.model === name &&
      isVector(fromBlob(row.caption_vector), dimensions.text) &&
      isVector(fromBlob(row.image_vector), dimensions.image);
    if (!vectors && isRetrievable(document))
      this.#options.log(
        'warn',
        { document: row.id, model: embeddings.model },
        'A document has no vectors of this embedder: words only',
      );
    this.#roster.set(row.seq, {
      id: row.id,
      as: retrievableAs(document),
      vectors,
      perceptual: hashes.perceptual,
      source: provenance.source,
      licence: provenance.licence,
    });
  }

  #loadGraphs(snapshot: Snapshot | null): Graphs | null {
    const { dimensions } = this.#options.embedder;
    if (snapshot && snapshot.graphs <= this.#seq) {
      const caption = this.#read(snapshot, 'caption', (path) => VectorGraph.load(path, dimensions.text));
      const image = caption && this.#read(snapshot, 'image', (path) => VectorGraph.load(path, dimensions.image));
      if (image) return { caption, image, seq: snapshot.graphs };
    }
    this.#options.log('info', { documents: this.#roster.searchable }, 'Building the vector graphs');
    return null;
  }

  #read<T>(snapshot: Snapshot, name: Parameters<typeof readSnapshotFile>[2], read: (path: string) => T): T | null {
    return readSnapshotFile(snapshotFolder(this.#options.folder), snapshot, name, read);
  }

  #identity(): SnapshotIdentity {
    const { name, dimensions } = this.#options.embedder;
    const { text, image } = dimensions;
    return { version: memoryLayout, epoch: this.epoch, embedder: name, dimensions: { text, image } };
  }
}

/** In the folder of the index. */
export function snapshotFolder(folder: string): string {
  return join(folder, 'snapshot');
}

/** As `toColumns` gave them: the checksum of the file says so. */
function columnsOf<C>(path: string): C {
  return readSections(path) as C;
}
