import { describe, expect, it } from 'vitest';
import { duration, progress, restTime } from '../../src/cli/progress.js';

describe('lengths of time', () => {
  it.each([
    [0, '0.0 s'],
    [9.94, '9.9 s'],
    [9.96, '10 s'],
    [59.4, '59 s'],
    [59.7, '1 min 0 s'],
    [179.6, '3 min 0 s'],
    [3599.6, '1 h 0 min'],
    [7261, '2 h 1 min'],
    [260_000, '3 days'],
    [6.16e12, '195199 years'],
  ])('[use U9] %d s is %s', (seconds, text) => expect(duration(seconds)).toBe(text));

  it('[use U9] never has sixty of anything', () => {
    for (let seconds = 0; seconds < 8000; seconds += 0.05) expect(duration(seconds)).not.toMatch(/\b60 (s|min)/);
  });
});

describe('the rest time', () => {
  /** Looks each quarter of a second while things take so long, in seconds each. */
  function said(lengths: number[], before = 0): { left: number | null; really: number }[] {
    let time = 0;
    const rest = restTime(() => time * 1000);
    const ends = lengths.map((_, n) => lengths.slice(0, n + 1).reduce((sum, one) => sum + one, 0));
    const total = before + lengths.length;
    const shown: { left: number | null; really: number }[] = [];
    for (; time <= ends.at(-1)!; time += 0.25) {
      const done = before + ends.filter((end) => end <= time).length;
      shown.push({ left: rest(done, total), really: ends.at(-1)! - time });
    }
    return shown;
  }

  it.each([
    ['even', Array(20).fill(2), 0],
    ['even, after much of other runs', Array(20).fill(2), 100_000],
    ['slower and slower', Array.from({ length: 20 }, (_, n) => 1 + n), 0],
    ['faster and faster', Array.from({ length: 20 }, (_, n) => 20 - n), 3],
    ['quick, and a last one of 40 s', [...Array(26).fill(0.1), 40], 0],
    ['in bursts', Array.from({ length: 24 }, (_, n) => (n % 8 === 0 ? 8 : 0)), 0],
    ['one alone', [30], 5],
  ])('[use U9] never rises: %s', (_, lengths, before) => {
    const numbers = said(lengths, before).flatMap(({ left }) => (left === null ? [] : [left]));
    expect(numbers.filter((left, n) => left > (numbers[n - 1] ?? left))).toEqual([]);
  });

  it('[use U9] is right where things take equally long, whatever other runs did before', () => {
    const shown = said(Array(20).fill(2), 100_000).filter(({ left }) => left !== null);
    expect(shown.length).toBeGreaterThan(100);
    for (const { left, really } of shown) expect(Math.abs(left! - really)).toBeLessThan(2.5);
  });

  it('[use U9] is not said of a last one that takes longer than any before', () => {
    const shown = said([...Array(26).fill(0.1), 40]).filter(({ really }) => really < 39.5);
    expect(shown.filter(({ left }) => left !== null)).toEqual([]);
  });

  it('[use U9] stands in the bar, and not beside a total that nobody knows', () => {
    let time = 0;
    const written: string[] = [];
    const stream = { isTTY: true, columns: 100, write: (text: string) => written.push(text) };
    const bar = progress('work', { stream: stream as never, now: () => time });
    for (; time <= 10_000; time += 1000) bar.update(10 + time / 1000, 30);
    expect(written.at(-1)).toContain('20/30 1/s, 10 s left');
    bar.update(20, 0);
    expect(written.at(-1)).toContain('work 20 55/min');
    expect(written.at(-1)).not.toContain('left');
  });

  it.each([true, false])('is not shown where there is nothing to do (terminal: %s)', (isTTY) => {
    const written: string[] = [];
    const stream = { isTTY, columns: 100, write: (text: string) => written.push(text) };
    const bar = progress('corpus', { stream: stream as never, now: () => 10_000 });
    bar.update(0, 0);
    expect(written).toEqual([]);
    bar.update(0, 1);
    expect(written.join('')).toContain('0/1');
  });
});
