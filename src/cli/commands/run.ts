import type { Resources } from '../../operators/operator.js';
import type { Finished } from '../../streams/finished.js';
import type { Metrics } from '../../streams/metrics.js';
import { type PipelineReport, runPipeline } from '../../streams/pipeline.js';
import type { PipelineSpec } from '../../streams/pipeline-spec.js';
import { decodePosition, type FateCounts } from '../../streams/position.js';
import type { Transport } from '../../streams/transport.js';
import { type Progress, progress } from '../progress.js';
import type { RunView } from '../run-view.js';
import type { Workspace } from '../workspace.js';

export interface RunPipelinesOptions {
  drain: boolean;
  signal: AbortSignal;
  /** Shows a bar a pipeline. */
  bars?: boolean;
  /** Shows each finished event, and jobs under way. */
  view?: RunView;
  metrics?: Metrics;
  /** See runPipeline. */
  drainMs?: number;
  /** The command tells of the events in the rejects topic: the log then has them at `info` alone. */
  rejectsAreTold?: boolean;
}

/** How often a bar is brought up to date. */
const lookMs = 250;

/** Runs pipelines side by side until all are drained or stopped. When one cannot go on, the others are stopped too. */
export async function runPipelines(
  workspace: Workspace,
  pipelines: PipelineSpec[],
  { drain, signal, bars = false, view, metrics, drainMs, rejectsAreTold = false }: RunPipelinesOptions,
): Promise<PipelineReport[]> {
  const transport = await workspace.transport();
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const one = async (spec: PipelineSpec): Promise<PipelineReport> => {
    const resources = watched(await workspace.resources(spec), view);
    await workspace.corpusIsCurrent();
    const bar = bars ? progress(spec.name.padEnd(9)) : null;
    const before = bar && (await stateOf(transport, spec));
    const looking = before && setInterval(() => void show(transport, spec, bar, before.settled), lookMs);
    try {
      return await runPipeline(spec, {
        ...{ transport, resources, signal: stop, drain, drainMs, log: workspace.log, metrics },
        rejectsAreTold: (rejectsAreTold && Boolean(spec.rejects)) || view !== undefined,
        ...(view && { onFinished: (event: Finished) => view.finished(spec.name, event) }),
      });
    } catch (error) {
      failed.abort(error);
      throw error;
    } finally {
      if (looking) clearInterval(looking);
      bar?.finish();
    }
  };
  for (const { name } of pipelines) metrics?.expect(name);
  const ends = await Promise.allSettled(pipelines.map(one));
  for (const end of ends) if (end.status === 'rejected') throw failed.signal.reason ?? end.reason;
  return ends.map((end) => (end as PromiseFulfilledResult<PipelineReport>).value);
}

function watched(resources: Resources, view?: RunView): Resources {
  if (!view) return resources;
  return {
    ...resources,
    async announce(records) {
      view.announced(records);
      await resources.announce(records);
    },
  };
}

/** Of all partitions: records that have their fate, and all there are, from the oldest kept one on. */
async function stateOf(transport: Transport, { group, from }: PipelineSpec) {
  const ends = await transport.ends(from);
  const positions = await transport.positions(group, from);
  let settled = 0;
  let total = 0;
  for (const { partition, low, high } of ends) {
    const { watermark, beyond } = decodePosition(positions.get(partition) ?? null);
    settled += Math.max(watermark, low) - low + beyond.reduce((sum, range) => sum + range.to - range.from, 0);
    total += high - low;
  }
  return { settled, total };
}

/** The work of this run alone: `before` was settled when it began. */
async function show(transport: Transport, spec: PipelineSpec, bar: Progress, before: number): Promise<void> {
  try {
    const { settled, total } = await stateOf(transport, spec);
    bar.update(settled - before, total - before);
  } catch {
    // A bar is no reason to fail; the pipeline says what is wrong.
  }
}

/**
 * "delivered 12, rejected 1, dropped 2 (duplicate 2)"; where events were split, the same of their parts; and what was lost.
 */
export function reportLine({ run, parts, lost }: Pick<PipelineReport, 'run' | 'parts' | 'lost'>): string {
  const ofParts = fateLine(parts);
  const total = Object.values(lost).reduce((sum, records) => sum + records, 0);
  const reasons = Object.entries(lost).map(([reason, records]) => `${reason} ${records}`);
  return [
    fateLine(run),
    ofParts === fateLine(run) ? '' : `; of their parts: ${ofParts}`,
    total > 0 ? `; lost ${total} (${reasons.join(', ')})` : '',
  ].join('');
}

export function fateLine(counts: FateCounts): string {
  const dropped = Object.entries(counts.dropped)
    .filter(([, times]) => times)
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  const reasons = dropped.map(([reason, times]) => `${reason} ${times}`).join(', ');
  const sum = dropped.reduce((total, [, times]) => total + times, 0);
  return `delivered ${counts.delivered}, rejected ${counts.rejected}, dropped ${sum}${reasons ? ` (${reasons})` : ''}`;
}
