import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { checkGraphFile, forgetRemoved } from '../../../../src/stores/corpus/index/graph-file.js';
import { VectorGraph } from '../../../../src/stores/corpus/index/vector-graph.js';

const folder = mkdtempSync(join(tmpdir(), 'vimi-graph-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'graph');
const dimensions = 16;
/** Anywhere, and the same for a seed. */
function vector(seed: number): number[] {
  let state = seed;
  return Array.from({ length: dimensions }, () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

function graphOf(points: number): VectorGraph {
  const graph = VectorGraph.empty(dimensions);
  for (let n = 1; n <= points; n++) graph.add(n, vector(n));
  return graph;
}

describe('the file of a vector graph', () => {
  it('is good as hnswlib wrote it, whatever was removed', () => {
    for (const points of [1, 2, 40, 2000, 5000]) {
      const graph = graphOf(points);
      graph.save(path);
      checkGraphFile(path, dimensions);
      graph.remove(1);
      graph.save(path);
      checkGraphFile(path, dimensions);
      expect(() => checkGraphFile(path, dimensions + 1)).toThrow('other measures');
    }
  });

  it('loses the vectors that were removed, and finds the others as before', () => {
    const graph = graphOf(2000);
    for (let n = 1; n <= 100; n++) graph.remove(n);
    graph.save(path);
    const bytes = readFileSync(path);
    const loaded = VectorGraph.load(path, dimensions);
    let found = 0;
    for (let n = 101; n <= 600; n++) if (loaded.nearest(vector(n), 1).labels[0] === n) found++;
    expect(found).toBeGreaterThanOrEqual(495);
    for (let n = 1; n <= 100; n++) expect(loaded.nearest(vector(n), 10).labels).not.toContain(n);
    const [pointBytes, vectorAt] = [24, 40].map((at) => Number(bytes.readBigUInt64LE(at))) as [number, number];
    for (let point = 0; point < 2000; point++) {
      const at = 96 + point * pointBytes + vectorAt;
      const isEmpty = bytes.subarray(at, at + 4 * dimensions).every((byte) => byte === 0);
      expect(isEmpty).toBe(point < 100);
    }
    forgetRemoved(path);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  it('is refused where a number leads out of it, and else can be searched', () => {
    graphOf(300).save(path);
    const good = readFileSync(path);
    const vectorAt = Number(good.readBigUInt64LE(40));
    const pointBytes = Number(good.readBigUInt64LE(24));
    let refused = 0;
    fc.assert(
      fc.property(fc.nat({ max: good.length / 4 - 1 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }), (word, value) => {
        const bytes = Buffer.from(good);
        bytes.writeUInt32LE(value, 4 * word);
        writeFileSync(path, bytes);
        try {
          checkGraphFile(path, dimensions);
        } catch {
          refused++;
          return;
        }
        const within = (4 * word - 96) % pointBytes;
        // Vectors and labels may be anything; a link may be another one.
        if (within >= vectorAt) return;
        VectorGraph.load(path, dimensions).nearest(vector(1), 5);
      }),
      { numRuns: 400 },
    );
    expect(refused).toBeGreaterThan(100);
    for (const length of [0, 95, 96, good.length >> 1, good.length - 1]) {
      writeFileSync(path, good.subarray(0, length));
      expect(() => checkGraphFile(path, dimensions)).toThrow('a vector graph');
    }
    writeFileSync(path, Buffer.concat([good, Buffer.alloc(1)]));
    expect(() => checkGraphFile(path, dimensions)).toThrow('behind its end');
  });
});
