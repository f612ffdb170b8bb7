import { expect, test } from 'vitest';
import { Canvas } from '../../src/media/canvas.js';

const black = '#000000';
/** Pixels' worth of ink. */
const inked = ({ data }: Canvas) => data.reduce((sum, v, i) => sum + (i % 3 === 0 ? 1 - v / 255 : 0), 0);

test.each([
  ['level', [10, 20.5], [50, 20.5]],
  ['upright', [20.5, 10], [20.5, 50]],
  ['slanting', [10, 10], [45, 52]],
] as const)('a %s line has the area of its length, its width and its round ends', (_, from, to) => {
  const canvas = new Canvas(64, 64);
  const width = 4;
  canvas.line([from, to], { colour: black, width });
  const area = width * Math.hypot(to[0] - from[0], to[1] - from[1]) + Math.PI * (width / 2) ** 2;
  expect(Math.abs(inked(canvas) / area - 1)).toBeLessThan(0.02);
});

test('a line one pixel wide through centres is sharp', () => {
  const canvas = new Canvas(32, 8);
  canvas.line(
    [
      [0, 3.5],
      [32, 3.5],
    ],
    { colour: '#ff8000' },
  );
  const pixel = (x: number, y: number) => [...canvas.data.subarray((y * 32 + x) * 3, (y * 32 + x) * 3 + 3)];
  expect(pixel(16, 3)).toEqual([255, 128, 0]);
  expect(pixel(16, 2)).toEqual([255, 255, 255]);
  expect(pixel(16, 4)).toEqual([255, 255, 255]);
});

test('dashes leave their gaps, over corners too', () => {
  const places = [
    [5, 10.5],
    [55, 10.5],
    [55, 60],
  ] as const;
  const [whole, dashed] = [new Canvas(64, 64), new Canvas(64, 64)];
  whole.line(places, { colour: black, width: 1 });
  dashed.line(places, { colour: black, width: 1, dashes: { on: 6, off: 6 } });
  // Round ends lengthen each dash by a little.
  expect(inked(dashed) / inked(whole)).toBeGreaterThan(0.5);
  expect(inked(dashed) / inked(whole)).toBeLessThan(0.65);
});

test('where a line crosses itself it is no darker, and a place alone is a dot', () => {
  const canvas = new Canvas(32, 32);
  const there = [
    [8, 16],
    [24, 16],
  ] as const;
  canvas.line([...there, ...there], { colour: '#808080', width: 3 });
  expect(Math.min(...canvas.data)).toBe(128);
  const dot = new Canvas(32, 32);
  dot.line([[16, 16]], { colour: black, width: 6 });
  expect(Math.abs(inked(dot) / (9 * Math.PI) - 1)).toBeLessThan(0.05);
});

test('what lies outside is not drawn, and no places are no line', () => {
  const canvas = new Canvas(16, 16);
  canvas.line(
    [
      [-40, -40],
      [-5, 90],
      [90, 90],
    ],
    { colour: black },
  );
  canvas.line([], { colour: black });
  expect(inked(canvas)).toBe(0);
});
