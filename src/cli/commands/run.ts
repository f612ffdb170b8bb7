import { type RunPipelinesOptions, runPipelines as runAll } from '../../app/run-pipelines.js';
import type { Workspace } from '../../app/workspace.js';
import type { PipelineReport } from '../../streams/delivery/pipeline.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import { decodePosition, type OutcomeCounts } from '../../streams/delivery/position.js';
import type { Transport } from '../../streams/transports/transport.js';
import { type Progress, progress } from '../progress.js';
import type { RunView } from '../run-view.js';

export interface ShownRunOptions
  extends Pick<
    RunPipelinesOptions,
    'drain' | 'signal' | 'serves' | 'metrics' | 'drainMs' | 'rejectsAreTold' | 'onRunning'
  > {
  /** Shows a bar a pipeline. */
  bars?: boolean;
  /** Shows each finished event, and jobs under way. */
  view?: RunView;
}

/** How often a bar is brought up to date. */
const lookMs = 250;

/** Runs pipelines side by side, as app/run-pipelines.ts says, and shows on the terminal how far they are. */
export function runPipelines(
  workspace: Workspace,
  pipelines: readonly PipelineSpec[],
  { bars = false, view, ...options }: ShownRunOptions,
): Promise<PipelineReport[]> {
  return runAll(workspace, pipelines, {
    ...options,
    ...(bars && { onBegin: async (spec) => showBar(await workspace.transport(), spec) }),
    ...(view && { onFinished: view.finished, onAnnounced: view.announced }),
  });
}

/** Shows a bar until what it gives is called. */
async function showBar(transport: Transport, spec: PipelineSpec): Promise<() => void> {
  const bar = progress(spec.name.padEnd(9));
  const { settled } = await stateOf(transport, spec);
  const looking = setInterval(() => void show(transport, spec, bar, settled), lookMs);
  return () => {
    clearInterval(looking);
    bar.finish();
  };
}

/** Of all partitions: records that have their outcome, and all there are, from the oldest kept one on. */
async function stateOf(transport: Transport, { group, from }: PipelineSpec) {
  const ends = await transport.ends(from);
  const positions = await transport.positions(group, from);
  let settled = 0;
  let total = 0;
  for (const { partition, low, high } of ends) {
    const { committedOffset, beyond } = decodePosition(positions.get(partition) ?? null);
    settled += Math.max(committedOffset, low) - low + beyond.reduce((sum, range) => sum + range.to - range.from, 0);
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
  const ofParts = outcomeLine(parts);
  const total = Object.values(lost).reduce((sum, records) => sum + records, 0);
  const reasons = Object.entries(lost).map(([reason, records]) => `${reason} ${records}`);
  return [
    outcomeLine(run),
    ofParts === outcomeLine(run) ? '' : `; of their parts: ${ofParts}`,
    total > 0 ? `; lost ${total} (${reasons.join(', ')})` : '',
  ].join('');
}

function outcomeLine(counts: OutcomeCounts): string {
  const dropped = Object.entries(counts.dropped)
    .filter(([, times]) => times)
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  const reasons = dropped.map(([reason, times]) => `${reason} ${times}`).join(', ');
  const sum = dropped.reduce((total, [, times]) => total + times, 0);
  return `delivered ${counts.delivered}, rejected ${counts.rejected}, dropped ${sum}${reasons ? ` (${reasons})` : ''}`;
}
