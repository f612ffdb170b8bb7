import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { jobRecord } from '../../../src/events/job-change.js';
import { isDeleted, JobDeletion, newestOf } from '../../../src/events/job-deletion.js';
import type { StoredRecord } from '../../../src/events/record.js';
import { JobBoard } from '../../../src/stores/jobs/job-board.js';
import type { KnownJob } from '../../../src/stores/jobs/jobs.js';
import { tell } from '../../../src/stores/jobs/succession.js';
import { openEmbedded } from '../../../src/streams/transports/embedded/open-embedded.js';
import { testFolder } from '../../media/make-media.js';
import { jobOf, openTestJobs, prepareJobTopics, shop, topics } from '../../streams/delivery/job-fixtures.js';
import { patience } from '../../support/patience.js';

const noon = Date.parse('2026-01-31T12:00:00Z');
const hour = 3_600_000;
const signal = new AbortController().signal;
const payload = '0'.repeat(64);
const request = { source: shop, id: 'x', payload };
const record = (offset: number, written = noon) => `requests-0-${offset}@${written}`;
const change = (offset: number, state: KnownJob['state'], more: Partial<KnownJob['request']> = {}): KnownJob => ({
  ...{ job: 'x', state },
  request: { ...request, record: record(offset), ...more },
});

describe('what deletes a job', () => {
  it('covers all records of a partition up to the last one, and none of a topic that was made anew', () => {
    // The clock was ahead when the first came.
    const deleted = newestOf([record(3, noon + hour), record(7), 'requests-1-2@5', record(5)]);
    expect(deleted.sort()).toEqual([record(3, noon + hour), record(7), 'requests-1-2@5'].sort());
    for (const one of [record(3, noon + hour), record(5), record(7), 'requests-1-2@5'])
      expect([one, isDeleted(one, deleted)]).toEqual([one, true]);
    for (const one of [record(8), record(0, noon + 2 * hour), 'requests-2-0@5', 'others-0-0@5', 'no name'])
      expect([one, isDeleted(one, deleted)]).toEqual([one, false]);
    const written = new JobDeletion(deleted).record('jobs', 'x');
    expect([written.value, JobDeletion.of(written).deletes]).toEqual([null, deleted]);
  });

  it('leaves a job that was asked for again since', () => {
    const again = tell({ job: change(7, 'failed'), deleted: [] }, change(9, 'queued', { after: record(7) }));
    const late = tell(again, new JobDeletion([record(7)]));
    expect(late).toMatchObject({ job: { state: 'queued', request: { record: record(9) } }, isHidden: true });
    // Who writes a record without a value by hand says no requests: the job is forgotten, and comes to its end if it is under way.
    const forgotten = tell(again, new JobDeletion(undefined));
    expect(forgotten).toMatchObject({ job: undefined, isHidden: false });
    expect(tell(forgotten, change(9, 'completed')).job?.state).toBe('completed');
  });
});

describe('a deleted job on the jobs topic', () => {
  it('stays deleted when a worker that hung tells of its progress: that is said once more, for compaction', async () => {
    const transport = openEmbedded({ path: ':memory:' });
    await prepareJobTopics(transport);
    const readers = [openTestJobs(transport), openTestJobs(transport, topics, 'other')];
    const job = jobOf('x');
    const say = (said: KnownJob) =>
      transport.publish([jobRecord({ ...said, job }, { pipeline: 'generate', topic: topics.jobs })]);
    const last = async () => {
      let found: StoredRecord | undefined;
      for await (const one of transport.read(topics.jobs)) if (one.key?.toString() === job) found = one;
      return found!;
    };
    await say(change(7, 'in_progress'));
    await say(change(7, 'completed'));
    await transport.publish([new JobDeletion([record(7)]).record(topics.jobs, job)]);
    await say(change(7, 'in_progress'));
    await vi.waitFor(async () => expect((await last()).value).toBeNull(), { timeout: patience(20) });
    expect(JobDeletion.of(await last()).deletes).toEqual([record(7)]);
    expect(readers.map((jobs) => jobs.known(job))).toEqual([undefined, undefined]);
    // As a group that lost its place does.
    const claim = (offset: number) =>
      readers[0]!.claim({ job, request: { ...request, record: record(offset) } }, { signal });
    expect(await claim(7)).toBe('duplicate');
    expect(readers[0]!.known(job)).toBeUndefined();
    expect(await claim(8)).toBe('mine');
    expect(readers[0]!.known(job)).toMatchObject({ state: 'queued', request: { record: record(8) } });
    for (const jobs of readers) await jobs.close();
    await transport.close();
  });
});

describe('a deleted job on the board', () => {
  async function boardOf() {
    const board = new JobBoard(join(await testFolder(), 'board.sqlite'), hour);
    let said = 0;
    return {
      board,
      ask(offset: number, timestamp: number) {
        const row = { job: 'x', record: record(offset, timestamp), ...request, request: { prompt: `${offset}` } };
        board.applyRequests([{ ...row, partition: 0, offset, timestamp }]);
      },
      say(one: KnownJob | JobDeletion, timestamp = noon) {
        board.applyChanges([{ partition: 0, offset: said++, timestamp, job: 'x', change: one }]);
      },
    };
  }

  it('does not come back where the clock of whoever deleted it is behind', async () => {
    const { board, ask, say } = await boardOf();
    ask(0, noon);
    ask(1, noon + 1);
    say(change(0, 'completed'));
    say(board.deletionOf('x'), noon - hour);
    expect(board.get('x')).toBeUndefined();
    // Nor by what a worker says too late.
    say(change(0, 'in_progress'));
    expect(board.get('x')).toBeUndefined();
    board.close();
  });

  it('does not come back by a request that is read after its deletion', async () => {
    const { board, ask, say } = await boardOf();
    say(new JobDeletion([record(1)]));
    ask(0, noon);
    ask(1, noon);
    expect(board.get('x')).toBeUndefined();
    ask(2, noon);
    expect(board.get('x')).toMatchObject({ state: 'queued', request: { prompt: '2' } });
    board.close();
  });

  it('is a job again when it is asked for anew, where the clock of whoever deleted it is ahead', async () => {
    const { board, ask, say } = await boardOf();
    ask(0, noon);
    say(change(0, 'completed'));
    const deletion = board.deletionOf('x');
    ask(1, noon + 1);
    say(deletion, noon + hour);
    expect(board.get('x')).toMatchObject({ state: 'queued', version: 0, request: { prompt: '1' } });
    board.close();
  });
});
