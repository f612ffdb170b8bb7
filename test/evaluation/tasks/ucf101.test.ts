import { describe, expect, test } from 'vitest';
import type { NetFeatures } from '../../../src/evaluation/features/net-features.js';
import { markdown } from '../../../src/evaluation/report.js';
import { evaluateUcf101 } from '../../../src/evaluation/tasks/ucf101.js';
import { Random } from '../../../src/models/numerics/random.js';

/** Rows as a net of 16 frames of 224x224 would give them; zeros from the eighth number on, which are quick to decompose. */
function features(n: number, d: number, seed: number, change: Partial<NetFeatures['input']> = {}): NetFeatures {
  const values = Float64Array.from(new Random(seed).normals(n * d), (v, i) => (i % d < 8 ? v : 0));
  return {
    ...{ n, d, values, sha256: '0'.repeat(64) },
    input: {
      ...{ name: 'x', batch: null, frames: 16, height: 224, width: 224, bytes: false },
      order: ['N', 'C', 'T', 'H', 'W'],
      ...change,
    },
  };
}

const titles = (report: ReturnType<typeof evaluateUcf101>) => report.tables.map(({ title }) => title).join('\n');
const kept = ({ tables }: ReturnType<typeof evaluateUcf101>) =>
  Object.fromEntries(tables[0]!.rows.map(([what, , , yes]) => [what, yes]));

describe('UCF101', () => {
  test('too few videos are told, and that nothing published stands beside them', () => {
    const report = evaluateUcf101({ generated: features(40, 400, 1), real: features(30, 400, 2), net: 'i3d', seed: 1 });
    expect(titles(report)).toContain('FVD (i3d)');
    expect(report.notes[0]).toContain('Not the published protocol (generated videos)');
    expect(report.notes.join('\n')).toContain('Only 40 generated videos, where the protocol has 10000');
    expect(report.notes.join('\n')).toContain('rank-deficient');
    expect(kept(report)).toMatchObject({ 'generated videos': 'NO', 'the net sees': 'yes', 'classes of the score': '' });
    expect(titles(report)).toContain('FVD');
    expect(markdown(report, {})).toContain('real against real: the floor | 15');
  });

  test.each([
    ['another net', 'videomae', 400],
    ['other features of it', 'i3d', 24],
  ])('%s is not called FVD', (_, net, d) => {
    const report = evaluateUcf101({ generated: features(8, d, 1), real: features(8, d, 2), net, seed: 1 });
    expect(titles(report)).not.toContain('FVD');
    expect(titles(report)).toContain(`Frechet distance on ${net}`);
    expect(kept(report)['features of the distance']).toBe('NO');
  });

  test('other frames than the protocol’s are told', () => {
    const change = { frames: 8, height: 112, width: 112 };
    const [generated, real] = [features(8, 400, 1, change), features(8, 400, 2, change)];
    expect(kept(evaluateUcf101({ generated, real, net: 'i3d', seed: 1 }))['the net sees']).toBe('NO');
  });

  test('logits are told from probabilities, and few rows are one part', () => {
    const [generated, real] = [features(8, 4, 1), features(8, 4, 2)];
    // Two sure classes: a score of 2 in one part, and of 1 in parts of one row.
    const sure = (scale: number, rest: number): NetFeatures => ({
      ...features(8, 101, 3),
      values: Float64Array.from({ length: 8 * 101 }, (_, i) => (i % 101 === Math.floor(i / 101) % 2 ? scale : rest)),
    });
    for (const [what, rows] of [
      ['probabilities', sure(1, 0)],
      ['logits', sure(40, -40)],
    ] as const) {
      const classes = { generated: rows, real: rows, net: 'c3d' };
      const report = evaluateUcf101({ generated, real, net: 'x', seed: 1, classes });
      expect(markdown(report, {})).toContain(`101 ${what} of c3d, 1 splits`);
      expect(markdown(report, {})).toMatch(/\| generated \| 8 \| 1 \| 2\.000 \|/);
    }
  });
});
