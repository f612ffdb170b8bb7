import { describe, expect, it } from 'vitest';
import { judge } from './judge.mjs';
import { planOf } from './plan.mjs';

const start = Date.parse('2026-01-31T12:00:00Z');
const at = (seconds: number) => new Date(start + seconds * 1000).toISOString();

/** Three jobs that came at once and were made by priority, and one that was cancelled while it waited. */
function fineRun() {
  const asked = [
    { job: 'batch', request: { priority: 'batch' }, came: start, cancel: null },
    { job: 'usual', request: { priority: 'standard' }, came: start, cancel: null },
    { job: 'someone', request: { priority: 'interactive' }, came: start, cancel: null },
    { job: 'unwanted', request: {}, came: start, cancel: 'at once' },
  ].map((one) => ({ ...one, lane: 0 }));
  const made = ['someone', 'usual', 'batch'];
  const changes: { job: string; state: string; started_at?: string }[] = [
    ...asked.map(({ job }) => ({ job, state: 'queued' })),
    { job: 'unwanted', state: 'cancelled' },
    ...made.flatMap((job, n) => [
      { job, state: 'in_progress', started_at: at(20 + n) },
      { job, state: 'completed', started_at: at(20 + n) },
    ]),
  ];
  const got = { id: 'usual', version: 9 };
  const followed = [
    { job: 'usual', got, streamed: { ...got }, versions: [1, 4, 9], connections: [{ after: '4', first: '9' }] },
  ];
  return { asked, changes, videos: [...made], followed, ageingMs: 600_000, slackMs: 10_000 };
}

describe('the judge of a load', () => {
  it('finds nothing wrong with a run in which nothing was', () => {
    expect(judge(fineRun())).toEqual({
      wrong: [],
      counts: { completed: 3, failed: 0, cancelled: 1 },
      pairs: 3,
      aged: 0,
      waits: {
        interactive: { median: 20, most: 20 },
        standard: { median: 21, most: 21 },
        batch: { median: 22, most: 22 },
      },
    });
  });

  it.each<[string, (run: ReturnType<typeof fineRun>) => void, RegExp]>([
    ['a job without an end', (run) => run.changes.pop(), /^job batch has 0 ends$/],
    ['a job with two', (run) => run.changes.push({ job: 'usual', state: 'completed' }), /^job usual has 2 ends$/],
    ['a lost video', (run) => run.videos.pop(), /^job batch is completed and has 0 videos$/],
    ['a video too many', (run) => run.videos.push('usual'), /^job usual is completed and has 2 videos$/],
    ['a video of nobody', (run) => run.videos.push('other'), /^a video of job other, which was never asked for$/],
    [
      'a job that nobody asked for',
      (run) => run.changes.push({ job: 'other', state: 'queued' }),
      /^job other was never/,
    ],
    [
      'a failure',
      (run) => {
        run.changes.at(-1)!.state = 'failed';
        run.videos.pop();
      },
      /^job batch failed: /,
    ],
    [
      'a job that was cancelled by nobody',
      (run) => {
        run.changes.at(-1)!.state = 'cancelled';
        run.videos.pop();
      },
      /^job batch was cancelled, and nobody asked for it$/,
    ],
    [
      'a turn that was not kept',
      (run) => {
        for (const change of run.changes) if (change.job === 'batch' && change.started_at) change.started_at = at(19);
      },
      /^job (someone|usual) \((interactive|standard)\) waited while batch \(batch\) began$/,
    ],
    [
      'a stream that ends otherwise',
      (run) => Object.assign(run.followed[0]!.streamed, { version: 4 }),
      /say different/,
    ],
    [
      'a connection that begins with what came before',
      (run) => run.followed[0]!.connections.push({ after: '9', first: '9' }),
      /^the stream of job usual said 9 again after 9$/,
    ],
    ['versions that do not grow', (run) => run.followed[0]!.versions.push(9), /^the versions of job usual do not grow/],
  ])('notices %s', (_name, spoil, sentence) => {
    const run = fineRun();
    spoil(run);
    const { wrong } = judge(run);
    expect(wrong.length).toBeGreaterThan(0);
    for (const one of wrong) expect(one).toMatch(sentence);
  });

  it('lets one that was on its way, or that came later than a wait is worth, begin after another', () => {
    const late = fineRun();
    for (const one of late.asked) if (one.job === 'someone') one.came = start + 15_000;
    for (const change of late.changes) if (change.job === 'someone' && change.started_at) change.started_at = at(30);
    expect(judge(late).wrong).toEqual([]);
    const aged = fineRun();
    for (const one of aged.asked) if (one.job === 'batch') one.came = start - 1_300_000;
    for (const change of aged.changes) if (change.job === 'batch' && change.started_at) change.started_at = at(19);
    expect(judge(aged)).toMatchObject({ wrong: [], aged: 2 });
  });

  it('counts no pair of which the first began while a queue was read anew, whose turns came together, or whose lanes differ', () => {
    const run = fineRun();
    const turn = Date.parse(at(20));
    // Which is wrong, too: a run that compares nothing could find nothing.
    const wrongOf = (pairs: number) => (pairs === 0 ? [expect.stringMatching(/^no two jobs waited at once/)] : []);
    for (const [from, until, pairs] of [
      [turn - 1000, turn + 1, 0],
      [turn - 60_000, turn - 1000, 0],
      [turn - 60_000, turn - 12_000, 3],
      [turn + 60_000, turn + 90_000, 3],
    ] as const)
      expect(judge({ ...run, disturbed: [{ from, until }] })).toMatchObject({ wrong: wrongOf(pairs), pairs });
    expect(judge({ ...run, ahead: 1 })).toMatchObject({ wrong: [], pairs: 1 });
    for (const [n, one] of run.asked.entries()) one.lane = n;
    expect(judge(run)).toMatchObject({ wrong: wrongOf(0), pairs: 0 });
    expect(judge({ ...run, slackMs: Number.POSITIVE_INFINITY })).toMatchObject({ wrong: [], pairs: 0 });
  });
});

it('a plan is the same for a seed, has both ways, all priorities, several shapes, and cancels one in twenty', () => {
  const plan = planOf(200, 7);
  expect(planOf(200, 7)).toEqual(plan);
  expect(planOf(200, 8)).not.toEqual(plan);
  const kinds = (of: (one: (typeof plan)[number]) => unknown) => new Set(plan.map(of)).size;
  expect([kinds(({ by }) => by), kinds(({ request }) => request.priority)]).toEqual([2, 3]);
  expect(kinds(({ request: { frames, steps, width } }) => `${frames} ${steps} ${width}`)).toBe(4);
  expect(plan.filter(({ cancel }) => cancel !== null)).toHaveLength(10);
  const late = plan.filter(({ keepsComing }) => keepsComing);
  expect(late).toHaveLength(66);
  expect(kinds(({ keepsComing, request }) => keepsComing && request.priority)).toBe(2);
});
