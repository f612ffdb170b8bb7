import { setTimeout as sleep } from 'node:timers/promises';
import { either } from '../../core/either.js';
import { decodeEvent } from '../../events/cloudevents.js';
import { jobRecord } from '../../events/job-change.js';
import { JobDeletion } from '../../events/job-deletion.js';
import type { NewRecord, StoredRecord } from '../../events/record.js';
import type { JobChanged } from '../../events/schemas.js';
import { followTopic } from '../follow-topic.js';
import { isOver, type Jobs, type JobTry, type KnownJob } from './jobs.js';
import { judge } from './succession.js';
import { type Change, JobsView, type Remembered } from './view.js';

export interface OpenJobsOptions {
  pipeline: string;
  /** The topic of jobs, and how to reach it. */
  topic: string;
  read(
    topic: string,
    options: { from: Record<number, number>; follow: boolean; signal: AbortSignal },
  ): AsyncIterable<StoredRecord>;
  ends(topic: string): Promise<{ partition: number; high: number }[]>;
  publish(records: NewRecord[]): Promise<{ partition: number; offset: number }[]>;
  /** Where the view may lie; nothing there is kept. */
  file: string;
  /** Whether a request's record has its outcome already, or is gone: then what is still under way by the topic never ends. */
  isSettled(record: string): Promise<boolean>;
  log: { warn(fields: object, message: string): void; info(fields: object, message: string): void };
}

/** How long an end that is hidden waits to be said once more, at least and at most: who says it first is seen by the others. */
const [leastMs, mostMs] = [500, 3_000];

/** No job's id. */
const anyMove = '';

