import { fromBlob } from '../ranking/checked-vector.js';
import { prepared, type Sqlite } from './database.js';
import { removalsSince } from './documents-table.js';
import { Best } from './lexical/best.js';
import { Recent } from './recent.js';
import type { Roster } from './roster.js';
import { VectorGraph } from './vector-graph.js';

export type VectorKind = 'caption' | 'image';

/** Both graphs, complete up to one change of the database. */
export interface Graphs {
  caption: VectorGraph;
  image: VectorGraph;
  seq: number;
}

/** A vector with its length. */
interface Stored {
  vector: Float32Array;
  square: number;
}

/** Candidates that a graph gives beyond those that are wanted, for what filters take away. */
const spare = 14;
/** Of a distance in 32 bits, at most: sums of some thousand products. */
const rounding = 1e-4;
/** Of vectors that were read to be compared, at least so many bytes are kept: those that are found are found again. */
const keptBytes = 8 * 2 ** 20;

/**
 * All vectors by likeness. Those that are in no graph yet are compared one by one, and the graph's candidates with them, so
 * that scores are exact; `settle` moves vectors into the graphs, a millisecond each.
 */
export class DenseIndex {
  #graphs: Graphs | null = null;
  readonly #loose = new Map<number, Record<VectorKind, Stored>>();
  /** By label: a document that changes gets another. */
  readonly #read: Record<VectorKind, Recent<number, Stored>>;
  /** Up to which change of the database it knows all. */
  #seq = 0;
  readonly #dimensions: { text: number; image: number };
  readonly #exactUpTo: number;

  /** `load`: graphs that were saved; null where there are none. */
  constructor(dimensions: { text: number; image: number }, exactUpTo: number, load: () => Graphs | null) {
    this.#dimensions = dimensions;
    this.#exactUpTo = exactUpTo;
    this.#load = load;
    const kept = (numbers: number) => new Recent<number, Stored>(Math.ceil(keptBytes / (4 * numbers)));
    this.#read = { caption: kept(dimensions.text), image: kept(dimensions.image) };
  }
  #load: (() => Graphs | null) | null;

  /** How many vectors the graphs have, and up to which change. null: they are not there, or not loaded. */
  get graphs(): Graphs | null {
    return this.#graphs;
  }

  /** Brings it to the database's state, the roster being there already. */
  catchUp(database: Sqlite, roster: Roster, seq: number): void {
    if (this.#load && roster.searchable > this.#exactUpTo) {
      this.#graphs = this.#load();
      this.#seq = this.#graphs?.seq ?? 0;
    }
    this.#load = null;
    if (seq === this.#seq) return;
    for (const label of removalsSince(database, this.#seq))
      if (!this.#loose.delete(label)) {
        this.#graphs?.caption.remove(label);
        this.#graphs?.image.remove(label);
      }
    const rows = prepared(
      database,
      'SELECT seq, caption_vector, image_vector FROM documents WHERE seq > ? ORDER BY seq',
    ).iterate(this.#seq) as IterableIterator<{ seq: number; caption_vector: Buffer; image_vector: Buffer }>;
    for (const { seq: label, caption_vector, image_vector } of rows)
      if (roster.isSearchable(label))
        this.#loose.set(label, { caption: stored(caption_vector), image: stored(image_vector) });
    this.#seq = seq;
  }

  /** Moves at most so many vectors into the graphs, once there are too many to compare them all. Returns whether there are more. */
  settle(most: number): boolean {
    if (!this.#graphs) {
      if (this.#loose.size <= this.#exactUpTo) return false;
      const { text, image } = this.#dimensions;
      this.#graphs = { caption: VectorGraph.empty(text), image: VectorGraph.empty(image), seq: 0 };
    }
    const moving = [...take(this.#loose, most)];
    // One graph after the other: each finds its own points in the processor's cache.
    for (const [label, { caption }] of moving) this.#graphs.caption.add(label, caption.vector);
    for (const [label, { image }] of moving) this.#graphs.image.add(label, image.vector);
    for (const [label] of moving) this.#loose.delete(label);
    if (this.#loose.size > 0) {
      this.#graphs.seq = moving.at(-1)?.[0] ?? this.#graphs.seq;
      return true;
    }
    this.#graphs.seq = this.#seq;
    return false;
  }

  /** The nearest that `allows` lets through, with their cosines, best first. */
  nearest(
    kind: VectorKind,
    vector: readonly number[],
    {
      depth,
      allows,
      database,
      roster,
    }: { depth: number; allows(label: number): boolean; database: Sqlite; roster: Roster },
  ): { label: number; score: number }[] {
    const best = new Best(depth, (a, b) => roster.isBefore(a, b));
    const query = Float64Array.from(vector);
    const square = squareOf(query);
    const offer = (label: number, { vector: other, square: otherSquare }: Stored) => {
      const product = Math.sqrt(square * otherSquare);
      best.offer(label, product === 0 ? 0 : dot(query, other) / product);
    };
    for (const [label, vectors] of this.#loose) if (allows(label)) offer(label, vectors[kind]);
    const graph = this.#graphs?.[kind];
    if (graph) {
      const read = prepared(database, `SELECT ${kind}_vector FROM documents WHERE seq = ?`).pluck();
      const storedOf = (label: number) => stored(read.get(label) as Buffer);
      for (const label of candidates(graph, vector, depth, allows)) offer(label, this.#read[kind].get(label, storedOf));
    }
    return best.ranking();
  }
}

/** A filter that takes little away is applied afterwards: in the graph each step of the search would have to call it. */
function candidates(
  graph: VectorGraph,
  vector: readonly number[],
  depth: number,
  allows: (label: number) => boolean,
): number[] {
  const found = graph.nearest(vector, depth + spare);
  const places = [...found.labels.keys()].filter((place) => allows(found.labels[place]!));
  if (places.length < depth && graph.size > depth + spare) return graph.nearest(vector, depth, allows).labels;
  // Beyond the places wanted, those alone that rounding, or equal vectors, may have put there: each is read from the database.
  const furthest = found.distances[places[depth - 1]!]! + rounding;
  return places
    .filter((place, n) => n < depth || found.distances[place]! <= furthest)
    .map((place) => found.labels[place]!);
}

function* take<T>(from: Iterable<T>, most: number): Generator<T> {
  let taken = 0;
  for (const one of from) {
    if (taken++ === most) return;
    yield one;
  }
}

function stored(blob: Buffer): Stored {
  const vector = fromBlob(blob);
  return { vector, square: squareOf(vector) };
}

/** Of these two types alone: V8 makes fast code for one pair. */
function dot(a: Float64Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function squareOf(vector: Float64Array | Float32Array): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += vector[i]! * vector[i]!;
  return sum;
}
