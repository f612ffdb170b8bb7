import type { NewRecord } from '../events/record.js';
import type { JobChanged } from '../events/schemas.js';
import type { Finished } from '../streams/delivery/finished.js';
import { printable } from './printable.js';

/** What a run shows on a terminal: a line for each event that is finished, and below them the jobs that are under way. */
export interface RunView {
  finished(pipeline: string, event: Finished): void;
  /** Of what a pipeline tells of its jobs. */
  announced(records: readonly NewRecord[]): void;
  /** Clears what is below the lines. */
  close(): void;
}

export function runView(stream: NodeJS.WriteStream, now: () => number = Date.now): RunView {
  const jobs = new Map<string, { id: string; progress: number }>();
  let shown = '';
  const show = (text: string) => {
    const line = printable(text)
      .replaceAll('\n', ' ')
      .slice(0, (stream.columns ?? 100) - 1);
    if (line !== shown) stream.write(`\r\x1b[K${line}`);
    shown = line;
  };
  const showJobs = () =>
    show(
      jobs.size === 0
        ? ''
        : [...jobs.values()].map(({ id, progress }) => `${id} ${Math.round(progress * 100)} %`).join('  '),
    );
  return {
    finished(pipeline, event) {
      show('');
      const time = new Date(now()).toTimeString().slice(0, 8);
      stream.write(`${printable(`${time}  ${pipeline}  ${eventLine(event)}`).replaceAll('\n', '\\n')}\n`);
      for (const [job, { id }] of jobs) if (id === event.id) jobs.delete(job);
      showJobs();
    },
    announced(records) {
      for (const { value } of records) {
        const change = JSON.parse(String(value)) as Partial<JobChanged> | null;
        if (change?.job === undefined || change.state !== 'in_progress') continue;
        jobs.set(change.job, { id: change.request?.id ?? change.job, progress: change.progress ?? 0 });
      }
      showJobs();
    },
    close: () => show(''),
  };
}

/** `delivered  order-67  videos/order-67.mp4` */
function eventLine({ outcome, id, reason, code, step, error, objects }: Finished): string {
  const why = outcome === 'rejected' ? [`${code} at ${step}: ${error}`] : outcome === 'dropped' ? [reason] : objects;
  return [outcome, id, ...why].join('  ');
}
