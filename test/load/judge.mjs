// @ts-nocheck: a plain script, run against what is built
import { compareTurns, standingOf } from '../../dist/stores/jobs/turn-order.js';

/** A queue that was read anew needs a moment to have what was left of the step before. Milliseconds. */
const settledMs = 2000;
/** Between the first step of a request and the earliest turn that may have led to it. */
const moments = Array.from({ length: 11 }, (_, n) => n / 10);
const ends = new Set(['completed', 'failed', 'cancelled']);

/**
 * What a load came to, by all that the log and the API say of it; what is wrong is a list of sentences.
 *
 * `asked`: { job, request, came, cancel } of each request; `changes`: of all jobs, in the order of the topic; `videos`: the jobs of all
 * videos; `followed`: what GET and a stream said of some jobs at their ends, and where each new connection of it went on; `slackMs`: how long a request may be on its way to the
 * step that it waits for, and from its turn there to its first step; infinite: turns are not looked at. `ahead`: so many have their
 * turns together, and begin in any order. `lane` of a request: whoever took it took all of its lane; turns hold within one. `disturbed`: times in which a queue was
 * being read anew, { from, until }.
 *
 * @param {any} run
 */
export function judge({ asked, changes, videos, followed, ageingMs, slackMs, ahead = 0, disturbed = [] }) {
  const wrong = [];
  const jobs = new Map(asked.map((one) => [one.job, { ...one, ends: [], videos: 0 }]));
  for (const { job, state, started_at: began, progress, error } of changes) {
    const known = jobs.get(job);
    if (!known) {
      wrong.push(`job ${job} was never asked for`);
      continue;
    }
    if (began !== undefined) known.began ??= Date.parse(began);
    if (ends.has(state)) known.ends.push({ state, progress, error });
  }
  for (const job of videos) {
    if (jobs.has(job)) jobs.get(job).videos++;
    else wrong.push(`a video of job ${job}, which was never asked for`);
  }
  const counts = { completed: 0, failed: 0, cancelled: 0 };
  for (const { job, ends: told, videos: made, cancel } of jobs.values()) {
    if (told.length !== 1) {
      wrong.push(`job ${job} has ${told.length} ends`);
      continue;
    }
    const [{ state, error }] = told;
    counts[state]++;
    if (state === 'failed') wrong.push(`job ${job} failed: ${error?.message}`);
    if (state === 'cancelled' && !cancel) wrong.push(`job ${job} was cancelled, and nobody asked for it`);
    if (made !== (state === 'completed' ? 1 : 0)) wrong.push(`job ${job} is ${state} and has ${made} videos`);
  }
  const order = orderOf([...jobs.values()], { ageingMs, slackMs, ahead, disturbed });
  wrong.push(...order.wrong);
  // What compares nothing finds nothing.
  if (order.pairs === 0 && Number.isFinite(slackMs))
    wrong.push('no two jobs waited at once: nothing tells whether turns are kept');
  for (const { job, got, streamed, versions, connections = [] } of followed) {
    if (JSON.stringify(got) !== JSON.stringify(streamed))
      wrong.push(`GET and the stream say different things of job ${job}: ${saying(got)}, and ${saying(streamed)}`);
    if (versions.some((version, n) => n > 0 && version <= versions[n - 1]))
      wrong.push(`the versions of job ${job} do not grow: ${versions.join(', ')}`);
    for (const { after, first } of connections)
      if (Number(first) <= Number(after)) wrong.push(`the stream of job ${job} said ${first} again after ${after}`);
  }
  return { wrong, counts, pairs: order.pairs, aged: order.aged, waits: waitsOf([...jobs.values()]) };
}

/**
 * Whoever began while another one of its lane waited, whose turn came before: that is wrong. `aged`: pairs in which the first one had a
 * lower priority, and had waited for longer.
 */
function orderOf(jobs, { ageingMs, slackMs, ahead, disturbed }) {
  const began = jobs.filter((one) => one.began !== undefined).sort((a, b) => a.began - b.began);
  const standing = new Map(began.map((one) => [one, standingOf(one.request, one.came)]));
  const isDisturbed = (at) => disturbed.some(({ from, until }) => from <= at && at - settledMs <= until);
  const wrong = [];
  let pairs = 0;
  let aged = 0;
  for (const [n, first] of began.entries()) {
    if (isDisturbed(first.began)) continue;
    for (const later of began.slice(n + 1 + ahead)) {
      // It was on its way to the queue, or came afterwards.
      if (later.lane !== first.lane || later.came + slackMs > first.began) continue;
      pairs++;
      const [a, b] = [standing.get(later), standing.get(first)];
      if (a.priority < b.priority) aged++;
      // The turn was given before the first step, and a request may have aged in between.
      if (moments.every((share) => compareTurns(a, b, first.began - share * slackMs, ageingMs) < 0))
        wrong.push(
          `job ${later.job} (${later.request.priority}) waited while ${first.job} (${first.request.priority}) began`,
        );
    }
  }
  return { wrong, pairs, aged };
}

const saying = (job) => `${job?.status} (version ${job?.version})`;

/** Seconds from the request to the first step, by priority: the middle one and the longest. */
function waitsOf(jobs) {
  const waits = {};
  for (const priority of ['interactive', 'standard', 'batch']) {
    const seconds = jobs
      .filter((one) => one.began !== undefined && one.request.priority === priority)
      .map(({ began, came }) => (began - came) / 1000)
      .sort((a, b) => a - b);
    if (seconds.length > 0) waits[priority] = { median: seconds[seconds.length >> 1], most: seconds.at(-1) };
  }
  return waits;
}
