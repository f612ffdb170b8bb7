import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { MediaSettled } from '../../../src/events/schemas.js';
import { JobBoard } from '../../../src/stores/jobs/job-board.js';
import type { KnownJob } from '../../../src/stores/jobs/jobs.js';
import { JobsView } from '../../../src/stores/jobs/view.js';
import { KnownMedia } from '../../../src/stores/media/known-media.js';
import { testFolder } from '../../media/make-media.js';

/* Views of topics, when one record of a batch cannot be taken in: the follower gives the same batch again. */

const place = (offset: number) => ({ partition: 0, offset, timestamp: 1000 + offset });
const change = (record: string) =>
  ({ job: 'a', state: 'in_progress', request: { source: '/s', id: 'one', record } }) as unknown as KnownJob;
/** On a full disk a write fails; this fails in the same place on any. */
const broken = { job: 'b', state: 'in_progress' } as unknown as KnownJob;

describe('a batch that fails in the middle', () => {
  it('is taken in whole when it comes again: the board of jobs', async () => {
    const board = new JobBoard(join(await testFolder(), 'board.sqlite'), 60_000);
    const rows = [{ ...place(0), job: 'a', change: change('r-0-0@1') }];
    expect(() => board.applyChanges([...rows, { ...place(1), job: 'b', change: broken }])).toThrow(TypeError);
    expect([board.positions('jobs'), board.get('a')]).toEqual([{}, undefined]);
    expect(board.applyChanges(rows)).toEqual(new Set(['a']));
    expect([board.positions('jobs'), board.get('a')?.state]).toEqual([{ 0: 1 }, 'in_progress']);
    board.close();
  });

  it('is taken in whole when it comes again: the jobs of a pipeline', async () => {
    const view = new JobsView(join(await testFolder(), 'jobs.sqlite'));
    const changes = [{ ...place(0), job: 'a', change: change('r-0-0@1') }];
    expect(() => view.apply([...changes, { ...place(1), job: 'b', change: broken }])).toThrow(TypeError);
    expect([view.positions, view.get('a').job]).toEqual([{}, undefined]);
    expect(view.apply(changes)).toEqual(new Set(['a']));
    expect([view.positions, view.get('a').job?.state]).toEqual([{ 0: 1 }, 'in_progress']);
    view.close();
  });

  it('is told whole when it comes again: what is known of media', async () => {
    const known = new KnownMedia(join(await testFolder(), 'media.sqlite'));
    const settled = { uri: 'a.png', event: 'one', outcome: 'delivered', parts: {} } as unknown as MediaSettled;
    const torn = { uri: 'b.png', event: 'two', outcome: 'dropped' } as unknown as MediaSettled;
    const changes = [{ ...place(0), settled }];
    expect(() => known.apply([...changes, { ...place(1), settled: torn }])).toThrow(TypeError);
    expect(known.positions).toEqual({});
    expect(known.apply(changes)).toEqual([settled]);
    expect([known.positions, known.of('a.png')?.outcome]).toEqual([{ 0: 1 }, 'delivered']);
    known.close();
  });
});
