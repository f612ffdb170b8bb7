import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GenerationRequested, priorities } from '../../../src/events/schemas.js';
import { JobBoard } from '../../../src/stores/jobs/job-board.js';
import type { KnownJob } from '../../../src/stores/jobs/jobs.js';
import { compareTurns, standingOf } from '../../../src/stores/jobs/turn-order.js';
import { testFolder } from '../../media/make-media.js';

const minute = 60_000;
const ageing = 10 * minute;
const noon = Date.parse('2026-01-31T12:00:00Z');
const at = (minutes: number) => noon + minutes * minute;
const iso = (minutes: number) => new Date(at(minutes)).toISOString();

type Asked = Pick<GenerationRequested, 'priority' | 'start_by' | 'finish_by'> & { came: number };

/** The names of requests, whoever goes first first, as it is at a moment. */
function inTurn(asked: Record<string, Asked>, now: number): string[] {
  const standing = (name: string) => standingOf(asked[name]!, at(asked[name]!.came));
  return Object.keys(asked).sort((a, b) => compareTurns(standing(a), standing(b), at(now), ageing));
}

describe('whose turn it is', () => {
  it('goes by priority, then by deadline, then by arrival', () => {
    const asked: Record<string, Asked> = {
      batch: { priority: 'batch', start_by: iso(20), came: 0 },
      usual: { came: 1 },
      hurried: { finish_by: iso(40), came: 2 },
      'more hurried': { priority: 'standard', start_by: iso(30), finish_by: iso(90), came: 3 },
      'usual, later': { priority: 'standard', came: 4 },
      someone: { priority: 'interactive', came: 5 },
    };
    expect(inTurn(asked, 5)).toEqual(['someone', 'more hurried', 'hurried', 'usual', 'usual, later', 'batch']);
  });

  it('who waits gains a priority each time that the ageing has passed', () => {
    const asked: Record<string, Asked> = {
      batch: { priority: 'batch', came: 0 },
      usual: { came: 5 },
      someone: { priority: 'interactive', came: 8 },
    };
    expect(inTurn(asked, 9)).toEqual(['someone', 'usual', 'batch']);
    // The batch counts as standard and came first, then the usual one as interactive, then the batch, too.
    expect(inTurn(asked, 10)).toEqual(['someone', 'batch', 'usual']);
    expect(inTurn(asked, 15)).toEqual(['usual', 'someone', 'batch']);
    // All age alike.
    expect(inTurn(asked, 20)).toEqual(['someone', 'batch', 'usual']);
  });

  it('who waits long enough goes before every newcomer, whatever deadline that has', () => {
    const asked: Record<string, Asked> = {
      batch: { priority: 'batch', came: 0 },
      someone: { priority: 'interactive', finish_by: iso(31), came: 30 },
    };
    expect(inTurn(asked, 30)).toEqual(['batch', 'someone']);
  });
});

describe('the board of jobs', () => {
  const request = fc.record({
    priority: fc.option(fc.constantFrom(...priorities), { nil: undefined }),
    finish_by: fc.option(fc.integer({ min: 0, max: 90 }).map(iso), { nil: undefined }),
    came: fc.integer({ min: 0, max: 60 }),
    runs: fc.boolean(),
  });
  const folder = testFolder();

  it('counts ahead of a job those that run, and those whose turn comes before, as the steps take them', async () => {
    const path = join(await folder, 'board.sqlite');
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 12 }), fc.integer({ min: 0, max: 90 }), (all, now) => {
        const board = new JobBoard(path, ageing);
        const jobs = all.map(({ runs, ...asked }, n) => ({ job: `job-${10 + n}`, runs, asked }));
        const place = (offset: number, came: number) => ({ partition: 0, offset, timestamp: at(came) });
        board.applyRequests(
          jobs.map(({ job, asked: { came, ...wishes } }, n) => ({
            ...place(n, came),
            ...{ job, record: `requests-0-${n}@${at(came)}`, source: '/s', id: job, payload: job },
            request: { prompt: 'a fox', ...wishes },
          })),
        );
        const changes = jobs.flatMap(({ job, runs, asked: { came } }, n) =>
          runs ? [{ job, came, n, state: 'in_progress' as const }] : [],
        );
        board.applyChanges(
          changes.map(({ job, came, n, state }, offset) => ({
            ...{ ...place(offset, came), job },
            change: {
              ...{ job, state },
              request: { source: '/s', id: job, record: `requests-0-${n}@${at(came)}`, payload: job },
            } as KnownJob,
          })),
        );
        const running = jobs.filter(({ runs }) => runs).length;
        const waiting = jobs.filter(({ runs }) => !runs);
        const standing = ({ asked }: (typeof jobs)[number]) => standingOf(asked, at(asked.came));
        const turn = waiting.toSorted(
          (a, b) => compareTurns(standing(a), standing(b), at(now), ageing) || (a.job < b.job ? -1 : 1),
        );
        const ahead = turn.map(({ job }) => board.place({ job }, at(now)).ahead);
        board.close();
        expect(ahead).toEqual(turn.map((_, n) => running + n));
      }),
      { numRuns: 60 },
    );
  });

  it('learns the priority of a request that it reads after what was said of its job', async () => {
    const board = new JobBoard(join(await folder, 'late.sqlite'), ageing);
    const record = (n: number) => `requests-0-${n}@${at(n)}`;
    const place = (offset: number) => ({ partition: 0, offset, timestamp: at(offset) });
    const names = ['usual', 'urgent'];
    const said = (job: string, n: number) =>
      ({ job, state: 'queued', request: { source: '/s', id: job, record: record(n), payload: job } }) as KnownJob;
    board.applyChanges(names.map((job, n) => ({ ...place(n), job, change: said(job, n) })));
    const ahead = () => names.map((job) => board.place({ job }, at(2)).ahead);
    expect(ahead()).toEqual([0, 1]);
    board.applyRequests(
      names.map((job, n) => ({
        ...{ ...place(n), job, record: record(n), source: '/s', id: job, payload: job },
        request: { prompt: 'a fox', priority: n === 1 ? ('interactive' as const) : undefined },
      })),
    );
    expect(ahead()).toEqual([1, 0]);
    board.close();
  });
});
