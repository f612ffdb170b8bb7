import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/core/clock.js';
import { decodeEvent, encodeEvent } from '../../../src/events/cloudevents.js';
import { jobId } from '../../../src/events/ids.js';
import type { NewRecord } from '../../../src/events/record.js';
import type { EventRejected, JobChanged } from '../../../src/events/schemas.js';
import { mapEach } from '../../../src/flow/map-each.js';
import type { Operator } from '../../../src/flow/operator.js';
import { admit } from '../../../src/operators/requests/admit.js';
import type { Jobs } from '../../../src/stores/jobs/jobs.js';
import { openJobs } from '../../../src/stores/jobs/open-jobs.js';
import { type RunOptions, runPipeline } from '../../../src/streams/delivery/pipeline.js';
import type { PipelineSpec } from '../../../src/streams/delivery/pipeline-spec.js';
import { isSettledOrGone } from '../../../src/streams/delivery/settled-record.js';
import type { Transport } from '../../../src/streams/transports/transport.js';
import { quietLog, readAll, resourcesWith, spec, testOperator } from './pipeline-fixtures.js';

/*
 * A pipeline of requests around what is tested: the real `admit` and the real memory of jobs, over a real log. In the
 * place of the model stands work that lasts until the test lets it go, or until it is cancelled.
 */

export const shop = 'https://shop.example';

export interface JobTopics {
  requests: string;
  jobs: string;
  rejects: string;
}
export const topics: JobTopics = { requests: 'requests', jobs: 'jobs', rejects: 'rejects' };

export async function prepareJobTopics(transport: Transport, names = topics, partitions = 3): Promise<void> {
  await transport.ensureTopics([
    { name: names.requests, partitions, cleanup: 'delete' },
    { name: names.jobs, partitions, cleanup: 'compact' },
    { name: names.rejects, partitions: 1, cleanup: 'delete' },
  ]);
}

export interface Sent {
  source?: string;
  partition?: number;
  prompt?: string;
  topic?: string;
  headers?: Record<string, Buffer>;
}

export function request(id: string, { source = shop, partition, prompt = id, topic, headers }: Sent = {}): NewRecord {
  const record = encodeEvent({
    ...{ schema: 'generation.requested', id, source, topic: topic ?? topics.requests, key: null },
    data: { prompt },
  });
  return { ...record, partition, headers: { ...record.headers, ...headers } };
}

export function cancel(id: string, { source = shop, partition, topic }: Sent = {}): NewRecord {
  const record = encodeEvent({
    ...{ schema: 'generation.cancelled', id: `stop ${id}`, source, topic: topic ?? topics.requests, key: null },
    data: { cancel: id },
  });
  return { ...record, partition };
}

/** A record as a client without headers sends it. */
export function bare(data: object, partition?: number, topic = topics.requests): NewRecord {
  return { topic, key: null, value: Buffer.from(JSON.stringify(data)), headers: {}, partition };
}

const pipelineName = 'generate';
export const jobOf = (id: string, source = shop) => jobId(pipelineName, { source, id });

export function openTestJobs(transport: Transport, names = topics, group = 'test'): Jobs {
  return openJobs({
    pipeline: pipelineName,
    topic: names.jobs,
    read: (topic, options) => transport.read(topic, options),
    ends: (topic) => transport.ends(topic),
    publish: (records) => transport.publish(records),
    isSettled: (record) => isSettledOrGone(transport, { group, from: names.requests }, record),
    file: join(mkdtempSync(join(tmpdir(), 'vimi-jobs-')), 'jobs.sqlite'),
    log: quietLog,
  });
}

/** Work on requests. Prompts that begin with `slow` wait to be released or cancelled, all others are done at once. */
export function gatedWork() {
  const started: string[] = [];
  const waiting = new Map<string, () => void>();
  const operator = testOperator('work', () => ({
    step: mapEach<'request'>(
      async ({ request: { prompt } }, { event, signal }) => {
        started.push(event.id);
        if (String(prompt).startsWith('slow'))
          await new Promise<void>((resolve) => {
            waiting.set(event.id, resolve);
            signal.addEventListener('abort', () => resolve(), { once: true });
            if (signal.aborted) resolve();
          });
        return {};
      },
      { step: 'work', concurrency: 64, clock: systemClock },
    ),
  }));
  return {
    operator,
    started,
    waiting,
    release(id: string) {
      waiting.get(id)?.();
      waiting.delete(id);
    },
  };
}

/** Runs the pipeline as one process of its group would, with its own memory of jobs. */
export async function serve(
  transport: Transport,
  work: ReturnType<typeof gatedWork>,
  options: Partial<RunOptions> & { names?: JobTopics; spec?: Partial<PipelineSpec>; last?: Operator } = {},
) {
  const { names = topics, spec: changes, last, ...more } = options;
  const jobs = openTestJobs(transport, names, changes?.group);
  const pipeline = spec([admit, work.operator, ...(last ? [last] : [])], {
    name: pipelineName,
    from: names.requests,
    schemas: ['generation.requested', 'generation.cancelled'],
    to: [],
    rejects: names.rejects,
    ...changes,
  });
  pipeline.steps[0]!.config = admit.config.parse({ jobs: names.jobs });
  try {
    return await runPipeline(pipeline, {
      transport,
      resources: resourcesWith({ pipeline: pipelineName, jobs }),
      signal: new AbortController().signal,
      log: quietLog,
      ...more,
    });
  } finally {
    await jobs.close();
  }
}

/** All that was told of a job, in order. */
export async function changesOf(transport: Transport, job: string, names = topics): Promise<JobChanged[]> {
  const changes = (await readAll(transport, names.jobs)).flatMap((record) =>
    record.value === null ? [] : [decodeEvent(record, ['job.changed']).data as JobChanged],
  );
  return changes.filter((change) => change.job === job);
}

export async function statesOf(transport: Transport, job: string, names = topics): Promise<string[]> {
  return (await changesOf(transport, job, names)).map(({ state }) => state);
}

export async function rejectsOf(transport: Transport, names = topics): Promise<EventRejected[]> {
  return (await readAll(transport, names.rejects)).map(
    (record) => decodeEvent(record, ['event.rejected']).data as EventRejected,
  );
}
