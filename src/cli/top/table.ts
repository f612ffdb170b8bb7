import type { ModelRow, PipelineRow } from '../../app/looks/rows.js';
import { didYouMean } from '../../core/did-you-mean.js';
import { columns } from '../columns.js';
import { rate, time } from './figures.js';
import type { RunningJobs } from './running-jobs.js';

/** A pipeline, and its jobs in progress where the processes tell of them. */
export interface ShownPipeline extends Omit<PipelineRow, 'jobs'> {
  jobs: (NonNullable<PipelineRow['jobs']> & { running: RunningJobs | null }) | null;
}

/** The rows as a person reads them: a line a pipeline, and below it a line a step. `wanted`: only these pipelines. */
export function table(all: readonly ShownPipeline[], wanted?: readonly string[]): string {
  if (all.length === 0) return 'no pipeline runs in this process\n';
  const names = all.map(({ pipeline }) => pipeline);
  const missing = (wanted ?? []).filter((name) => !names.includes(name));
  const rows = all.filter(({ pipeline }) => wanted?.includes(pipeline) ?? true);
  return [...missing.map((name) => absent(name, names)), tables(rows)].filter(Boolean).join('\n');
}

const absent = (name: string, names: readonly string[]) =>
  `no pipeline '${name}' runs there${didYouMean(name, names)}: ${names.join(', ')}\n`;

function tables(rows: readonly ShownPipeline[]): string {
  return rows.map((row) => `${pipelineLine(row)}\n${jobLines(row)}${stepLines(row)}`).join('\n');
}

function pipelineLine(row: ShownPipeline): string {
  const ends = `${row.delivered} delivered, ${row.rejected} rejected, ${row.dropped} dropped`;
  const awaiting = row.awaiting_commit > 0 ? `, ${row.awaiting_commit} await their commit` : '';
  const unread =
    row.waiting === null
      ? 'waiting unknown: the log does not answer'
      : `${Math.max(0, row.waiting - row.in_flight)} waiting`;
  const paused = row.paused.map((why) => `\n  PAUSED ${why}`).join('');
  return `${row.pipeline}  ${rate(row.rate)}, in flight ${row.in_flight} of ${row.max_in_flight}${awaiting}, ${unread}; ${ends}${paused}`;
}

const heads = ['step', 'rate', 'in flight', 'p50', 'p99', 'oldest', 'rejected'];

/** Nothing where a pause says all. */
function stepLines({ steps, in_flight: inFlight, paused }: ShownPipeline): string {
  const isQuiet = steps.every((step) => step.rate === 0 && step.in_flight === 0 && step.rejected === 0);
  if (isQuiet && paused.length > 0) return '';
  if (isQuiet && inFlight === 0) return '  idle\n';
  const cells = steps.map(({ step, rate: each, in_flight, p50, p99, oldest, rejected }) => [
    ...[step, rate(each), String(in_flight)],
    ...[time(p50), time(p99), oldest > 0 ? time(oldest) : '–', String(rejected)],
  ]);
  return columns([heads, ...cells], 1);
}

/** More jobs than these are only counted. */
const mostJobs = 10;

function jobLines({ jobs }: ShownPipeline): string {
  if (!jobs || jobs.queued + jobs.in_progress === 0) return '';
  const running = jobs.running ?? [];
  const shown = running
    .slice(0, mostJobs)
    .map(({ job, progress, seconds }) => `    ${job}  ${Math.round(progress * 100)} %, ${time(seconds)}\n`);
  const more = running.length > mostJobs ? `    and ${running.length - mostJobs} more\n` : '';
  return `  jobs: ${jobs.queued} queued, ${jobs.in_progress} in progress\n${shown.join('')}${more}`;
}

const modelHeads = ['model', 'runs on', 'weights', 'drawing', 'at once', 'waiting', 'busy'];

/** A line a model. Nothing where there is none. */
export function modelTable(models: readonly ModelRow[]): string {
  if (models.length === 0) return '';
  const cells = models.map((row) => [
    ...[row.model, placeOf(row), row.weights.map((hash) => hash.slice(0, 12)).join(', ') || '–', String(row.drawing)],
    ...[row.at_once === null ? '–' : String(row.at_once), String(row.waiting), `${Math.round(row.busy * 100)} %`],
  ]);
  return `models\n${columns([modelHeads, ...cells], 3)}`;
}

function placeOf({ servers, backends, devices }: ModelRow): string {
  const on = devices.length > 0 ? ` on ${devices.join(', ')}` : '';
  const at = servers.length > 0 ? [`at ${servers.join(', ')}`] : [];
  return [...at, ...(backends.length > 0 ? [`${backends.join(', ')}${on}`] : [])].join(', ') || '–';
}
