import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asVimiError, VimiError } from '../../core/errors.js';
import type { Log } from '../../core/log.js';
import { VirtualClock } from '../../core/virtual-clock.js';
import { decodeEvent, structuredType } from '../../events/cloudevents.js';
import { jobId } from '../../events/ids.js';
import type { NewRecord } from '../../events/record.js';
import type { JobChanged } from '../../events/schemas.js';
import { recordedImage } from '../../flow/recorded-field.js';
import { createFakeDenoiser } from '../../models/servers/fake-denoiser.js';
import type { Finished } from '../../streams/delivery/finished.js';
import { runPipeline } from '../../streams/delivery/pipeline.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import { stepTopic } from '../../streams/topology/step-topics.js';
import type { TopologyTest } from '../../streams/topology/tests.js';
import type { Topology } from '../../streams/topology/topology.js';
import { openEmbedded } from '../../streams/transports/embedded/open-embedded.js';
import type { Transport } from '../../streams/transports/transport.js';
import { Workspace } from '../workspace.js';
import { type Difference, differences, differencesOfAll } from './compare.js';
import { recordedStep } from './recorded-step.js';
import { Trace, type Traced } from './trace.js';

/** An event that a test gave, and its way. */
export interface TestedEvent {
  pipeline: string;
  /** From 1, within the pipeline. */
  number: number;
  id: string;
  steps: Traced[];
  /** undefined: it has none, since the test was ended. */
  outcome?: Finished;
}

export interface TestResult {
  test: TopologyTest;
  /** None: it passed. */
  differences: Difference[];
  events: TestedEvent[];
  /** Of the real clock. */
  seconds: number;
}

/** A test that does not come to its end by then has failed: a pipeline is paused, say. */
const limitMs = 60_000;

/**
 * Runs a test: its pipelines one after the other, each with the runtime that serves, until their events have their
 * outcomes. The log is in memory, objects and index are in a folder that is removed, every model is the fake one, and the
 * clock is the test's own. Throws what hinders the pipelines from running at all.
 */
