import { expect, it } from 'vitest';
import { growthOf } from './growth.mjs';

/** A run in which so many documents came, and memory grew with them; with some noise. */
function run(documents: number, kib: (documents: number) => number) {
  return Array.from({ length: 400 }, (_, n) => {
    const there = Math.round((documents * n) / 400);
    return { documents: there, megabytes: 130 + kib(there) / 1024 + 4 * Math.sin(n) };
  });
}
const night = 2880;
const each = (kib: number) => (documents: number) => documents * kib;
const isTooMuch = (documents: number, kib: (documents: number) => number, profile: string) =>
  growthOf(run(documents, kib), profile).isTooMuch;

it('finds memory right that stays the same, or grows with the corpus and the log', () => {
  expect(isTooMuch(night, each(0), 'cluster')).toBe(false);
  expect(isTooMuch(night, each(8), 'cluster')).toBe(false);
  expect(isTooMuch(night, each(12), 'embedded')).toBe(false);
});

it('finds memory wrong of which each event leaves some behind, although it grows by less than a third', () => {
  expect(isTooMuch(night, each(20), 'cluster')).toBe(true);
  expect(isTooMuch(night, each(24), 'embedded')).toBe(true);
  const { grown, documents } = growthOf(run(night, each(24)), 'embedded');
  expect(documents).toBe(night / 2);
  expect(grown).toBeLessThan((130 * 2 ** 20) / 3);
});

it('does not take for a leak what is full after the first thousand documents', () => {
  const filled = (documents: number) => Math.min(documents, 1000) * 30;
  expect(isTooMuch(night, filled, 'cluster')).toBe(false);
  expect(isTooMuch(900, filled, 'cluster')).toBe(false);
  expect(isTooMuch(900, each(150), 'cluster')).toBe(true);
});
