import type { Look, SeenModel, SeenPipeline, SeenStep } from './look.js';

/** Two looks at one process. Without `before`, nothing is known of what happened in between. */
export interface Between {
  before?: Look | undefined;
  now: Look;
}

/** What happened between two looks, and what is. Rates are a second; times are seconds. */
export interface PipelineRow {
  pipeline: string;
  /** Events that came to their end, a second. */
  rate: number;
  delivered: number;
  rejected: number;
  dropped: number;
  in_flight: number;
  max_in_flight: number;
  awaiting_commit: number;
  /** null: the log does not answer. */
  lag: number | null;
  /** Events without an outcome, those in flight included; null as for lag. */
  waiting: number | null;
  paused: string[];
  /** Without an outcome; null: its events ask for none. */
  jobs: { queued: number; in_progress: number } | null;
  steps: StepRow[];
}

/** A model of the processes together. */
export interface ModelRow {
  model: string;
  /** Of each kind one in most cases; several: the processes differ. None: not known, or not stated. */
  backends: string[];
  devices: string[];
  weights: string[];
  servers: string[];
  drawing: number;
  waiting: number;
  /** null: not known yet. */
  at_once: number | null;
  /** Share of the time between the looks in which it had something to draw; of several processes the mean. */
  busy: number;
}

export interface StepRow {
  step: string;
  rate: number;
  in_flight: number;
  /** null: no event left the step between the looks. At most a tenth of the next bound of the histogram is guessed. */
  p50: number | null;
  p99: number | null;
  oldest: number;
  /** Dead letters of this step since the processes began. */
  rejected: number;
}

export type SortKey = 'order' | 'rate' | 'in_flight' | 'p50' | 'p99' | 'oldest' | 'rejected';
export const sortKeys: readonly SortKey[] = ['order', 'rate', 'in_flight', 'p50', 'p99', 'oldest', 'rejected'];

/**
 * Pipelines by name, summed over processes: what happened is taken of each process for itself, since one that began anew counts from 0.
 * `sort`: order, that in which the steps run; the others put the most first.
 */
export function rowsOf(processes: readonly Between[], sort: SortKey = 'order'): PipelineRow[] {
  const names = new Set(processes.flatMap(({ now }) => [...now.pipelines.keys()]));
  return [...names].sort().map((name) => {
    const parts = partsOf(processes, ({ pipelines }) => pipelines.get(name));
    const all = parts.map(({ now }) => now);
    const steps = stepRows(parts);
    return {
      ...{ pipeline: name, rate: total(parts.map((part) => gained(part, ends) / part.seconds)) },
      delivered: total(all.map((one) => one.delivered)),
      rejected: total(all.map((one) => one.rejected)),
      dropped: total(all.map((one) => one.dropped)),
      in_flight: total(all.map((one) => one.inFlight)),
      max_in_flight: total(all.map((one) => one.maxInFlight)),
      awaiting_commit: total(all.map((one) => one.awaitingCommit)),
      lag: knownTotal(all.map((one) => one.lag)),
      waiting: knownTotal(all.map((one) => one.waiting)),
      paused: [...new Set(all.flatMap((one) => [...one.paused]))],
      jobs: jobsOf(all),
      steps: sort === 'order' ? steps : steps.sort((a, b) => (b[sort] ?? -1) - (a[sort] ?? -1)),
    };
  });
}

/** Models by name, summed over processes. */
export function modelRows(processes: readonly Between[]): ModelRow[] {
  const names = new Set(processes.flatMap(({ now }) => [...now.models.keys()]));
  return [...names].sort().map((model) => {
    const parts = partsOf(processes, ({ models }) => models.get(model));
    const all = parts.map(({ now }) => now);
    const each = (read: (seen: SeenModel) => ReadonlySet<string>) => [...new Set(all.flatMap((one) => [...read(one)]))];
    const busy = parts.map((part) => Math.min(1, gained(part, ({ busySeconds }) => busySeconds) / part.seconds));
    return {
      ...{ model, backends: each((one) => one.backends), devices: each((one) => one.devices) },
      ...{ weights: each((one) => one.weights), servers: each((one) => one.servers) },
      drawing: total(all.map((one) => one.drawing)),
      waiting: total(all.map((one) => one.waiting)),
      at_once: total(all.map((one) => one.atOnce)) || null,
      busy: total(busy) / busy.length,
    };
  });
}

