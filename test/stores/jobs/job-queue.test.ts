import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GenerationRequested, JobChanged } from '../../../src/events/schemas.js';
import { JobBoard, type MadeVideo } from '../../../src/stores/jobs/job-board.js';
import type { KnownJob } from '../../../src/stores/jobs/jobs.js';
import { testFolder } from '../../media/make-media.js';

const noon = Date.parse('2026-01-31T12:00:00Z');
const at = (seconds: number) => noon + seconds * 1000;

let board: JobBoard;
let offset: number;
beforeEach(async () => {
  board = new JobBoard(join(await testFolder(), 'board.sqlite'), 600_000);
  offset = 0;
});
afterEach(() => board.close());

const place = (seconds: number) => ({ partition: 0, offset: offset++, timestamp: at(seconds) });

function ask(job: string, seconds: number, request: Partial<GenerationRequested> = {}): void {
  board.applyRequests([
    {
      ...{ ...place(seconds), job, record: `requests-0-0@${at(seconds)}`, source: '/s', id: job, payload: job },
      request: { prompt: 'a fox', ...request },
    },
  ]);
}

function tell(job: string, asked: number, seconds: number, change: Partial<JobChanged>): void {
  const request = { source: '/s', id: job, record: `requests-0-0@${at(asked)}`, payload: job };
  board.applyChanges([{ ...place(seconds), job, change: { job, request, ...change } as KnownJob }]);
}

/** Runs since `began`, and has done a share of its steps at `seconds`. */
const runs = (job: string, began: number, seconds: number, progress: number) =>
  tell(job, 0, seconds, { state: 'in_progress', started_at: new Date(at(began)).toISOString(), progress });

function make(job: string, seconds: number, weights = 'e'.repeat(64)): void {
  tell(job, 0, 0, { state: 'completed', progress: 1 });
  const video = { model: { name: 'nano', weights, backend: 'wasm' } } as MadeVideo;
  board.applyVideos([{ ...place(0), job, video, seconds }]);
}

const eta = (job: string, now: number) => board.place({ job }, at(now));

describe('when the turn of a job comes', () => {
  it('follows from what jobs of the same kind took: what is left of the one that runs, and all that go before', () => {
    const [short, long] = [{ frames: 4 }, { frames: 16, steps: 50 }];
    for (const [n, seconds] of [9, 11, 10].entries()) {
      ask(`done ${n}`, 0, short);
      make(`done ${n}`, seconds);
    }
    ask('done long', 0, long);
    make('done long', 100);
    ask('running', 0, short);
    runs('running', 50, 51, 0.1);
    ask('long', 1, long);
    ask('short', 2, short);
    ask('asked', 3, short);
    // 10 s are the median of the short ones; 4 of them are over.
    expect(eta('asked', 54)).toEqual({ ahead: 3, seconds: 6 + 100 + 10 });
    expect(eta('long', 54)).toEqual({ ahead: 1, seconds: 6 });
    // It takes longer than they did: any moment now.
    expect(eta('long', 70)).toEqual({ ahead: 1, seconds: 0 });
    // The clock was set back an hour since: what they took at most.
    expect(eta('long', 54 - 3600)).toEqual({ ahead: 1, seconds: 10 });
  });

  it('follows from the steps of the one that runs, where no such job was made yet', () => {
    ask('running', 0);
    runs('running', 0, 5, 0.25);
    ask('asked', 1);
    expect(eta('asked', 8)).toEqual({ ahead: 1, seconds: 12 });
  });

  it('is not known while one of those ahead is of a kind that nobody measured, or none runs', () => {
    ask('done', 0);
    make('done', 10);
    ask('first', 1);
    ask('asked', 2);
    expect(eta('asked', 3)).toEqual({ ahead: 1 });
    runs('first', 3, 4, 0.5);
    expect(eta('asked', 4)).toHaveProperty('seconds');
    ask('strange', 0, { priority: 'interactive', steps: 7 });
    expect(eta('asked', 4)).not.toHaveProperty('seconds');
  });

  it('is not told by what another model took', () => {
    ask('done', 0);
    make('done', 10);
    ask('newer', 0, { steps: 3 });
    make('newer', 2, 'f'.repeat(64));
    ask('first', 1);
    tell('first', 1, 2, { state: 'in_progress', started_at: new Date(at(2)).toISOString(), progress: 0 });
    ask('asked', 2);
    expect(eta('asked', 3)).toEqual({ ahead: 1 });
  });

  it('halves where two run at once', () => {
    ask('done', 0);
    make('done', 10);
    for (const job of ['one', 'two']) {
      ask(job, 0);
      runs(job, 0, 1, 0.1);
    }
    for (const [n, job] of ['three', 'four', 'asked'].entries()) ask(job, 1 + n / 10);
    expect(eta('asked', 2)).toEqual({ ahead: 4, seconds: (8 + 8 + 10 + 10) / 2 });
  });
});

describe('jobs that run at once', () => {
  it('are those that the model has: one that had its time is being encoded, and takes no part', () => {
    ask('done', 0);
    make('done', 10);
    for (const [job, began] of [
      ['encoded', 0],
      ['encoded, too', 10],
      ['drawn', 20],
    ] as const) {
      ask(job, 0);
      runs(job, began, began + 1, 0.1);
    }
    ask('next', 1);
    ask('asked', 2);
    expect(eta('asked', 24)).toEqual({ ahead: 4, seconds: 6 + 10 });
  });
});

it('a job says when its denoising began, and keeps it to its end', () => {
  ask('one', 0);
  expect(board.get('one')!.started).toBeUndefined();
  runs('one', 3, 4, 0.5);
  expect(board.get('one')!.started).toBe(at(3));
  tell('one', 0, 9, { state: 'completed', progress: 1, started_at: new Date(at(3)).toISOString() });
  expect(board.get('one')).toMatchObject({ started: at(3), changed: at(9), state: 'completed' });
});
