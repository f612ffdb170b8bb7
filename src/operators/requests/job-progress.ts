import { type JobsTopic, jobRecord } from '../../events/job-change.js';
import type { ContextEntry, ObjectRef } from '../../events/prompt.js';
import type { JobChanged } from '../../events/schemas.js';
import type { StepContext } from '../../flow/step-context.js';
import { preview } from '../../media/drawing/video-stills.js';
import type { RgbImage } from '../../media/pixels.js';
import { tryOf } from './job-outcome.js';

/** Between two announcements of one job. */
const announceMs = 1000;

/** Where the newest preview of a job lies while it is drawn. */
export function previewKey(job: string): string {
  return `previews/${job}.webp`;
}

export interface JobProgress {
  /** What the prompt was grounded in is known, and nothing is drawn yet. */
  grounded(): void;
  report(done: number, total: number): void;
  /** When it began; ISO 8601. */
  started: string;
  /** Goes with the next report that is published. */
  show(frame: RgbImage): void;
  /** All that was reported is published, or could not be. */
  sent(): Promise<void>;
  /** Whether there is a preview in the object store. */
  hasShown(): boolean;
}

interface Report {
  change: Pick<JobChanged, 'state' | 'progress' | 'started_at'>;
  /** See jobRecord. */
  moment: string;
}

/**
 * Tells of a job that is being drawn, at most once a second, outside of any commit: its progress, what it was grounded in,
 * and its newest preview, which is an object of its own. Each record has all of it, since the topic keeps the last one. What
 * cannot be published is logged, and holds nothing up; what is slow to be published is passed over by what is newer.
 */
export function jobProgress(
  context: StepContext<unknown, unknown>,
  topic: JobsTopic['topic'],
  entries: readonly ContextEntry[],
): JobProgress {
  const { clock, announce, log, pipeline, event, jobs, objects } = context;
  const asked = tryOf(context, pipeline);
  const { job } = asked;
  const { traceparent } = event;
  // Done again after a crash: it began then.
  const before = jobs.known(job);
  const isSame = before?.state === 'in_progress' && before.request.record === asked.request.record;
  const started = (isSame && before.started_at) || new Date(clock.now()).toISOString();
  const grounding = entries.length > 0 ? { context: entries.map(toldEntry) } : {};
  let last = Number.NEGATIVE_INFINITY;
  let sending: Promise<void> | undefined;
  let waiting: Report | undefined;
  let frame: RgbImage | undefined;
  let shown: ObjectRef | undefined;
  let hasShown = false;
  let isHeldUp = false;
  const publish = async ({ change, moment }: Report) => {
    try {
      const next = change.state === 'in_progress' ? frame : undefined;
      if (next) {
        frame = undefined;
        hasShown = true;
        shown = await objects.put(previewKey(job), await preview(next), { mediaType: 'image/webp' });
      }
      const data = { ...asked, ...change, ...grounding, ...(shown && { preview: shown }) };
      await announce([jobRecord(data, { pipeline, topic }, { moment, traceparent })]);
      if (isHeldUp) log.info({ job }, 'Progress is published again');
      isHeldUp = false;
    } catch (error) {
      // Once until it succeeds: a broker or a store can be away for as long as the job is drawn.
      if (!isHeldUp) log.warn({ job, error: String(error) }, 'Progress cannot be published for now; the job continues');
      isHeldUp = true;
    }
  };
  /** A report that waits gives way to a newer one: where the log or the store is slow, none pile up. */
  const send = (report: Report) => {
    waiting = report;
    sending ??= (async () => {
      for (let one = take(); one; one = take()) await publish(one);
      sending = undefined;
    })();
  };
  const take = () => {
    const one = waiting;
    waiting = undefined;
    return one;
  };
  return {
    grounded() {
      // A job that was begun before is drawn again: it does not go back in the line.
      if (entries.length > 0 && jobs.known(job)?.state === 'queued')
        send({ change: { state: 'queued' }, moment: 'grounded' });
    },
    report(done, total) {
      const progress = total > 0 ? done / total : 0;
      context.progress(progress);
      const now = clock.elapsed();
      if (now - last < announceMs) return;
      last = now;
      const change = { state: 'in_progress' as const, progress, started_at: started };
      send({ change, moment: `step-${done}` });
    },
    show(next) {
      frame = next;
    },
    started,
    sent: async () => sending,
    hasShown: () => hasShown,
  };
}

function toldEntry({ document, caption, clip, score, ranks }: ContextEntry) {
  const kind = clip ? ('clip' as const) : ('image' as const);
  return { document, caption, kind, score, ranks: ranks as Record<string, number | undefined> };
}