/** What of each process is asked for, at its two moments. */
function partsOf<T>(processes: readonly Between[], read: (look: Look) => T | undefined): Part<T>[] {
  return processes.flatMap(({ before, now }): Part<T>[] => {
    const seen = read(now);
    if (seen === undefined) return [];
    const seconds = before ? Math.max(0.001, (now.at - before.at) / 1000) : 1;
    return [{ before: before ? read(before) : seen, now: seen, seconds }];
  });
}

function jobsOf(all: readonly SeenPipeline[]): PipelineRow['jobs'] {
  const jobs = all.flatMap((one) => one.jobs ?? []);
  if (jobs.length === 0) return null;
  return { queued: total(jobs.map((one) => one.queued)), in_progress: total(jobs.map((one) => one.in_progress)) };
}

/** The same thing of one process at two moments. */
interface Part<T> {
  before: T | undefined;
  now: T;
  seconds: number;
}

const ends = (seen: SeenPipeline) => seen.delivered + seen.rejected + seen.dropped;
const total = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0);

/** null: nobody knows. */
function knownTotal(numbers: readonly (number | undefined)[]): number | null {
  const known = numbers.filter((one) => one !== undefined);
  return known.length === 0 ? null : total(known);
}

/** Of a counter; a process that began anew counts from 0. */
function gained<T>({ before, now }: Part<T>, count: (seen: T) => number): number {
  const earlier = before ? count(before) : 0;
  return count(now) >= earlier ? count(now) - earlier : count(now);
}

function stepRows(pipelines: readonly Part<SeenPipeline>[]): StepRow[] {
  const names = new Set(pipelines.flatMap(({ now }) => [...now.steps.keys()]));
  return [...names].map((step) => {
    const parts = pipelines.flatMap(({ before, now, seconds }): Part<SeenStep>[] => {
      const seen = now.steps.get(step);
      return seen ? [{ before: before?.steps.get(step), now: seen, seconds }] : [];
    });
    const all = parts.map(({ now }) => now);
    const took = new Map<number, number>();
    for (const { before, now } of parts) {
      const since = before && before.done <= now.done ? before : undefined;
      for (const [bound, count] of now.buckets)
        took.set(bound, (took.get(bound) ?? 0) + count - (since?.buckets.get(bound) ?? 0));
    }
    const inOrder = [...took].sort(([a], [b]) => a - b);
    return {
      ...{ step, rate: total(parts.map((part) => gained(part, ({ done }) => done) / part.seconds)) },
      in_flight: total(all.map((one) => one.inFlight)),
      oldest: Math.max(...all.map((one) => one.oldestSeconds)),
      rejected: total(all.map((one) => one.rejected)),
      ...{ p50: quantile(0.5, inOrder), p99: quantile(0.99, inOrder) },
    };
  });
}

/** As Prometheus takes it from a histogram: evenly spread between bounds; above the last one, that bound. */
export function quantile(q: number, buckets: readonly [bound: number, count: number][]): number | null {
  const total = buckets.at(-1)?.[1] ?? 0;
  if (!(total > 0)) return null;
  const rank = q * total;
  const index = buckets.findIndex(([, count]) => count >= rank);
  const [bound, count] = buckets[index]!;
  const [lower, below] = index === 0 ? [0, 0] : buckets[index - 1]!;
  if (bound === Number.POSITIVE_INFINITY) return lower;
  return count === below ? bound : lower + ((bound - lower) * (rank - below)) / (count - below);
}
