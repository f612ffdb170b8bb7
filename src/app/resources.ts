import type { Clock } from '../core/clock.js';
import type { Log } from '../core/log.js';
import type { Resources } from '../flow/operator.js';
import { mediaTools } from '../media/tools.js';
import type { Embedder, Models, Reranker } from '../models/ports.js';
import type { Corpus } from '../stores/corpus/corpus.js';
import type { ObjectStore } from '../stores/objects/object-store.js';
import type { Removals } from '../stores/removals/removals.js';
import type { Metrics } from '../streams/delivery/metrics.js';
import type { PipelineSpec } from '../streams/delivery/pipeline-spec.js';
import type { Transport } from '../streams/transports/transport.js';
import { openPipelineJobs } from './jobs.js';
import { makeWorkFolder } from './work-folder.js';

/** What the pipelines of a workspace share. */
export interface SharedParts {
  transport: Transport;
  objects: ObjectStore;
  corpus: Corpus;
  removals: Removals;
  keepList: Resources['keepList'];
  embedder: Embedder;
  reranker: Reranker | undefined;
  models: Models;
  metrics: Metrics;
  log: Log;
  mediaRoots: string[];
  mediaHosts: string[];
  topologyFolder: string;
  /** Where each pipeline of each process gets a folder of its own. */
  work: string;
  clock: Clock;
}

/**
 * Looks for the programs that the steps of a pipeline run, before anything is begun: without ffmpeg every medium would be
 * rejected. FFMPEG_NOT_FOUND.
 */
export function checkTools({ steps }: PipelineSpec): void {
  const found = mediaTools();
  for (const { operator } of steps) for (const tool of operator.tools ?? []) void found[tool];
}

/** All that the operators of one pipeline may reach. `onClose` is told how to close each part as soon as it is open. */
export async function openResources(
  pipeline: PipelineSpec,
  { metrics, work, transport, ...shared }: SharedParts,
  onClose: (close: () => Promise<void>) => void,
): Promise<Resources> {
  const folder = await makeWorkFolder(work, pipeline.name);
  onClose(() => folder.remove());
  const jobs = openPipelineJobs(pipeline, { transport, workDir: folder.path, log: shared.log });
  onClose(() => jobs.close());
  return {
    ...shared,
    ...{ pipeline: pipeline.name, jobs },
    workDir: folder.path,
    announce: async (records) => {
      await transport.publish(records);
    },
    count: (count) => metrics.count(pipeline.name, count),
  };
}
