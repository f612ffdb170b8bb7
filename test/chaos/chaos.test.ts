import { describe, expect, it } from 'vitest';
import { chaos } from './chaos.mjs';

describe('a run that is killed again and again', () => {
  it('loses nothing, doubles nothing, and writes the same shards and videos', { timeout: 300_000 }, async () => {
    const report = await chaos({ requests: 30, media: 45, kills: 5, seed: 7 });
    expect(report.differences).toEqual([]);
    expect(report.kills).toBe(5);
    expect(report.counts.videos).toBe(30);
  });
});
