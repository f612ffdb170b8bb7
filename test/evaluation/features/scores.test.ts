import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clipSimilarity } from '../../../src/evaluation/features/clip-similarity.js';
import { inceptionScore } from '../../../src/evaluation/features/inception-score.js';
import { readFeatures } from '../../../src/evaluation/features/read-features.js';
import { distanceName, evaluateDistance } from '../../../src/evaluation/tasks/features.js';
import { Random } from '../../../src/models/numerics/random.js';
import { rows } from './pattern.js';

const matrix = (list: number[][]) => ({ n: list.length, d: list[0]!.length, values: Float64Array.from(list.flat()) });

describe('Inception score', () => {
  test('1 when all rows are alike, the number of classes when each is sure of another', () => {
    expect(inceptionScore(matrix(Array(6).fill([0.2, 0.5, 0.3])), { splits: 2 }).mean).toBeCloseTo(1, 12);
    const sure = matrix([0, 1, 2, 3].map((k) => [0, 1, 2, 3].map((j) => Number(j === k))));
    expect(inceptionScore(sure, { splits: 1 })).toEqual({ mean: expect.closeTo(4, 10), deviation: 0 });
  });

  test('that of numpy for logits in three splits', () => {
    const { n, d, values } = rows(12, 5, 0.7);
    const score = inceptionScore({ n, d, values: values.map((v) => 2 * v) }, { splits: 3, logits: true });
    expect(score.mean).toBeCloseTo(1.3698576298626677, 10);
    expect(score.deviation).toBeCloseTo(0.05511981611619237, 10);
  });

  test('rows that are no distributions are refused', () => {
    expect(() => inceptionScore(matrix([[0.5, 0.6]]), { splits: 1 })).toThrow('distribution');
    expect(() => inceptionScore(matrix([[1.5, -0.5]]), { splits: 1 })).toThrow('distribution');
  });
});

test('CLIP similarity: cosines, frames of a video averaged', () => {
  const texts = matrix([
    [1, 0],
    [0, 2],
  ]);
  const images = matrix([
    [3, 0],
    [1, 1],
    [0, 1],
    [1, 0],
  ]);
  const [first, second] = clipSimilarity(images, texts);
  expect(first).toBeCloseTo((1 + Math.SQRT1_2) / 2, 12);
  expect(second).toBeCloseTo(0.5, 12);
  expect(() => clipSimilarity(matrix([[1, 0]]), texts)).toThrow('go together');
});

describe('a distance and its floor', () => {
  test('only I3D’s 400 logits are called FVD', () => {
    expect(distanceName('i3d-kinetics-400', 400)).toBe('FVD (i3d-kinetics-400)');
    expect(distanceName('i3d-pool', 1024)).toBe('Frechet distance on i3d-pool');
    expect(distanceName('videomae', 400)).toBe('Frechet distance on videomae');
  });

  test('generated from the same source lies at the floor, from another above it', () => {
    const sample = (n: number, seed: number, shift: number) => ({
      ...{ n, d: 3 },
      values: Float64Array.from(new Random(seed).normals(3 * n), (v) => v + shift),
    });
    const distances = (shift: number) => {
      const [record] = evaluateDistance(sample(400, 1, 0), sample(400, 2, shift), { net: 'x', seed: 1 }).records;
      return record as { distance: number; floor: number[] };
    };
    const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
    const [same, other] = [distances(0), distances(2)];
    expect(same.distance).toBeLessThan(3 * mean(same.floor));
    // Three coordinates shifted by 2: 12.
    expect(other.distance).toBeGreaterThan(10);
    expect(other.distance).toBeLessThan(14);
  });
});

describe('files of features', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vimi-features-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const npy = (descr: string, body: Buffer, shape = '(2, 3)') => {
    const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;
    const header = Buffer.from(`${text.padEnd(117)}\n`, 'latin1');
    const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1');
    start.writeUInt16LE(header.length, 8);
    return Buffer.concat([start, header, body]);
  };
  const numbers = [0, 1, -2, 0.5, 65504, 3.25];

  test('npy of three widths, and JSON', async () => {
    const files = {
      'f8.npy': npy('<f8', Buffer.from(Float64Array.from(numbers).buffer)),
      'f4.npy': npy('<f4', Buffer.from(Float32Array.from(numbers).buffer)),
      'f2.npy': npy('<f2', Buffer.from(Uint16Array.from([0, 0x3c00, 0xc000, 0x3800, 0x7bff, 0x4280]).buffer)),
      'rows.json': Buffer.from(JSON.stringify([numbers.slice(0, 3), numbers.slice(3)])),
    };
    for (const [name, bytes] of Object.entries(files)) {
      await writeFile(join(folder, name), bytes);
      const { n, d, values } = await readFeatures(join(folder, name));
      expect([n, d, [...values]], name).toEqual([2, 3, numbers]);
    }
  });

  test('what is cut, of another kind or not finite is refused', async () => {
    const bad = {
      'cut.npy': npy('<f8', Buffer.alloc(40)),
      'int.npy': npy('<i8', Buffer.alloc(48)),
      'flat.npy': npy('<f8', Buffer.alloc(48), '(6,)'),
      'nan.npy': npy('<f8', Buffer.from(Float64Array.from([0, Number.NaN, 0, 0, 0, 0]).buffer)),
      'huge.npy': npy('<f8', Buffer.from(Float64Array.from([0, 1e200, 0, 0, 0, 0]).buffer)),
      'none.npy': npy('<f8', Buffer.alloc(0), '(0, 3)'),
      'narrow.json': Buffer.from('[[], []]'),
      'ragged.json': Buffer.from('[[1, 2], [3]]'),
      'text.json': Buffer.from('no'),
    };
    for (const [name, bytes] of Object.entries(bad)) {
      await writeFile(join(folder, name), bytes);
      await expect(readFeatures(join(folder, name)), name).rejects.toMatchObject({ code: 'MEDIA_DAMAGED' });
    }
    await expect(readFeatures(join(folder, 'none'))).rejects.toMatchObject({ code: 'MEDIA_NOT_FOUND' });
  });
});
