import { expect, it } from 'vitest';
import { histogram } from '../../../src/media/drawing/histogram.js';

const ticksOf = (value: number) => {
  const drawn = histogram({ title: 'black', groups: [{ colour: '#000', values: [{ value, times: 3 }] }] });
  return [...drawn.matchAll(/text-anchor="middle"[^>]*>([^<]+)</g)].map(([, tick]) => Number(tick));
};

it('has no axis below nothing for numbers that are not below it, though all are equal', () => {
  for (const value of [0, 0.2, 4]) {
    const ticks = ticksOf(value);
    expect(ticks.length).toBeGreaterThan(1);
    expect(Math.min(...ticks)).toBeGreaterThanOrEqual(0);
  }
  expect(Math.min(...ticksOf(-3))).toBeLessThan(-3);
});
