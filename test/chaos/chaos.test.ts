import { describe, expect, it } from 'vitest';
import { patience } from '../support/patience.js';
import { chaos } from './chaos.mjs';

describe('a run that is killed again and again', () => {
  it('loses nothing, doubles nothing, and writes the same shards and videos', { timeout: patience(600) }, async () => {
    const report = await chaos({ requests: 30, media: 45, kills: 4, seeds: [7, 8, 9] });
    expect(report.differences).toEqual([]);
    expect(report.kills).toBe(12);
    expect(report.counts.videos).toBe(30);
    expect(report.counts.contexts).toBeGreaterThan(0);
  });
});
