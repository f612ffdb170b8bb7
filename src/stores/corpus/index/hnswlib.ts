import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type hnswlib from 'hnswlib-node';

type Hnswlib = typeof hnswlib;

const require = createRequire(import.meta.url);
/** Where install/compile-hnswlib.cjs puts what it compiled for this processor, by names that say what it needs. */
const native = fileURLToPath(new URL('../../../../native/', import.meta.url));
/** Of install/hnswlib-changes.cjs. */
const revision = 'vimi1';

interface Loaded {
  module: Hnswlib;
  /** The features of the processor that it uses, in a build that also takes vectors as Float32Array; null: the build of npm, for any processor. */
  build: string | null;
}

let loaded: Loaded | null = null;

/**
 * hnswlib, in the best build that this processor can run. Each reads the graphs of the others: only where distances differ by rounding
 * may they link points otherwise.
 */
export function loadHnswlib(): Loaded {
  loaded ??= bestBuild(native, processorFeatures()) ?? { module: require('hnswlib-node'), build: null };
  return loaded;
}

/** The build in a folder that uses most of these features, and none besides; null: there is none that loads. */
export function bestBuild(folder: string, features: ReadonlySet<string>): Loaded | null {
  for (const { file, needs } of buildsFor(folder, features)) {
    try {
      return { module: require(`${folder}/${file}`), build: needs.join(', ') };
    } catch {
      // Of another C library: the next one.
    }
  }
  return null;
}

function buildsFor(folder: string, features: ReadonlySet<string>): { file: string; needs: string[] }[] {
  const { version } = require('hnswlib-node/package.json') as { version: string };
  const [start, end] = [`hnswlib-node-${version}-${revision}.${process.platform}-${process.arch}.`, '.node'];
  return filesIn(folder)
    .filter((file) => file.startsWith(start) && file.endsWith(end))
    .map((file) => ({ file, needs: file.slice(start.length, -end.length).split('+') }))
    .filter(({ needs }) => needs.every((name) => features.has(name)))
    .sort((a, b) => b.needs.length - a.needs.length);
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** As Linux tells them of the first processor; none where it cannot be asked. */
function processorFeatures(): Set<string> {
  const bytes = Buffer.alloc(16_384);
  try {
    const file = openSync('/proc/cpuinfo', 'r');
    try {
      const text = bytes.toString('latin1', 0, readSync(file, bytes));
      const [, flags = ''] = /^flags\s*:(.*)$/m.exec(text) ?? [];
      return new Set(flags.trim().split(/\s+/));
    } finally {
      closeSync(file);
    }
  } catch {
    return new Set();
  }
}
