import { metricSamples } from './prometheus-text.js';

/** What a process said at one moment. */
export interface Look {
  /** In milliseconds, of a clock that is never set back. */
  at: number;
  pipelines: Map<string, SeenPipeline>;
  /** By name. */
  models: Map<string, SeenModel>;
}

export interface SeenModel {
  backends: Set<string>;
  devices: Set<string>;
  weights: Set<string>;
  servers: Set<string>;
  drawing: number;
  waiting: number;
  atOnce: number;
  busySeconds: number;
}

export interface SeenPipeline {
  delivered: number;
  rejected: number;
  dropped: number;
  inFlight: number;
  maxInFlight: number;
  awaitingCommit: number;
  /** Missing where its events ask for no jobs. */
  jobs?: { queued: number; in_progress: number };
  /** Missing while the log does not answer. */
  lag?: number;
  /** As `lag`. */
  waiting?: number;
  /** `CODE at STEP`. */
  paused: Set<string>;
  steps: Map<string, SeenStep>;
}

export interface SeenStep {
  inFlight: number;
  oldestSeconds: number;
  done: number;
  rejected: number;
  /** Events by the upper bounds of the time that they took, seconds; each bound counts all below it. */
  buckets: Map<number, number>;
}

/** Reads what a process serves at /metrics. */
export function lookOf(at: number, text: string): Look {
  const pipelines = new Map<string, SeenPipeline>();
  const ofPipeline = (name: string): SeenPipeline => {
    const seen = pipelines.get(name) ?? emptyPipeline();
    pipelines.set(name, seen);
    return seen;
  };
  const models = new Map<string, SeenModel>();
  for (const { name, labels, value } of metricSamples(text)) {
    if (labels.model !== undefined) addToModel(models, name, labels.model, labels, value);
    if (labels.pipeline === undefined) continue;
    const pipeline = ofPipeline(labels.pipeline);
    const outcome = labels.outcome;
    if (name === 'vimi_events_total' && (outcome === 'delivered' || outcome === 'rejected' || outcome === 'dropped'))
      pipeline[outcome] += value;
    else if (name === 'vimi_in_flight') pipeline.inFlight += value;
    else if (name === 'vimi_max_in_flight') pipeline.maxInFlight += value;
    else if (name === 'vimi_awaiting_commit') pipeline.awaitingCommit += value;
    else if (name === 'vimi_lag') pipeline.lag = (pipeline.lag ?? 0) + value;
    else if (name === 'vimi_waiting_events') pipeline.waiting = (pipeline.waiting ?? 0) + value;
    else if (name === 'vimi_jobs' && (labels.state === 'queued' || labels.state === 'in_progress')) {
      pipeline.jobs ??= { queued: 0, in_progress: 0 };
      pipeline.jobs[labels.state] += value;
    } else if (name === 'vimi_paused' && value > 0) pipeline.paused.add(`${labels.code} at ${labels.step}`);
    else if (labels.step !== undefined) addToStep(pipeline.steps, name, labels.step, labels.le, value);
  }
  return { at, pipelines, models };
}

function addToModel(
  models: Map<string, SeenModel>,
  name: string,
  model: string,
  { backend, device, weights, server }: Readonly<Record<string, string>>,
  value: number,
): void {
  if (!name.startsWith('vimi_model_')) return;
  const seen = models.get(model) ?? {
    ...{ backends: new Set(), devices: new Set(), weights: new Set(), servers: new Set() },
    ...{ drawing: 0, waiting: 0, atOnce: 0, busySeconds: 0 },
  };
  models.set(model, seen);
  if (name === 'vimi_model_drawing') seen.drawing += value;
  else if (name === 'vimi_model_waiting') seen.waiting += value;
  else if (name === 'vimi_model_at_once') seen.atOnce += value;
  else if (name === 'vimi_model_busy_seconds_total') seen.busySeconds += value;
  else if (name === 'vimi_model_info') {
    if (backend) seen.backends.add(backend);
    if (device) seen.devices.add(device);
    if (weights) seen.weights.add(weights);
    if (server) seen.servers.add(server);
  }
}

function addToStep(
  steps: Map<string, SeenStep>,
  name: string,
  step: string,
  bound: string | undefined,
  value: number,
): void {
  if (!name.startsWith('vimi_step_') && name !== 'vimi_rejects_total') return;
  const seen = steps.get(step) ?? { inFlight: 0, oldestSeconds: 0, done: 0, rejected: 0, buckets: new Map() };
  steps.set(step, seen);
  if (name === 'vimi_step_in_flight') seen.inFlight += value;
  else if (name === 'vimi_step_oldest_seconds') seen.oldestSeconds = Math.max(seen.oldestSeconds, value);
  else if (name === 'vimi_step_seconds_count') seen.done += value;
  else if (name === 'vimi_rejects_total') seen.rejected += value;
  else if (name === 'vimi_step_seconds_bucket') {
    const upper = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
    seen.buckets.set(upper, (seen.buckets.get(upper) ?? 0) + value);
  }
}

function emptyPipeline(): SeenPipeline {
  const counts = { delivered: 0, rejected: 0, dropped: 0, inFlight: 0, maxInFlight: 0, awaitingCommit: 0 };
  return { ...counts, paused: new Set(), steps: new Map() };
}
