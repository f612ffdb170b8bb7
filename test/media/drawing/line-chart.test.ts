import { describe, expect, it } from 'vitest';
import { lineCharts, logTicks, roundTicks } from '../../../src/media/drawing/line-chart.js';

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
  const of = (svg: string, pattern: RegExp) => [...svg.matchAll(pattern)].map((match) => match.slice(1));
  const polylines = (svg: string, colour: string) =>
    of(svg, new RegExp(`<polyline points="([^"]*)" fill="none" stroke="${colour}"`, 'g')).map(([points]) =>
      points!.split(' ').map((point) => point.split(',').map(Number)),
    );

  it('draws each chart beside the other, with its words around it', () => {
    const chart = { title: 'one & <two>', x: { label: 'step' }, y: {} };
    const rising = [[0, 0] as const, [5, 2] as const, [10, 10] as const];
    const svg = lineCharts([
      { ...chart, lines: [{ name: 'rising', colour: '#ff0000', points: rising }] },
      { ...chart, lines: [{ colour: '#0000ff', points: rising, dashed: true }], borders: [{ x: 5, text: 'part 2' }] },
    ]);
    expect(of(svg, /<g transform="translate\((\d+) 64\)">/g)).toEqual([['64'], ['712']]);
    expect(svg).toMatch(/^<svg [^>]* width="1296" height="416"/);
    const [[first, middle, last]] = polylines(svg, '#ff0000') as [number[][]];
    // From the lower left to the upper right, over a fifth of the way in the middle.
    expect([first![0]! < 30, first![1]! > 270, last![0]! > 530, last![1]! < 30]).toEqual([true, true, true, true]);
    expect(middle![0]).toBeCloseTo(280, 0);
    expect((first![1]! - middle![1]!) / (first![1]! - last![1]!)).toBeCloseTo(0.2, 2);
    expect(svg).toMatch(/stroke="#0000ff"[^>]*stroke-dasharray/);
    const words = of(svg, /<text [^>]*>([^<]*)<\/text>/g).flat();
    for (const word of ['one &#38; &#60;two&#62;', 'step', '0', '10', 'part 2']) expect(words).toContain(word);
    // The legend is of the chart whose line has a name.
    expect(of(svg, /<tspan dx="4">([^<]*)<\/tspan>/g)).toEqual([['rising']]);
  });

  it('leaves out what is no number, and what a logarithm cannot take', () => {
    const points = [
      [1, 1],
      [2, Number.NaN],
      [3, 0],
      [4, -5],
      [5, Number.POSITIVE_INFINITY],
    ] as const;
    const svg = lineCharts([{ title: '', x: {}, y: { log: true }, lines: [{ colour: '#ff0000', points }] }]);
    // One point is left: a dot.
    expect(of(svg, /<circle [^>]*fill="(#ff0000)"/g)).toHaveLength(1);
    expect(polylines(svg, '#ff0000')).toEqual([]);
    expect(svg).not.toMatch(/NaN|Infinity/);
  });

  it('draws axes where there are no points at all', () => {
    const svg = lineCharts([{ title: 'nothing yet', x: { from: 0 }, y: { log: true }, lines: [] }]);
    expect(svg).toContain('nothing yet');
    expect(polylines(svg, '#57606a')).toEqual([
      [
        [0, 0],
        [0, 300],
        [560, 300],
      ],
    ]);
    expect(() => lineCharts([])).toThrow(expect.objectContaining({ code: 'MEDIA_EMPTY' }));
  });
});
