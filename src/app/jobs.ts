import { join } from 'node:path';
import type { Log } from '../core/log.js';
import { type Jobs, noJobs } from '../stores/jobs/jobs.js';
import { openJobs } from '../stores/jobs/open-jobs.js';
import type { PipelineSpec } from '../streams/delivery/pipeline-spec.js';
import { isSettledOrGone } from '../streams/delivery/settled-record.js';
import { stepTopic } from '../streams/topology/step-topics.js';
import type { Transport } from '../streams/transports/transport.js';

/** What the topic remembers to which the steps of a pipeline publish what became of their jobs; nothing where none does. */
export function openPipelineJobs(
  pipeline: PipelineSpec,
  { transport, workDir, log }: { transport: Transport; workDir: string; log: Log },
): Jobs {
  const topic = stepTopic(pipeline, 'job.changed');
  if (topic === undefined) return noJobs;
  return openJobs({
    pipeline: pipeline.name,
    topic,
    read: (name, options) => transport.read(name, options),
    ends: (name) => transport.ends(name),
    publish: (records) => transport.publish(records),
    isSettled: (record) => isSettledOrGone(transport, pipeline, record),
    file: join(workDir, 'jobs.sqlite'),
    log,
  });
}
