import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bestBuild, loadHnswlib } from '../../../../src/stores/corpus/index/hnswlib.js';
import { VectorGraph } from '../../../../src/stores/corpus/index/vector-graph.js';

const require = createRequire(import.meta.url);
const manifest = require.resolve('hnswlib-node/package.json');
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
const ofNpm = join(dirname(manifest), 'build/Release/addon.node');

const folder = mkdtempSync(join(tmpdir(), 'vimi-hnswlib-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const install = join(import.meta.dirname, '../../../../install');
const { change, revision } = require(`${install}/hnswlib-changes.cjs`) as {
  change(folder: string): void;
  revision: string;
};
const named = (needs: string, of = `${version}-${revision}`) =>
  `hnswlib-node-${of}.${process.platform}-${process.arch}.${needs}.node`;

describe('the builds of hnswlib', () => {
  it('are taken where the processor has all that they need, the one that uses most first', () => {
    const builds = join(folder, 'builds');
    mkdirSync(builds);
    for (const name of [named('one'), named('one+two'), named('one+two+three', version)])
      copyFileSync(ofNpm, join(builds, name));
    writeFileSync(join(builds, named('one+two+three')), 'of another system');
    const build = (...features: string[]) => bestBuild(builds, new Set(features))?.build ?? null;
    expect(build()).toBeNull();
    expect(build('two', 'three')).toBeNull();
    expect(build('one', 'three')).toBe('one');
    expect(build('one', 'two')).toBe('one, two');
    // One that does not load is passed over, and so is one of another version, or without the changes.
    expect(build('one', 'two', 'three')).toBe('one, two');
  });

  it('are none where nothing was compiled', () => {
    expect(bestBuild(join(folder, 'nowhere'), new Set(['avx2', 'fma']))).toBeNull();
  });

  it('read the graphs of npm’s', () => {
    const dimensions = 32;
    const vector = (n: number) => Array.from({ length: dimensions }, (_, i) => Math.cos(n + i * n));
    const { HierarchicalNSW } = require(ofNpm) as typeof import('hnswlib-node');
    const graph = new HierarchicalNSW('cosine', dimensions);
    graph.initIndex({ maxElements: 300, m: 16, efConstruction: 100, randomSeed: 100 });
    for (let n = 1; n <= 300; n++) graph.addPoint(vector(n), n);
    const path = join(folder, 'graph');
    graph.writeIndexSync(path);
    const loaded = VectorGraph.load(path, dimensions);
    for (let n = 1; n <= 300; n++) expect(loaded.nearest(vector(n), 1).labels).toEqual([n]);
  });
});

describe.runIf(loadHnswlib().build)('the build for this processor', () => {
  it('makes one graph of vectors as numbers and as Float32Array, also while it grows', () => {
    const dimensions = 40;
    // A part of a longer one, as SQLite gives it.
    const vectors = Float32Array.from({ length: 500 * dimensions }, (_, i) => Math.cos(i * i));
    const vector = (n: number) => vectors.subarray(n * dimensions, (n + 1) * dimensions);
    const graphOf = (given: (n: number) => ArrayLike<number>, room: number) => {
      const graph = new (loadHnswlib().module.HierarchicalNSW)('cosine', dimensions);
      graph.initIndex({ maxElements: room, m: 16, efConstruction: 100, randomSeed: 100 });
      for (let n = 0; n < 500; n++) {
        if (n === graph.getMaxElements()) graph.resizeIndex(500);
        graph.addPoint(given(n) as number[], n);
      }
      const path = join(folder, `graph-${room}`);
      graph.writeIndexSync(path);
      return { graph, bytes: readFileSync(path) };
    };
    const typed = graphOf(vector, 100);
    const plain = graphOf((n) => [...vector(n)], 500);
    expect(typed.bytes.equals(plain.bytes)).toBe(true);
    const found = (query: ArrayLike<number>) => typed.graph.searchKnn(query as number[], 3);
    for (let n = 0; n < 500; n++) {
      expect(found(vector(n)).neighbors[0]).toBe(n);
      expect(found(vector(n))).toEqual(found([...vector(n)]));
    }
    expect(() => found(vector(0).subarray(1))).toThrow('expected 40, but got 39');
    expect(() => found(new Float64Array(40))).toThrow('must be an Array');
  });
});

describe('compiling hnswlib for this processor', () => {
  it('changes the source that is installed, and no other', () => {
    const copy = join(folder, 'source');
    cpSync(join(dirname(manifest), 'src'), join(copy, 'src'), { recursive: true });
    change(copy);
    expect(readFileSync(join(copy, 'src/hnswlib/hnswalg.h'), 'utf8')).toContain('MADV_HUGEPAGE');
    expect(() => change(copy)).toThrow('is not the file that vimi changes');
  });

  it('is no failure of the installation where it cannot be done', () => {
    const place = join(folder, 'elsewhere');
    cpSync(install, join(place, 'install'), { recursive: true });
    const script = join(place, 'install/compile-hnswlib.cjs');
    execFileSync(process.execPath, [script], { stdio: 'pipe' });
    expect(existsSync(join(place, 'native'))).toBe(false);
  });
});
