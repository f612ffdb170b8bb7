import type hnswlib from 'hnswlib-node';
import { forgetRemoved } from './graph-file.js';
import { loadHnswlib } from './hnswlib.js';

/** Neighbours looked at while a point is put in its place; more is better and slower. */
const efConstruction = 100;
/** Links of a point. */
const links = 16;
/**
 * Neighbours looked at in a search: more finds more and takes longer. Among made-up captions (bench/search) recall of the ten nearest was
 * .98 with 75 of 10,000 and with 180 of 100,000.
 */
function efOf(points: number): number {
  return Math.max(64, Math.ceil(2.3 * points ** 0.38));
}

export interface Neighbours {
  labels: number[];
  /** 1 - cosine. */
  distances: number[];
}

/**
 * One HNSW graph over cosine distance. hnswlib is synchronous, and aborts the process when a
 * search throws: callers check vectors first (checkVector), and this never searches an empty graph.
 */
export class VectorGraph {
  readonly #graph: hnswlib.HierarchicalNSW;
  #count: number;
  /** Since it was loaded. */
  #hasRemoved = false;

  private constructor(graph: hnswlib.HierarchicalNSW, count: number) {
    this.#graph = graph;
    this.#count = count;
  }

  static empty(dimensions: number): VectorGraph {
    const graph = new (loadHnswlib().module.HierarchicalNSW)('cosine', dimensions);
    graph.initIndex({ maxElements: 4096, m: links, efConstruction, randomSeed: 100 });
    return new VectorGraph(graph, 0);
  }

  /** A graph from a file that was checked to be the one `save` wrote. */
  static load(path: string, dimensions: number): VectorGraph {
    const graph = new (loadHnswlib().module.HierarchicalNSW)('cosine', dimensions);
    graph.readIndexSync(path);
    return new VectorGraph(graph, graph.getCurrentCount());
  }

  /** Points, the removed ones included. */
  get size(): number {
    return this.#count;
  }

  add(label: number, vector: ArrayLike<number>): void {
    if (this.#count >= this.#graph.getMaxElements()) this.#graph.resizeIndex(this.#graph.getMaxElements() * 2);
    this.#graph.addPoint(given(vector), label);
    this.#count++;
  }

  /** Takes a point out of all answers; nothing happens when it is not there. */
  remove(label: number): void {
    try {
      this.#graph.markDelete(label);
      this.#hasRemoved = true;
    } catch {
      // hnswlib says so when the label is unknown or was removed before.
    }
  }

  /**
   * About the `k` nearest points that `allows` lets through, nearest first, with their distances in 32 bits; fewer where there
   * are no more.
   */
  nearest(vector: readonly number[], k: number, allows?: (label: number) => boolean): Neighbours {
    if (this.#count === 0) return { labels: [], distances: [] };
    // `ef` is not stored in the file: set it each time.
    this.#graph.setEf(Math.max(2 * k, efOf(this.#count)));
    const { neighbors, distances } = this.#graph.searchKnn(given(vector), Math.min(k, this.#count), allows);
    return { labels: neighbors, distances };
  }

  /** Without the vectors that were removed. */
  save(path: string): void {
    this.#graph.writeIndexSync(path);
    if (this.#hasRemoved) forgetRemoved(path);
  }
}

/** As the build takes it fastest. */
function given(vector: ArrayLike<number>): number[] {
  if (loadHnswlib().build === null) return plain(vector);
  return (vector instanceof Float32Array ? vector : new Float32Array(vector)) as unknown as number[];
}

/** `Array.from` of typed numbers goes through their iterator, which takes ten times as long. */
function plain(vector: ArrayLike<number>): number[] {
  if (Array.isArray(vector)) return vector;
  const numbers = new Array<number>(vector.length);
  for (let i = 0; i < numbers.length; i++) numbers[i] = vector[i]!;
  return numbers;
}
