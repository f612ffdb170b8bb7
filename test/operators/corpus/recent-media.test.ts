import { queryObjects } from 'node:v8';
import { expect, it } from 'vitest';
import { RecentMedia } from '../../../src/operators/corpus/recent-media.js';

const claim = (event: string, n: number) => ({
  ...{ event, part: `${n}`, uri: event, document: `${n}`.padStart(64, '0'), contentHash: `${n}` },
  ...{ perceptual: '0'.repeat(16), film: undefined, embedding: [1], signal: new AbortController().signal },
});
const looks = { exact: true, bits: 4, likeness: 0.9 };

it('knows all clips of a long film for a minute, and then the last ones', () => {
  let now = 0;
  const recent = new RecentMedia(10, () => now);
  const bring = (event: string, count: number) => {
    for (let n = 0; n < count; n++) recent.claim(claim(event, n));
    recent.settle(event, () => true);
  };
  bring('a long film', 50);
  const known = (n: number) => recent.like(claim('another', n), looks)?.uri;
  expect([known(0), known(49), known(50)]).toEqual(['a long film', 'a long film', undefined]);
  now = 61_000;
  bring('a still', 1);
  expect([known(0), known(40), known(41)]).toEqual(['a still', undefined, 'a long film']);
});

it('holds on to no event that has its outcome', () => {
  const recent = new RecentMedia(1000, () => 0);
  const alive = () => queryObjects(AbortSignal, { format: 'count' }) as unknown as number;
  const before = alive();
  for (let n = 0; n < 100; n++) {
    recent.claim(claim(`${n}`, n));
    recent.settle(`${n}`, () => true);
  }
  expect(alive() - before).toBeLessThan(10);
  expect(recent.like(claim('another', 7), looks)?.uri).toBe('7');
});