export async function runTopologyTest(test: TopologyTest, topology: Topology, log: Log): Promise<TestResult> {
  const began = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'vimi-test-'));
  const clock = new VirtualClock(test.now);
  const trace = new Trace();
  const tested = topology.pipelines.map((pipeline) => ({
    ...pipeline,
    steps: trace.through(
      pipeline.steps.map((step) => {
        const answer = test.replace.get(step.name);
        return answer ? recordedStep(step, answer, clock) : step;
      }),
    ),
  }));
  const transport = openEmbedded({ path: ':memory:', clock, cleans: false });
  const workspace = Workspace.of(
    { ...topology, pipelines: tested, profile: profileIn(folder) },
    { log },
    { clock, transport, openModel: async () => createFakeDenoiser() },
  );
  try {
    const { key, bytes, mediaType } = recordedImage;
    await (await workspace.objects()).put(key, bytes, { mediaType });
    const run = new TestRun(test, workspace, transport, trace);
    for (const { pipeline, events } of test.input) await run.feed(workspace.pipeline(pipeline), events);
    const found = await run.differences();
    return { test, differences: found, events: run.events, seconds: (performance.now() - began) / 1000 };
  } finally {
    await workspace.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** No transport is opened by it. */
function profileIn(folder: string): Topology['profile'] {
  return {
    name: 'test',
    transport: { type: 'embedded', path: folder },
    objects: { type: 'files', path: join(folder, 'objects') },
    search: { type: 'embedded', path: join(folder, 'index') },
    work: join(folder, 'work'),
    written: {},
  };
}

class TestRun {
  readonly events: TestedEvent[] = [];
  readonly #sources: string[] = [];
  readonly #stopped: Difference[] = [];

  constructor(
    readonly test: TopologyTest,
    readonly workspace: Workspace,
    readonly transport: Transport,
    readonly trace: Trace,
  ) {}

  /** Publishes the events, in their order, and runs the pipeline until all have their outcomes. */
  async feed(pipeline: PipelineSpec, given: TopologyTest['input'][number]['events']): Promise<void> {
    const transport = await this.workspace.transport();
    const records = given.map((event, n) => recordOf(event, pipeline, n + 1));
    const places = await transport.publish(records);
    const finished = new Map<string, Finished>();
    const over = new AbortController();
    const { workspace } = this;
    const { log, metrics } = workspace;
    let hindrances: string[] = [];
    const timer = setTimeout(() => {
      hindrances = metrics.readiness().reasons;
      over.abort();
    }, limitMs);
    try {
      const resources = await workspace.resources(pipeline);
      await workspace.corpusIsCurrent();
      const report = await runPipeline(pipeline, {
        ...{ transport, resources, log, metrics, signal: over.signal, drain: true, drainMs: 0 },
        rejectsAreTold: true,
        onFinished: (one) => finished.set(one.where, one),
      });
      if (report.end !== 'drained') this.#stop([`no end within ${limitMs / 1000} s`, ...hindrances].join('; '));
    } catch (thrown) {
      const { code, message } = asVimiError(thrown);
      this.#stop(`${code}: ${message}`);
    } finally {
      clearTimeout(timer);
    }
    for (const [n, { topic, partition, offset }] of places.entries()) {
      const where = `${topic}/${partition}/${offset}`;
      const { id, source } = identityOf(records[n]!, pipeline, { partition, offset });
      this.events.push({
        ...{ pipeline: pipeline.name, number: n + 1, id, steps: this.trace.of(where), outcome: finished.get(where) },
      });
      this.#sources.push(source);
    }
  }

  /** What is not as the test expects. */
  async differences(): Promise<Difference[]> {
    const { outcomes, jobs, outputs } = this.test.expect;
    const found = [...this.#stopped];
    for (const { name, items } of outcomes)
      for (const [n, expected] of items.entries())
        found.push(...differences(expected, outcomeFor(expected.kind, this.#of(name)[n]), `outcomes.${name}[${n}]`));
    for (const { name, items } of jobs) {
      const states = await this.#jobsOf(name);
      for (const [n, expected] of items.entries()) {
        const got = states[n];
        const isWord = expected.kind === 'scalar';
        found.push(...differences(expected, isWord ? got?.state : got, `jobs.${name}[${n}]`));
      }
    }
    for (const { name, place, items } of outputs)
      found.push(...differencesOfAll(items, await this.#dataOf(name), `outputs.${name}`, place));
    return found;
  }

  #stop(got: string): void {
    const { line, column } = this.test.place;
    this.#stopped.push({ line, column, path: 'the test', expected: 'an outcome for every event', got });
  }

  #of(pipeline: string): TestedEvent[] {
    return this.events.filter((event) => event.pipeline === pipeline);
  }

  /** The last event of each input's job. */
  async #jobsOf(name: string): Promise<(JobChanged | undefined)[]> {
    const topic = stepTopic(this.workspace.pipeline(name), 'job.changed');
    const changes = topic === undefined ? [] : ((await this.#dataOf(topic)) as JobChanged[]);
    return this.events.flatMap(({ pipeline, id }, n) => {
      if (pipeline !== name) return [];
      const job = jobId(name, { id, source: this.#sources[n]! });
      return [changes.findLast((change) => change.job === job)];
    });
  }

  async #dataOf(topic: string): Promise<unknown[]> {
    const { schemas } = this.workspace.topic(topic);
    const found: unknown[] = [];
    for await (const record of this.transport.read(topic))
      if (record.value !== null) found.push(decodeEvent(record, schemas).data);
    return found;
  }
}

/** A text as it is, a whole CloudEvent as it is, else the data of an event whose id is told by its place in the test. */
function recordOf(event: string | Record<string, unknown>, { name, from }: PipelineSpec, number: number): NewRecord {
  // In one partition: so the order of the test is the order of the pipeline.
  const record = { topic: from, key: null, partition: 0 };
  if (typeof event === 'string') return { ...record, value: Buffer.from(event), headers: {} };
  const value = Buffer.from(JSON.stringify(event));
  if ('specversion' in event) return { ...record, value, headers: { 'content-type': Buffer.from(structuredType) } };
  const headers = { ce_id: Buffer.from(`${name}-${number}`), ce_source: Buffer.from('/test') };
  return { ...record, value, headers };
}

function identityOf(
  { headers, topic, key, value }: NewRecord,
  { schemas }: PipelineSpec,
  place: { partition: number; offset: number },
): { id: string; source: string } {
  try {
    return decodeEvent({ topic, key, value, headers, timestamp: 0, ...place }, schemas);
  } catch (thrown) {
    if (!(thrown instanceof VimiError)) throw thrown;
    const id = headers.ce_id?.toString() ?? `${topic}-${place.partition}-${place.offset}`;
    return { id, source: headers.ce_source?.toString() ?? `/${topic}` };
  }
}

/** In the form in which the test says it: a word, or a map of the word and its reason. */
function outcomeFor(kind: 'scalar' | 'list' | 'map', event: TestedEvent | undefined): unknown {
  if (!event?.outcome) return undefined;
  const { outcome, reason, code } = event.outcome;
  if (kind === 'scalar' || outcome === 'delivered') return outcome;
  return outcome === 'dropped' ? { dropped: reason } : { rejected: code };
}
