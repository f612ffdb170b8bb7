import type { JobChanged } from '../../events/schemas.js';

/** One try of a request: which record of which request, and what it asks. */
export type JobTry = Pick<JobChanged, 'job'> & { request: NonNullable<JobChanged['request']> };

/** A job as the jobs topic tells of it. */
export type KnownJob = JobTry & JobChanged;

/**
 * What becomes of a record that asks for a job:
 * mine        the job is this record's to do
 * duplicate   another record asks the same, and does it or has done it
 * cancelled   the job was cancelled before this record came
 * taken       the id names another request already
 */
export type Claim = 'mine' | 'duplicate' | 'cancelled' | 'taken';

/**
 * The memory of which request was answered by which record: a view of the compacted topic of jobs, so it outlasts any
 * process, and all processes have the same.
 */
export interface Jobs {
  /**
   * Decides whom a job belongs to, for all processes alike: the first record that says so on the jobs topic has it. A job
   * that failed may be tried again by another record. `isOwn`: the id follows from the record's place, so that no other
   * record can mean the same request. Rejects when the log cannot be reached: the same again goes on from there.
   */
  claim(asked: JobTry, options: { signal: AbortSignal; isOwn?: boolean; traceparent?: string }): Promise<Claim>;
  /**
   * Cancels a job that no record asks for yet, in the name of the record that says so; gives the job as it is then, over
   * or under way.
   */
  cancel(asked: JobTry, options: { signal: AbortSignal }): Promise<KnownJob>;
  /** As far as the topic has been read. */
  known(job: string): KnownJob | undefined;
  /** All jobs of requests with this id, whatever their source. */
  named(id: string): KnownJob[];
  /** Resolves once the job is over; rejects when `signal` aborts. */
  over(job: string, signal: AbortSignal): Promise<KnownJob>;
  close(): Promise<void>;
}

export function isOver(state: JobChanged['state']): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

/** For runs that publish nothing: each request is new. */
export const noJobs: Jobs = {
  claim: async () => 'mine',
  cancel: async ({ job, request }) => ({ job, request, state: 'cancelled' }),
  known: () => undefined,
  named: () => [],
  over: () => new Promise(() => {}),
  close: async () => {},
};
