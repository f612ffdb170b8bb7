import type { Look, SeenPipeline, SeenStep } from './look.js';

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
  steps: StepRow[];
}

export interface StepRow {
  step: string;
  rate: number;
  in_flight: number;
  /** null: no event left the step between the looks. At most a tenth of the next bound of the histogram is guessed. */
  p50: number | null;
  p99: number | null;
  oldest: number;
}

export type SortKey = 'order' | 'rate' | 'in_flight' | 'p50' | 'p99' | 'oldest';
export const sortKeys: readonly SortKey[] = ['order', 'rate', 'in_flight', 'p50', 'p99', 'oldest'];

/** `sort`: order, that in which the steps run; the others put the most first. */
export function rowsOf(before: Look, now: Look, sort: SortKey = 'order'): PipelineRow[] {
  const seconds = Math.max(0.001, (now.at - before.at) / 1000);
  return [...now.pipelines].map(([pipeline, seen]) => {
    const earlier = before.pipelines.get(pipeline);
    const steps = [...seen.steps].map(([step, one]) => stepRow(step, earlier?.steps.get(step), one, seconds));
    const { delivered, rejected, dropped, lag, waiting, paused } = seen;
    return {
      ...{ pipeline, rate: gained(ends(earlier), ends(seen)) / seconds, delivered, rejected, dropped },
      ...{ in_flight: seen.inFlight, max_in_flight: seen.maxInFlight, awaiting_commit: seen.awaitingCommit },
      ...{ lag: lag ?? null, waiting: waiting ?? null, paused: [...paused] },
      steps: sort === 'order' ? steps : steps.sort((a, b) => (b[sort] ?? -1) - (a[sort] ?? -1)),
    };
  });
}

const ends = (seen: SeenPipeline | undefined) => (seen ? seen.delivered + seen.rejected + seen.dropped : 0);

/** Of a counter; a process that began anew counts from 0. */
const gained = (before: number, now: number) => (now >= before ? now - before : now);

function stepRow(step: string, before: SeenStep | undefined, now: SeenStep, seconds: number): StepRow {
  const restarted = before !== undefined && before.done > now.done;
  const since = restarted ? undefined : before;
  const took = [...now.buckets]
    .sort(([a], [b]) => a - b)
    .map(([bound, count]): [number, number] => [bound, count - (since?.buckets.get(bound) ?? 0)]);
  return {
    ...{ step, rate: (now.done - (since?.done ?? 0)) / seconds, in_flight: now.inFlight, oldest: now.oldestSeconds },
    ...{ p50: quantile(0.5, took), p99: quantile(0.99, took) },
  };
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
