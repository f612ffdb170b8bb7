import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bestBuild } from '../../../../src/stores/corpus/index/hnswlib.js';
import { VectorGraph } from '../../../../src/stores/corpus/index/vector-graph.js';

const require = createRequire(import.meta.url);
const manifest = require.resolve('hnswlib-node/package.json');
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
const ofNpm = join(dirname(manifest), 'build/Release/addon.node');

const folder = mkdtempSync(join(tmpdir(), 'vimi-hnswlib-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const named = (needs: string, of = version) => `hnswlib-node-${of}.${process.platform}-${process.arch}.${needs}.node`;

describe('the builds of hnswlib', () => {
  it('are taken where the processor has all that they need, the one that uses most first', () => {
    const builds = join(folder, 'builds');
    mkdirSync(builds);
    for (const name of [named('one'), named('one+two'), named('one+two+three', '0.0.1')])
      copyFileSync(ofNpm, join(builds, name));
    writeFileSync(join(builds, named('one+two+three')), 'of another system');
    const build = (...features: string[]) => bestBuild(builds, new Set(features))?.build ?? null;
    expect(build()).toBeNull();
    expect(build('two', 'three')).toBeNull();
    expect(build('one', 'three')).toBe('one');
    expect(build('one', 'two')).toBe('one, two');
    // One that does not load is passed over, and so is one of another version.
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

describe('compiling hnswlib for this processor', () => {
  it('is no failure of the installation where it cannot be done', () => {
    const place = join(folder, 'elsewhere');
    mkdirSync(join(place, 'install'), { recursive: true });
    const script = join(place, 'install/compile-hnswlib.cjs');
    copyFileSync(join(import.meta.dirname, '../../../../install/compile-hnswlib.cjs'), script);
    execFileSync(process.execPath, [script], { stdio: 'pipe' });
    expect(existsSync(join(place, 'native'))).toBe(false);
  });
});
