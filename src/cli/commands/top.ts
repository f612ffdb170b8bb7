import { setTimeout as sleep } from 'node:timers/promises';
import type { Look } from '../../app/looks/look.js';
import { type Between, modelRows, type PipelineRow, rowsOf, type SortKey } from '../../app/looks/rows.js';
import { asVimiError } from '../../core/errors.js';
import { printable } from '../printable.js';
import { processUrl } from '../process-at.js';
import { lookAt } from '../top/look-at.js';
import { type RunningJobs, runningJobs } from '../top/running-jobs.js';
import { modelTable, type ShownPipeline, table } from '../top/table.js';

export interface TopOptions {
  /** Milliseconds between two looks. */
  intervalMs: number;
  /** Ends after so many tables; until `signal` when left out. */
  count?: number;
  sort?: SortKey;
  /** Only these pipelines. */
  pipeline?: string[];
  /** Of the processes, where they ask for one: with the scope read. It is needed for the progress of jobs alone. */
  key?: string | undefined;
  /** One object { at, silent, pipelines, models } a line instead of tables. */
  json?: boolean;
  signal: AbortSignal;
  /** Each table replaces the one before. */
  redraws: boolean;
}

/**
 * Shows what runs: rate, events in flight and times of each pipeline and step, its jobs, and the models, from what processes serve at
 * /metrics, summed over them. Only while jobs are in progress it also asks for these, so it disturbs nothing. Of several processes, those that do not answer are named and the others
 * shown. USAGE when an address is none, or none answers at the first look.
 */
export async function top(
  addresses: readonly string[],
  { intervalMs, count = Number.POSITIVE_INFINITY, json = false, redraws, signal, sort, pipeline, key }: TopOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const processes = [...new Set(addresses)];
  for (const address of processes) processUrl(address, '/metrics');
  const last = new Map<string, Look>();
  const look = async () => {
    const looks = await Promise.allSettled(processes.map((address) => lookAt(address, signal)));
    const silent: { address: string; why: unknown }[] = [];
    const seen: Between[] = [];
    const drawing: string[] = [];
    for (const [n, one] of looks.entries()) {
      const address = processes[n]!;
      if (one.status === 'rejected') silent.push({ address, why: one.reason });
      else {
        seen.push({ before: last.get(address), now: one.value });
        if ([...one.value.pipelines.values()].some(({ jobs }) => jobs && jobs.in_progress > 0)) drawing.push(address);
        last.set(address, one.value);
      }
    }
    if (seen.length === 0) throw silent[0]!.why;
    return { seen, silent, running: () => runningAt(drawing, { key, signal }) };
  };
  try {
    await look();
    for (let shown = 0; shown < count && !signal.aborted; shown++) {
      await sleep(intervalMs, undefined, { signal });
      const looked = await look().catch((thrown: unknown) => {
        if (signal.aborted || count !== Number.POSITIVE_INFINITY) throw thrown;
        // It may be between two runs: whoever watches waits.
        if (!json) out.write(`${redraws ? clear : ''}${printable(asVimiError(thrown).message)}; looking again\n`);
      });
      if (signal.aborted) return;
      if (!looked) continue;
      const { running, isDenied } = await looked.running();
      if (signal.aborted) return;
      const rows = rowsOf(looked.seen, sort).map((row) => withRunning(row, running));
      const models = modelRows(looked.seen);
      const silent = looked.silent.map(({ address }) => address);
      const away = looked.silent.map(({ address, why }) => `${address} is left out: ${asVimiError(why).message}\n`);
      if (json) {
        const at = new Date().toISOString();
        out.write(`${JSON.stringify({ at, silent, pipelines: rows.filter(isWanted(pipeline)), models })}\n`);
        continue;
      }
      const notes = [...away, ...(isDenied ? [keyNote] : [])].join('');
      const tables = [table(rows, pipeline), modelTable(models)].filter(Boolean).join('\n');
      out.write(`${redraws ? clear : ''}${printable(`${notes}${tables}`)}${redraws ? '' : '\n'}`);
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
}

const keyNote = 'The progress of jobs needs a key with the scope read: set VIMI_API_KEY\n';

async function runningAt(addresses: readonly string[], asking: { key: string | undefined; signal: AbortSignal }) {
  const running = new Map<string, RunningJobs>();
  const answers = await Promise.all(addresses.map((address) => runningJobs(address, asking)));
  for (const answer of answers)
    if (answer instanceof Map)
      for (const [pipeline, jobs] of answer) running.set(pipeline, [...(running.get(pipeline) ?? []), ...jobs]);
  for (const jobs of running.values()) jobs.sort((a, b) => b.seconds - a.seconds);
  return { running, isDenied: answers.includes('denied') };
}

function withRunning({ jobs, ...row }: PipelineRow, running: ReadonlyMap<string, RunningJobs>): ShownPipeline {
  const those = running.get(row.pipeline) ?? (jobs?.in_progress === 0 ? [] : null);
  return { ...row, jobs: jobs && { ...jobs, running: those } };
}

const clear = '\x1b[H\x1b[2J';

const isWanted =
  (names: string[] | undefined) =>
  ({ pipeline }: ShownPipeline) =>
    !names || names.includes(pipeline);
