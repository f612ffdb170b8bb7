import { once } from 'node:events';
import type { NewRecord } from '../events/record.js';
import type { PipelineSpans } from '../flow/spans.js';
import type { Finished } from '../streams/delivery/finished.js';
import type { Metrics } from '../streams/delivery/metrics.js';
import { type PipelineReport, runPipeline } from '../streams/delivery/pipeline.js';
import type { PipelineSpec } from '../streams/delivery/pipeline-spec.js';
import { tendIndex } from './tend-index.js';
import type { Workspace } from './workspace.js';

export interface RunPipelinesOptions {
  /** End when the topics are empty; given a promise, once that is resolved. */
  drain: boolean | Promise<void>;
  /** Aborted: stop in good order. */
  signal: AbortSignal;
  /** It is there for many requests: models find out at the start how many at once are worth it. */
  serves?: boolean;
  metrics?: Metrics;
  /** See runPipeline. */
  drainMs?: number;
  /** The caller reads the topic of rejects: the log then has them at `info` alone. So it has with `onFinished`. */
  rejectsAreTold?: boolean;
  /** Called once, when all pipelines consume their topics. */
  onRunning?(): void;
  /** Called before a pipeline begins; what it gives is called once it has ended. */
  onBegin?(pipeline: PipelineSpec): Promise<() => void>;
  /** Called for each event whose outcome is committed. */
  onFinished?(pipeline: string, event: Finished): void;
  /** Called with what steps publish at once, such as the progress of jobs. */
  onAnnounced?(records: readonly NewRecord[]): void;
}

/**
 * Runs pipelines side by side until all are drained or stopped. When one cannot go on, the others are stopped too. With none, it
 * waits until it is stopped.
 */
export async function runPipelines(
  workspace: Workspace,
  pipelines: readonly PipelineSpec[],
  {
    drain,
    signal,
    serves = false,
    metrics,
    drainMs,
    rejectsAreTold = false,
    onRunning,
    onBegin,
    onFinished,
    onAnnounced,
  }: RunPipelinesOptions,
): Promise<PipelineReport[]> {
  const transport = await workspace.transport();
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  let starting = pipelines.length;
  const one = async (spec: PipelineSpec): Promise<PipelineReport> => {
    const resources = await workspace.resources(spec);
    await workspace.corpusIsCurrent();
    const onEnd = await onBegin?.(spec);
    try {
      return await runPipeline(spec, {
        ...{ transport, signal: stop, drain, drainMs, log: workspace.log, metrics, taps: workspace.taps },
        spans: spansOf(workspace, spec),
        resources: {
          ...resources,
          async announce(records) {
            onAnnounced?.(records);
            await resources.announce(records);
          },
        },
        rejectsAreTold: (rejectsAreTold && Boolean(spec.rejects)) || onFinished !== undefined,
        onConsuming() {
          if (serves) for (const model of resources.models.all()) model.measure?.();
          if (--starting === 0) onRunning?.();
        },
        ...(onFinished && { onFinished: (event: Finished) => onFinished(spec.name, event) }),
      });
    } catch (error) {
      failed.abort(error);
      throw error;
    } finally {
      onEnd?.();
    }
  };
  for (const { name } of pipelines) metrics?.expect(name);
  const index = await tendIndex(workspace);
  if (pipelines.length === 0 && !signal.aborted) {
    metrics?.expectNone();
    onRunning?.();
    await once(signal, 'abort');
  }
  const ends = await Promise.allSettled(pipelines.map(one));
  await index.stop();
  for (const end of ends) if (end.status === 'rejected') throw failed.signal.reason ?? end.reason;
  return ends.map((end) => (end as PromiseFulfilledResult<PipelineReport>).value);
}

function spansOf({ telemetry, topology }: Workspace, { name, from, group }: PipelineSpec): PipelineSpans | undefined {
  const system = topology.profile.transport.type === 'kafka' ? 'kafka' : 'vimi';
  return telemetry?.ofPipeline({ name, from, group, system });
}
