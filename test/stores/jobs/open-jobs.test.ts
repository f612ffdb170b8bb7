import { afterEach, expect, it, vi } from 'vitest';
import { openEmbedded } from '../../../src/streams/transports/embedded/open-embedded.js';
import { jobOf, openTestJobs, prepareJobTopics, shop } from '../../streams/delivery/job-fixtures.js';
import { keptBy } from '../../support/kept-by.js';

afterEach(() => vi.unstubAllGlobals());

it('leaves nothing of a claim in a signal that lives as long as the memory of jobs', async () => {
  const made: AbortSignal[] = [];
  class Noted extends AbortController {
    constructor() {
      super();
      made.push(this.signal);
    }
  }
  vi.stubGlobal('AbortController', Noted);
  const transport = openEmbedded({ path: ':memory:' });
  await prepareJobTopics(transport);
  const jobs = openTestJobs(transport);
  const lasting = [...made];
  expect(lasting.length).toBeGreaterThan(0);
  const kept = async (from: number) => {
    const { signal } = new AbortController();
    for (let n = from; n < from + 20; n++) {
      const request = { source: shop, id: `r${n}`, record: `requests-0-${n}@1`, payload: '0'.repeat(64) };
      expect(await jobs.claim({ job: jobOf(`r${n}`), request }, { signal })).toBe('mine');
    }
    return lasting.reduce((sum, one) => sum + keptBy(one), 0);
  };
  const before = await kept(0);
  expect((await kept(20)) - before).toBeLessThan(10);
  await jobs.close();
  await transport.close();
});
