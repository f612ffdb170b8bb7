import { isDeleted, JobDeletion, newestOf } from '../../events/job-deletion.js';
import { type Claim, isOver, type JobTry, type KnownJob } from './jobs.js';

/*
 * Whose a job is. Changes of a job have one key, so they stand in one partition, and everybody reads them in one order:
 * the same rules give everybody the same answer, whoever wrote at the same moment.
 */

/**
 * The job after a change; null: the change came too late and says nothing. The first record that names a job has it. It
 * passes to another record when that one names the first as the one it comes after, or tells of an end after a failure.
 */
function succeed(known: KnownJob | undefined, change: KnownJob): KnownJob | null {
  if (!known) return change;
  const [before, now] = [known.request, change.request];
  if (before.record === now.record) return isOver(known.state) && !isOver(change.state) ? null : change;
  if (now.after === before.record) return change;
  return known.state === 'failed' && isOver(change.state) ? change : null;
}

/** What the jobs topic says of one job. */
export interface Told {
  /** undefined: nothing, or it was deleted. */
  job?: KnownJob | undefined;
  /** Records that asked for it before it was deleted (newestOf): what they say counts for nothing any more. */
  deleted: readonly string[];
}

/**
 * What is told of a job after a change. `isHidden`: the change came too late and says nothing; since compaction would keep it
 * alone, what holds has to be said once more.
 */
export function tell(told: Told, change: KnownJob | JobDeletion): Told & { isHidden: boolean } {
  const { job, deleted } = told;
  if (change instanceof JobDeletion) {
    // Who does not say what it deletes means what is known, and that one may yet come to its end.
    const named = change.deletes ?? (job && isOver(job.state) ? [job.request.record] : []);
    const all = newestOf([...deleted, ...named]);
    const isAskedAgain = job !== undefined && change.deletes !== undefined && !isDeleted(job.request.record, all);
    return { job: isAskedAgain ? job : undefined, deleted: all, isHidden: isAskedAgain };
  }
  const next = isDeleted(change.request.record, deleted) ? null : succeed(job, change);
  return next ? { job: next, deleted, isHidden: false } : { ...told, isHidden: true };
}

/** What a record that asks for a job comes to, by what is known; `free`: it may say that the job is its own. */
export function judge({ job: known, deleted }: Told, asked: JobTry, isOwn: boolean): Claim | 'free' {
  if (isDeleted(asked.request.record, deleted)) return 'duplicate';
  if (!known) return 'free';
  const { record, payload } = known.request;
  if (record === asked.request.record) return isOver(known.state) ? 'duplicate' : 'mine';
  if (isOwn || known.state === 'failed') return 'free';
  if (payload === undefined) return 'cancelled';
  return payload === asked.request.payload ? 'duplicate' : 'taken';
}
