import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { asVimiError, VimiError } from '../../core/errors.js';
import type { PipelineReport } from '../../streams/delivery/pipeline.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import { stepTopic } from '../../streams/topology/step-topics.js';
import { runPipelines } from '../run-pipelines.js';
import { makeWorkFolder } from '../work-folder.js';
import type { Workspace } from '../workspace.js';
import { type FeedCounts, MediaFeed, type MediaFeedOptions } from './media-feed.js';
import type { MediaSource } from './media-source.js';

export interface FeedPipelineOptions
  extends Omit<MediaFeedOptions, 'transport' | 'input' | 'outcomes' | 'corpus' | 'file' | 'log' | 'window'> {
  /** Default 1000. */
  window?: number;
  /** See runPipeline. */
  drainMs?: number;
  /** Another process runs the pipeline: it is waited for. */
  onBusy?(thrown: unknown): void;
  /** Called once the feed may be asked how far it is. */
  onBegin?(feed: Pick<MediaFeed, 'counts' | 'open'>): void;
}

export interface FeedReport extends FeedCounts {
  /** Published, without an outcome when it was stopped. */
  left: number;
  /** Records that were gone before this process could read them, by reason. */
  lost: PipelineReport['lost'];
}

/** Enough for all partitions to have work, and little for who goes on after a stop. */
const enough = 1000;
/** How often it is looked whether another process has left the pipeline to this one. */
const lookMs = 1000;

/**
 * Feeds a pipeline with media (MediaFeed) and runs it, or waits for who does, until all of them have their outcome or the
 * signal aborts. USAGE for a pipeline that does not tell what becomes of media.
 */
export async function feedPipeline(
  workspace: Workspace,
  pipeline: PipelineSpec,
  sources: readonly MediaSource[],
  { onBusy, onBegin, signal, drainMs, window = enough, ...options }: FeedPipelineOptions,
): Promise<FeedReport> {
  const outcomes = stepTopic(pipeline, 'media.settled');
  if (outcomes === undefined)
    throw new VimiError('USAGE', `The pipeline ${pipeline.name} does not tell what becomes of each medium`, {
      where: workspace.topology.file,
      remedy: `Add the step recognise to ${pipeline.name}, behind fetch.`,
    });
  const failed = new AbortController();
  const folder = await makeWorkFolder(workspace.topology.profile.work, 'feed');
  let feed: MediaFeed | undefined;
  try {
    feed = await MediaFeed.open({
      ...{ ...options, window, outcomes, signal: AbortSignal.any([signal, failed.signal]), log: workspace.log },
      transport: await workspace.transport(),
      input: { topic: pipeline.from, group: pipeline.group },
      corpus: await workspace.corpusIsCurrent(),
      file: join(folder.path, 'media.sqlite'),
    });
    onBegin?.(feed);
    let isFed = () => {};
    const fed = new Promise<void>((resolve) => {
      isFed = resolve;
    });
    const stop = new AbortController();
    const how = { fed, signal: AbortSignal.any([signal, stop.signal]), drainMs, onBusy };
    const working = work(workspace, pipeline, how).catch((thrown) => {
      failed.abort(thrown);
      throw thrown;
    });
    // It may fail long before it is awaited.
    working.catch(() => {});
    try {
      await feed.run(sources);
      isFed();
    } catch (thrown) {
      stop.abort();
      await working.catch(() => {});
      throw thrown;
    }
    const lost = await working;
    // What was under way when it was stopped has its outcome by now.
    await feed.caughtUp();
    return { ...feed.counts, left: feed.open, lost };
  } finally {
    await feed?.close();
    await folder.remove();
  }
}

interface Working {
  /** Resolved: the pipeline ends once its topic is empty. */
  fed: Promise<void>;
  signal: AbortSignal;
  drainMs?: number;
  onBusy?(thrown: unknown): void;
}

/** Runs the pipeline, or waits until who does has left it; gives what was lost. */
async function work(
  workspace: Workspace,
  pipeline: PipelineSpec,
  { fed, signal, drainMs, onBusy }: Working,
): Promise<PipelineReport['lost']> {
  let isOver = false;
  const over = fed.then(() => {
    isOver = true;
  });
  while (!isOver && !signal.aborted) {
    try {
      const [report] = await runPipelines(workspace, [pipeline], {
        drain: over,
        signal,
        drainMs,
        rejectsAreTold: true,
      });
      return report?.lost ?? {};
    } catch (thrown) {
      if (asVimiError(thrown).code !== 'GROUP_BUSY') throw thrown;
      onBusy?.(thrown);
      onBusy = undefined;
    }
    await Promise.race([over, sleep(lookMs, undefined, { signal }).catch(() => {})]);
  }
  return {};
}