/** Opens the memory of a pipeline's jobs, which follows the jobs topic until it is closed. */
export function openJobs(options: OpenJobsOptions): Jobs {
  const { pipeline, topic, log } = options;
  const view = new JobsView(options.file);
  /** Those who wait for a place in the topic, or for a job. */
  const waiting = new Map<string, Set<() => void>>();
  const closing = new AbortController();
  let closed = false;

  /** Of a job that is not over, something newer will be said. */
  const isFinal = ({ job }: Remembered) => !job || isOver(job.state);
  const endsHidden = () => (closed ? [] : view.hidden().filter((job) => isFinal(view.get(job))));
  let isUncovering = false;
  const follower = followTopic<StoredRecord>({
    what: 'The memory of jobs',
    read: (from, how) => options.read(topic, { from, ...how }),
    positions: async () => view.positions,
    async apply(records) {
      if (closed) return;
      const told = view.apply(records.map(changeOf));
      for (const what of [anyMove, ...told]) for (const look of [...(waiting.get(what) ?? [])]) look();
      if (!isUncovering && endsHidden().length > 0) void uncover();
    },
    log,
  });
  const caughtUp = async () => follower.caughtUp(await options.ends(topic));
  /** Decided is only by what was there when this began, at least. */
  let begun: Promise<void> | undefined;
  const hasBegun = async (signal: AbortSignal) => {
    begun ??= caughtUp();
    // A log that was away is asked again.
    begun.catch(() => {
      begun = undefined;
    });
    await unlessAborted(begun, signal);
  };

  /** Until `find` finds something in the view; it looks again whenever `what` (a job, or anything) was told of. */
  async function until<T>(what: string, find: () => T | undefined, signal: AbortSignal): Promise<T> {
    const { signal: stop, letGo } = either(signal, closing.signal);
    try {
      for (;;) {
        stop.throwIfAborted();
        const found = find();
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => {
          const looks = waiting.get(what) ?? new Set();
          waiting.set(what, looks);
          const look = () => {
            looks.delete(look);
            if (looks.size === 0) waiting.delete(what);
            stop.removeEventListener('abort', look);
            resolve();
          };
          looks.add(look);
          stop.addEventListener('abort', look, { once: true });
        });
      }
    } finally {
      letGo();
    }
  }

  /** One after the other for each job: who comes second in this process sees what the first has said. */
  const turns = new Map<string, Promise<unknown>>();
  async function inTurn<T>(job: string, work: () => Promise<T>): Promise<T> {
    const turn = (turns.get(job) ?? Promise.resolve()).catch(() => {}).then(work);
    turns.set(job, turn);
    try {
      return await turn;
    } finally {
      if (turns.get(job) === turn) turns.delete(job);
    }
  }

  /** Says something of a job, and waits until this view has read as far. */
  const say = (change: KnownJob, signal: AbortSignal, traceparent?: string) =>
    heard(jobRecord(change, { pipeline, topic }, { traceparent }), signal);
  async function heard(record: NewRecord, signal: AbortSignal): Promise<void> {
    const [place] = await options.publish([record]);
    const { partition, offset } = place!;
    await until(anyMove, () => view.reached(partition) > offset || undefined, signal);
  }

  /** What was said too late hides what holds: that is said once more, and again when it came too late itself. */
  async function restated(job: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const { job: known, deleted, isHidden } = view.get(job);
      if (!isHidden) return;
      await (known ? say(known, signal) : heard(new JobDeletion(deleted).record(topic, job), signal));
    }
  }

  /**
   * A worker that hung tells of its progress after another has ended the job, or after it was deleted, and need not live until it
   * could mend that: whoever reads it says the end once more.
   */
  async function uncover(): Promise<void> {
    const { signal } = closing;
    isUncovering = true;
    while (isUncovering && !signal.aborted)
      try {
        await sleep(leastMs + Math.random() * (mostMs - leastMs), undefined, { signal });
        // What hides an end in an old part of the topic may be mended further on.
        await unlessAborted(caughtUp(), signal);
        const hidden = endsHidden();
        isUncovering = hidden.length > 0;
        for (const job of hidden)
          await inTurn(job, async () => {
            if (isFinal(view.get(job))) await restated(job, signal);
          });
      } catch (error) {
        if (!signal.aborted) log.warn({ error: String(error) }, 'Ends of jobs that late progress hides are said later');
      }
  }

  /** Waits for nobody who will never come: null, when the record that has the job will not end it any more. */
  async function alive(known: KnownJob, signal: AbortSignal): Promise<KnownJob | null> {
    if (isOver(known.state) || !(await options.isSettled(known.request.record))) return known;
    // Its end may have been told since.
    await unlessAborted(caughtUp(), signal);
    const now = view.get(known.job).job;
    const isLost = now && !isOver(now.state) && now.request.record === known.request.record;
    return isLost ? null : (now ?? known);
  }

  return {
    async claim(asked, { signal, isOwn = false, traceparent }) {
      await hasBegun(signal);
      return inTurn(asked.job, async () => {
        for (;;) {
          const told = view.get(asked.job);
          const claim = judge(told, asked, isOwn);
          if (claim === 'mine') return claim;
          // Somebody has it, or it was deleted.
          if (claim !== 'free' && (!told.job || (await alive(told.job, signal)))) {
            await restated(asked.job, signal);
            return claim;
          }
          await say({ ...after(asked, told.job), state: 'queued' }, signal, traceparent);
        }
      });
    },
    cancel: (asked, { signal }) =>
      inTurn(asked.job, async () => {
        await unlessAborted(caughtUp(), signal);
        for (;;) {
          const known = view.get(asked.job).job;
          if (known && (await alive(known, signal))) {
            await restated(asked.job, signal);
            return view.get(asked.job).job ?? known;
          }
          await say({ ...after(asked, known), state: 'cancelled' }, signal);
        }
      }),
    known: (job) => (closed ? undefined : view.get(job).job),
    named: (id) => (closed ? [] : view.named(id)),
    over: (job, signal) =>
      until(
        job,
        () => {
          const known = view.get(job).job;
          return known && isOver(known.state) ? known : undefined;
        },
        signal,
      ),
    async close() {
      if (closed) return;
      closing.abort(new Error('The memory of jobs was closed'));
      await follower.close();
      closed = true;
      view.close();
    },
  };
}

function after(asked: JobTry, known: KnownJob | undefined): JobTry {
  const { record } = known?.request ?? {};
  return { ...asked, request: { ...asked.request, ...(record !== undefined && { after: record }) } };
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** A record that tells of no job is passed over: somebody else's, or of a time when jobs had no memory. */
function changeOf(record: StoredRecord): Change {
  const { partition, offset, key, value } = record;
  const job = key?.toString() ?? '';
  if (value === null) return { partition, offset, job, change: JobDeletion.of(record) };
  try {
    const change = decodeEvent(record, ['job.changed']).data as JobChanged;
    return { partition, offset, job, change: change.request && change.job === job ? (change as KnownJob) : undefined };
  } catch {
    return { partition, offset, job, change: undefined };
  }
}
