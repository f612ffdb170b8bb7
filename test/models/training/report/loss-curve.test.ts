import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { drawLossCurve, lossChart, movingMean, probeChart } from '../../../../src/models/training/report/loss-curve.js';

const steps = (n: number, stageAt = (_: number) => 0) =>
  Array.from({ length: n }, (_, i) => ({ step: i + 1, stage: stageAt(i), loss: 1 / (i + 1) }));
const probe = (right: number) => ({ sigma: 1, right, wrong: 0.3, wrongImages: 0.2, nothing: 0.25, wrongWay: null });

test('a moving mean keeps lines as they are, and constants to the ends', () => {
  const line = Array.from({ length: 20 }, (_, i) => [i, 3 * i + 1] as const);
  for (const [x, y] of movingMean(line, 5).slice(2, -2)) expect(y).toBeCloseTo(3 * x + 1, 9);
  expect(
    movingMean(
      [0, 1, 2].map((x) => [x, 4] as const),
      9,
    ).map(([, y]) => y),
  ).toEqual([4, 4, 4]);
  expect(movingMean([], 3)).toEqual([]);
});

test('the parts of a recipe are marked where they begin, and the mean does not mix them', () => {
  const chart = lossChart(
    steps(200, (i) => (i < 100 ? 0 : 1)).map((line) => ({ ...line, loss: line.stage === 0 ? 1 : 8 })),
  );
  expect(chart.borders).toEqual([
    { x: 0, text: 'part 1' },
    { x: 100, text: 'part 2' },
  ]);
  const means = chart.lines.filter(({ width }) => width === undefined);
  expect(means.map(({ points }) => new Set(points.map(([, loss]) => loss)))).toEqual([new Set([1]), new Set([8])]);
  expect(chart.lines.flatMap(({ name }) => name ?? [])).toEqual(['each step', 'mean of 4 steps']);
  expect(lossChart(steps(10)).borders).toEqual([]);
});

test('a long training has no more points than the image can show, and no peak is lost', () => {
  const long = steps(50_000).map((line) => ({ ...line, loss: line.step === 31_234 ? 99 : 1 }));
  const { lines } = lossChart(long);
  for (const { points } of lines) expect(points.length).toBeLessThan(600);
  expect(Math.max(...lines[0]!.points.map(([, loss]) => loss))).toBe(99);
  expect(lossChart(steps(3).map((line) => ({ ...line, loss: null }))).lines[0]!.points).toEqual([]);
});

test('the last probes are drawn by what was told, and the first ones of the right prompt beside', () => {
  const two = [
    { step: 10, probes: [probe(0.2)] },
    { step: 20, probes: [probe(0.1)] },
  ];
  const { lines, x } = probeChart(two);
  expect(Object.fromEntries(lines.map(({ name, points }) => [name, points[0]![1]]))).toEqual({
    ...{ nothing: 0.25, wrong: 0.3, 'wrong images': 0.2, right: 0.1 },
    'right at step 10': 0.2,
  });
  expect(x.ticks).toEqual([1]);
  expect(probeChart(two.slice(0, 1)).lines).toHaveLength(4);
});

test('the image has a chart, and one more where there are probes', async () => {
  const out = await mkdtemp(join(tmpdir(), 'vimi-'));
  const width = async () => Number(/ width="(\d+)"/.exec(await readFile(join(out, 'loss.svg'), 'utf8'))![1]);
  await drawLossCurve(out, { steps: steps(1), probes: [] });
  const one = await width();
  await drawLossCurve(out, { steps: steps(60), probes: [{ step: 60, probes: [probe(0.1)] }] });
  expect(await width()).toBe(2 * one);
});
