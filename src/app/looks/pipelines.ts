import { setTimeout as sleep } from 'node:timers/promises';
import type { Trouble } from '../../flow/pause.js';
import type { JobInHand } from '../../streams/delivery/in-flight.js';
import type { PipelineOutline } from '../../streams/topology/topology.js';
import type { Workspace } from '../workspace.js';
import { type Behind, behindOf } from './behind.js';
import { type Look, lookOf } from './look.js';
import { type PipelineRow, rowsOf, type StepRow } from './rows.js';

/** Rates and times are null before there are two looks. */
type Seen<T extends { rate: number }> = Omit<T, 'rate'> & { rate: number | null };

export interface SeenStep extends Seen<StepRow> {
  operator: string;
  segment: string | null;
}

/** Jobs of a pipeline in this process, without an outcome. */
export interface SeenJobs {
  queued: number;
  in_progress: number;
  /** Those in progress, the oldest request first. */
  running: { job: string; progress: number; seconds: number }[];
}

export interface SeenPipeline extends Omit<Seen<PipelineRow>, 'paused' | 'steps' | 'pipeline' | 'jobs'> {
  name: string;
  /** absent: this process does not run it; another may. */
  state: 'running' | 'paused' | 'starting' | 'absent';
  troubles: Trouble[];
  from: string;
  to: PipelineOutline['to'];
  rejects: string | null;
  /** null: its events ask for none, or it does not run here. */
  jobs: SeenJobs | null;
  steps: SeenStep[];
}

/**
 * All pipelines of the topology with what they do in this process: the numbers of `vimi top`, taken from two looks at the
 * metrics that are so many seconds apart. 0: one look, no rates. Lag is the group's, also of pipelines that run elsewhere.
 */
export async function seePipelines(
  workspace: Workspace,
  seconds: number,
  signal: AbortSignal,
): Promise<SeenPipeline[]> {
  const before = seconds > 0 ? await look(workspace) : undefined;
  await sleep(seconds * 1000, undefined, { signal });
  const now = await look(workspace);
  const rows = new Map(rowsOf([{ before, now }]).map((row) => [row.pipeline, row]));
  return Promise.all(
    workspace.topology.outline.map(async (outline) => {
      const row = rows.get(outline.name);
      const behind = row ?? (await behindOf(workspace, workspace.pipeline(outline.name)));
      return seen(outline, { row, behind, hasRates: before !== undefined }, workspace);
    }),
  );
}

async function look({ metrics }: Workspace): Promise<Look> {
  return lookOf(performance.now(), await metrics.registry.metrics());
}

function seen(
  { name, from, to, rejects, steps }: PipelineOutline,
  { row, behind, hasRates }: { row: PipelineRow | undefined; behind: Behind; hasRates: boolean },
  { metrics, topology }: Workspace,
): SeenPipeline {
  const state = metrics.stateOf(name);
  const troubles = [...metrics.troublesOf(name)];
  const operators = new Map(
    topology.pipelines.find((one) => one.name === name)?.steps.map((one) => [one.name, one.operator.name]),
  );
  const ofSteps = new Map(row?.steps.map((one) => [one.step, one]));
  const rate = (one: { rate: number } | undefined) => (one && hasRates ? one.rate : null);
  return {
    ...{ name, state: troubles.length > 0 ? 'paused' : state, troubles, from, to, rejects },
    ...{ rate: rate(row), lag: behind.lag, waiting: behind.waiting, awaiting_commit: row?.awaiting_commit ?? 0 },
    ...{ delivered: row?.delivered ?? 0, rejected: row?.rejected ?? 0, dropped: row?.dropped ?? 0 },
    ...{ in_flight: row?.in_flight ?? 0, max_in_flight: row?.max_in_flight ?? 0 },
    jobs: seenJobs(metrics.jobsOf(name)),
    steps: steps.map(({ name: step, segment = null }) => {
      const one = ofSteps.get(step);
      const times = hasRates && one ? { p50: one.p50, p99: one.p99 } : { p50: null, p99: null };
      const { in_flight = 0, oldest = 0, rejected: ofStep = 0 } = one ?? {};
      return {
        ...{ step, operator: operators.get(step) ?? step, segment, rate: rate(one), in_flight, oldest, ...times },
        rejected: ofStep,
      };
    }),
  };
}

function seenJobs(jobs: readonly JobInHand[] | undefined): SeenJobs | null {
  if (!jobs) return null;
  const running = jobs.filter(({ state }) => state === 'in_progress');
  return {
    ...{ queued: jobs.length - running.length, in_progress: running.length },
    running: running.map(({ job, progress, seconds }) => ({ job, progress, seconds })),
  };
}
