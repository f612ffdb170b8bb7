import { VimiError } from '../../core/errors.js';
import type { ObjectRef } from '../../events/prompt.js';
import type { BoardJob } from '../../stores/jobs/job-board.js';

/** Images that are made with a video. */
export type Still = 'thumbnail' | 'spritesheet' | 'last_frame';

/** VIDEO_NOT_READY before the job is completed; VARIANT_NOT_FOUND for what was not made of this video. */
export function stillOf(job: BoardJob, still: Still): ObjectRef {
  videoObject(job);
  const found = job.made?.[still];
  if (found) return found;
  throw new VimiError('VARIANT_NOT_FOUND', 'This variant was not made of the video', {
    ...{ expected: 'variant=video', found: still, where: job.job },
  });
}

/** The MP4 of a job. VIDEO_NOT_READY. */
export function videoObject({ state, video }: BoardJob): ObjectRef {
  if (video) return video;
  throw new VimiError('VIDEO_NOT_READY', 'This job has no video', {
    expected: 'a job that is completed',
    found: state.replace('_', ' '),
  });
}
