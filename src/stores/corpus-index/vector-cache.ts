import { createHash } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { VectorGraph } from './vector-graph.js';

/** Both graphs, and up to which change of the database they are complete. */
export interface Graphs {
  caption: VectorGraph;
  image: VectorGraph;
  seq: number;
}

/** What must be the same for a saved pair of graphs to be of use. */
export interface GraphsIdentity {
  /** The database's birth. */
  epoch: string;
  embedder: string;
  dimensions: { text: number; image: number };
}

const kinds = ['caption', 'image'] as const;

/**
 * Saves the graphs: each file under a temporary name, then renamed, the description with their hashes last. Whatever a
 * crash or another process leaves between, `loadGraphs` sees that hashes and files do not belong together.
 */
export function saveGraphs(folder: string, graphs: Graphs, identity: GraphsIdentity): void {
  mkdirSync(folder, { recursive: true });
  const temporary = (name: string) => join(folder, `${name}.${process.pid}.temporary`);
  try {
    const files: Record<string, string> = {};
    for (const kind of kinds) {
      graphs[kind].save(temporary(kind));
      sync(temporary(kind));
      files[kind] = hashOf(temporary(kind));
    }
    const described = { ...identity, seq: graphs.seq, points: kinds.map((kind) => graphs[kind].size), files };
    writeFileSync(temporary('graphs'), JSON.stringify(described));
    for (const kind of kinds) renameSync(temporary(kind), join(folder, `${kind}.hnsw`));
    renameSync(temporary('graphs'), join(folder, 'graphs.json'));
  } finally {
    for (const name of [...kinds, 'graphs']) rmSync(temporary(name), { force: true });
  }
}

/** The saved graphs, or null when there are none or they are torn, stale or of another corpus or embedder. */
export function loadGraphs(folder: string, identity: GraphsIdentity, newest: number): Graphs | null {
  try {
    const saved = JSON.parse(readFileSync(join(folder, 'graphs.json'), 'utf8'));
    const { epoch, embedder, dimensions } = saved;
    if (JSON.stringify({ epoch, embedder, dimensions }) !== JSON.stringify(identity) || !(saved.seq <= newest))
      return null;
    const [caption, image] = kinds.map((kind, n) => {
      const path = join(folder, `${kind}.hnsw`);
      const before = statSync(path);
      // A torn file can crash the process inside hnswlib: hash first.
      if (hashOf(path) !== saved.files[kind]) throw new Error('torn');
      const graph = VectorGraph.load(path, dimensions[kind === 'caption' ? 'text' : 'image']);
      const after = statSync(path);
      if (before.ino !== after.ino || graph.size !== saved.points[n]) throw new Error('replaced meanwhile');
      return graph;
    });
    return { caption: caption!, image: image!, seq: saved.seq };
  } catch {
    return null;
  }
}

function hashOf(path: string): string {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(1 << 20);
  const file = openSync(path, 'r');
  try {
    for (let n = readSync(file, chunk); n > 0; n = readSync(file, chunk)) hash.update(chunk.subarray(0, n));
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
