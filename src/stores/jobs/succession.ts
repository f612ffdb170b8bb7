import { type Claim, isOver, type JobTry, type KnownJob } from './jobs.js';

/*
 * Whose a job is. Changes of a job have one key, so they stand in one partition, and everybody reads them in one order:
 * the same rules give everybody the same answer, whoever wrote at the same moment.
 */

/**
 * The job after a change; null: the change came too late and says nothing. The first record that names a job has it. It
 * passes to another record when that one names the first as the one it comes after, or tells of an end after a failure.
 */
export function succeed(known: KnownJob | undefined, change: KnownJob): KnownJob | null {
  if (!known) return change;
  const [before, now] = [known.request, change.request];
  if (before.record === now.record) return isOver(known.state) && !isOver(change.state) ? null : change;
  if (now.after === before.record) return change;
  return known.state === 'failed' && isOver(change.state) ? change : null;
}

/** What a record that asks for a job comes to, by what is known; `free`: it may say that the job is its own. */
export function judge(known: KnownJob | undefined, asked: JobTry, isOwn: boolean): Claim | 'free' {
  if (!known) return 'free';
  const { record, payload } = known.request;
  if (record === asked.request.record) return isOver(known.state) ? 'duplicate' : 'mine';
  if (isOwn || known.state === 'failed') return 'free';
  if (payload === undefined) return 'cancelled';
  return payload === asked.request.payload ? 'duplicate' : 'taken';
}
