import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { lineCharts, logTicks, roundTicks } from '../../src/media/line-chart.js';

const dir = mkdtempSync(join(tmpdir(), 'vimi-chart-'));
afterAll(() => rmSync(dir, { recursive: true }));

describe('ticks', () => {
  it('are round, and inside', () => {
    expect(roundTicks(0, 1000)).toEqual([0, 200, 400, 600, 800, 1000]);
    expect(roundTicks(0.031, 0.068)).toEqual([0.04, 0.05, 0.06]);
    expect(roundTicks(-1, 1)).toEqual([-1, -0.5, 0, 0.5, 1]);
  });

  it('of a logarithmic axis are ones, twos and fives, powers alone over many, round numbers over few', () => {
    expect(logTicks(0.04, 1.5)).toEqual([0.05, 0.1, 0.2, 0.5, 1]);
    expect(logTicks(1e-4, 2e3)).toEqual([1e-4, 1e-3, 0.01, 0.1, 1, 10, 100, 1000]);
    expect(logTicks(0.21, 0.42)).toEqual([0.25, 0.3, 0.35, 0.4]);
  });
});

describe('lineCharts', () => {
  const read = async (file: string) => {
    const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
    const is = (x: number, y: number, colour: number[]) =>
      colour.every((v, c) => Math.abs(data[(y * info.width + x) * info.channels + c]! - v) < 3);
    const count = (colour: number[], [x1, y1, x2, y2]: number[]) => {
      let n = 0;
      for (let y = y1!; y < y2!; y++) for (let x = x1!; x < x2!; x++) if (is(x, y, colour)) n++;
      return n;
    };
    return { ...info, count };
  };
  const red = [255, 0, 0];

  it('draws each chart beside the other, with its words around it', async () => {
    const file = join(dir, 'two.png');
    const chart = { title: 'one', x: { label: 'step' }, y: {} };
    const size = await lineCharts(
      [
        { ...chart, lines: [{ name: 'rising', colour: '#ff0000', points: [[0, 0] as const, [10, 10] as const] }] },
        { ...chart, lines: [{ colour: '#0000ff', points: [[0, 0] as const, [10, 10] as const] }] },
      ],
      file,
    );
    const picture = await read(file);
    expect(size).toEqual({ width: picture.width, height: picture.height });
    const half = size.width / 2;
    // The line rises from the lower left to the upper right, in its own half alone.
    expect(picture.count(red, [64, 214, 344, 364])).toBeGreaterThan(100);
    expect(picture.count(red, [344, 64, 624, 214])).toBeGreaterThan(100);
    expect(picture.count(red, [64, 64, 300, 200])).toBe(0);
    expect(picture.count(red, [half, 0, size.width, size.height])).toBe(0);
    expect(picture.count([0, 0, 255], [0, 0, half, size.height])).toBe(0);
    // Title, numbers at both axes, the axis' name, the legend of the chart that has one.
    const paper = [255, 255, 255];
    const blank = (box: number[]) => picture.count(paper, box) === (box[2]! - box[0]!) * (box[3]! - box[1]!);
    for (const box of [
      [64, 8, 120, 28],
      [10, 64, 60, 364],
      [64, 368, 624, 385],
      [300, 390, 400, 410],
      [64, 34, 160, 54],
    ])
      expect(blank(box), String(box)).toBe(false);
    expect(blank([half + 64, 34, half + 160, 54])).toBe(true);
  });

  it('leaves out what is no number, and what a logarithm cannot take', async () => {
    const file = join(dir, 'holes.png');
    const points = [
      [1, 1],
      [2, Number.NaN],
      [3, 0],
      [4, -5],
      [5, Number.POSITIVE_INFINITY],
    ] as const;
    await lineCharts([{ title: '', x: {}, y: { log: true }, lines: [{ colour: '#ff0000', points }] }], file);
    const { count, width, height } = await read(file);
    // One point is left: a dot.
    expect(count(red, [0, 0, width, height])).toBeGreaterThan(10);
    expect(count(red, [0, 0, width, height])).toBeLessThan(40);
  });

  it('draws axes where there are no points at all', async () => {
    const file = join(dir, 'empty.png');
    await lineCharts([{ title: 'nothing yet', x: { from: 0 }, y: { log: true }, lines: [] }], file);
    expect((await read(file)).width).toBeGreaterThan(400);
    await expect(lineCharts([], file)).rejects.toMatchObject({ code: 'MEDIA_EMPTY' });
  });
});
