import type { PipelineRow, StepRow } from '../../app/looks/rows.js';
import { didYouMean } from '../../core/did-you-mean.js';
import { rate, time } from './figures.js';

/** The rows as a person reads them: a line a pipeline, and below it a line a step. `wanted`: only these pipelines. */
export function table(all: readonly PipelineRow[], wanted?: readonly string[]): string {
  if (all.length === 0) return 'no pipeline runs in this process\n';
  const names = all.map(({ pipeline }) => pipeline);
  const missing = (wanted ?? []).filter((name) => !names.includes(name));
  const rows = all.filter(({ pipeline }) => wanted?.includes(pipeline) ?? true);
  return [...missing.map((name) => absent(name, names)), tables(rows)].filter(Boolean).join('\n');
}

const absent = (name: string, names: readonly string[]) =>
  `no pipeline '${name}' runs there${didYouMean(name, names)}: ${names.join(', ')}\n`;

function tables(rows: readonly PipelineRow[]): string {
  return rows.map((row) => `${pipelineLine(row)}\n${stepLines(row.steps)}`).join('\n');
}

function pipelineLine(row: PipelineRow): string {
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

function stepLines(steps: readonly StepRow[]): string {
  if (steps.every((step) => step.rate === 0 && step.in_flight === 0 && step.rejected === 0)) return '  idle\n';
  const cells = steps.map(({ step, rate: each, in_flight, p50, p99, oldest, rejected }) => [
    ...[step, rate(each), String(in_flight)],
    ...[time(p50), time(p99), oldest > 0 ? time(oldest) : '–', String(rejected)],
  ]);
  const all = [heads, ...cells];
  const widths = heads.map((_, n) => Math.max(...all.map((row) => row[n]!.length)));
  return all
    .map(
      (row) =>
        `  ${row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!))).join('  ')}\n`,
    )
    .join('');
}
