import { afterEach, expect, it, vi } from 'vitest';
import { decodeEvent } from '../../../src/events/cloudevents.js';
import { jobRecord } from '../../../src/events/job-change.js';
import type { JobChanged } from '../../../src/events/schemas.js';
import { openEmbedded } from '../../../src/streams/transports/embedded/open-embedded.js';
import { jobOf, openTestJobs, prepareJobTopics, shop, topics } from '../../streams/delivery/job-fixtures.js';
import { keptBy } from '../../support/kept-by.js';
import { patience } from '../../support/patience.js';

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

it('says an end once more that the late progress of a worker that hung would hide from compaction', async () => {
  const transport = openEmbedded({ path: ':memory:' });
  await prepareJobTopics(transport);
  const readers = [openTestJobs(transport), openTestJobs(transport, topics, 'other')];
  const job = jobOf('drawn twice');
  const request = { source: shop, id: 'drawn twice', record: 'requests-0-0@1', payload: '0'.repeat(64) };
  const said = async () => {
    const states: JobChanged[] = [];
    for await (const record of transport.read(topics.jobs))
      states.push(decodeEvent(record, ['job.changed']).data as JobChanged);
    return states;
  };
  const say = (change: Partial<JobChanged>) =>
    transport.publish([
      jobRecord({ job, request, ...change } as Parameters<typeof jobRecord>[0], {
        pipeline: 'generate',
        topic: topics.jobs,
      }),
    ]);
  await say({ state: 'in_progress', progress: 0.4 });
  await say({ state: 'cancelled' });
  await say({ state: 'in_progress', progress: 0.6 });
  await vi.waitFor(async () => expect((await said()).at(-1)!.state).toBe('cancelled'), { timeout: patience(20) });
  expect(readers.map((jobs) => jobs.known(job)?.state)).toEqual(['cancelled', 'cancelled']);
  // Progress of a job that is not over hides nothing.
  const before = (await said()).length;
  await say({ job: jobOf('other'), state: 'in_progress', progress: 0.1 });
  expect(await said()).toHaveLength(before + 1);
  for (const jobs of readers) await jobs.close();
  await transport.close();
});
