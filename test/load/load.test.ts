import { expect, it } from 'vitest';
import { load } from './load.mjs';

it('a small load by HTTP and by the log: each job ends once, with its video, and GET and the stream agree', async () => {
  // How soon a request reaches its queue depends on the machine, so turns are left to the command.
  const { wrong, counts, stops, times } = await load({
    ...{ jobs: 24, model: 'fake', follow: 6, slackMs: Number.POSITIVE_INFINITY },
  });
  expect(wrong).toEqual([]);
  expect(counts).toMatchObject({ failed: 0 });
  expect(counts.completed + counts.cancelled).toBe(24);
  expect(stops).toHaveLength(1);
  expect(times.submit).toHaveLength(12);
});
