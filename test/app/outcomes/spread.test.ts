import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Spread } from '../../../src/app/outcomes/spread.js';

const score = fc.double({ min: 0, max: 60, noNaN: true });

describe('the spread of numbers', () => {
  it('tells shares to 1 in 1,024, and the ends as they are', () => {
    fc.assert(
      fc.property(fc.array(score, { minLength: 1, maxLength: 300 }), (values) => {
        const spread = new Spread();
        for (const value of values) spread.add(value);
        const sorted = values.toSorted((a, b) => a - b);
        expect([spread.at(0), spread.at(1)]).toEqual([sorted[0], sorted.at(-1)]);
        for (const share of [0.05, 0.25, 0.5, 0.95]) {
          const exact = sorted[Math.floor(share * sorted.length)]!;
          expect(Math.abs(spread.at(share)! - exact)).toBeLessThanOrEqual(exact / 1024 + 1e-300);
        }
        expect(spread.entries().reduce((sum, { times }) => sum + times, 0)).toBe(values.length);
      }),
    );
    expect(new Spread().at(0.5)).toBeUndefined();
  });

  it('needs no more memory for more of them', () => {
    const spread = new Spread();
    for (let n = 0; n < 1_000_000; n++) spread.add(0.5 + (Math.imul(n, 0x9e3779b1) >>> 0) / 2 ** 33);
    expect(spread.count).toBe(1_000_000);
    expect(spread.entries().length).toBeLessThanOrEqual(1025);
  });
});
