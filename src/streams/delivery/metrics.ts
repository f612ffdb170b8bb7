import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { within } from '../../core/within.js';
import type { Count } from '../../flow/operator.js';
import type { Trouble } from '../../flow/pause.js';
import { createTransportMetrics } from '../transports/transport-metrics.js';
import { createBuildInfo } from './build-info.js';
import type { JobInHand } from './in-flight.js';
import type { OutcomeCounts } from './position.js';

/** What a running pipeline tells when it is asked. */
export interface PipelineState {
  /** Input partitions that this process has. */
  partitions: number;
  /** Records without an outcome. */
  open: number;
  /** Records with an outcome, without a commit. */
  waiting: number;
  /** The most records without an outcome that its partitions may have together. */
  maxInFlight: number;
  /** Why it is paused; none: it is not. */
  troubles: readonly Trouble[];
  /** The longest that each step has been at one event, in seconds. */
  oldest: ReadonlyMap<string, number>;
  /** Events in each step, in the order of the steps. */
  inStep: ReadonlyMap<string, number>;
  /** Of those, the ones that wait for their turn. */
  waitingInStep?: ReadonlyMap<string, number>;
  /** Missing where its events ask for no jobs. Asked by itself: most metrics do without, and there may be many. */
  jobs?(): readonly JobInHand[];
  /** How far each of its partitions is behind the end of the topic. */
  behind(): Promise<Map<number, Behind>>;
}

export interface Behind {
  /** Offsets between the committed one and the end. */
  lag: number;
  /** Events without an outcome: not read yet, or in flight. */
  waiting: number;
}

/** Seconds: from a look at a map to a video on a slow machine. */
const buckets = [0.001, 0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 1800];

/** A log that is away is the very time to read the other metrics: nobody waits for it any longer. */
const lagMs = 2_000;

export type Metrics = ReturnType<typeof createMetrics>;

/** STARTING: nothing is wrong, some of it has not begun. UNHEALTHY: it waits until something is repaired. */
export interface Readiness {
  state: 'READY' | 'STARTING' | 'UNHEALTHY';
  /** None when it is ready. */
  reasons: string[];
}

/** The metrics of delivery, for any number of pipelines. Make them once a process; `registry` is what is exposed. */
export function createMetrics(registry = new Registry()) {
  createBuildInfo(registry);
  const running = new Map<string, () => PipelineState>();
  const starting = new Set<string>();
  let runsNone = false;
  const asked = new Map<string, Promise<Map<number, Behind>>>();
  const registers = [registry];
  const pipeline = ['pipeline'] as const;

  const events = new Counter({
    name: 'vimi_events_total',
    help: 'Events by committed outcome. detail: the drop reason.',
    labelNames: ['pipeline', 'outcome', 'detail'] as const,
    registers,
  });
  const parts = new Counter({
    name: 'vimi_parts_total',
    help: 'Parts of events, such as clips, by committed outcome; an event that was not split counts as one part. detail: the drop reason.',
    labelNames: ['pipeline', 'outcome', 'detail'] as const,
    registers,
  });
  const state = (name: string, help: string, read: (state: PipelineState) => number) =>
    new Gauge({
      name,
      help,
      labelNames: pipeline,
      registers,
      collect() {
        this.reset();
        for (const [label, current] of running) this.set({ pipeline: label }, read(current()));
      },
    });
  state('vimi_partitions', 'Input partitions that this process owns.', ({ partitions }) => partitions);
  state('vimi_in_flight', 'Records in flight: read, and without an outcome yet.', ({ open }) => open);
  state('vimi_awaiting_commit', 'Records that have their outcome and wait for the commit.', ({ waiting }) => waiting);
  state(
    'vimi_max_in_flight',
    'The most records in flight: `max_in_flight` times the partitions that this process owns.',
    ({ maxInFlight }) => maxInFlight,
  );
  new Gauge({
    name: 'vimi_jobs',
    help: 'Jobs of this process whose requests were read, and which have no outcome yet. state: queued, in_progress (the model has made a step).',
    labelNames: ['pipeline', 'state'] as const,
    registers,
    collect() {
      this.reset();
      for (const [label, current] of running) {
        const jobs = current().jobs?.();
        if (!jobs) continue;
        for (const state of ['queued', 'in_progress'] as const)
          this.set({ pipeline: label, state }, jobs.filter((job) => job.state === state).length);
      }
    },
  });
  new Gauge({
    name: 'vimi_paused',
    help: '1 while the pipeline is paused (disk, store, keys, broker, model process): nothing is read or rejected until it continues.',
    labelNames: ['pipeline', 'code', 'step'] as const,
    registers,
    collect() {
      this.reset();
      for (const [label, current] of running)
        for (const { code, step } of current().troubles) this.set({ pipeline: label, code, step }, 1);
    },
  });
  const stateOfSteps = (name: string, help: string, read: (state: PipelineState) => ReadonlyMap<string, number>) =>
    new Gauge({
      name,
      help,
      labelNames: ['pipeline', 'step'] as const,
      registers,
      collect() {
        this.reset();
        for (const [label, current] of running)
          for (const [step, value] of read(current())) this.set({ pipeline: label, step }, value);
      },
    });
  stateOfSteps(
    'vimi_step_in_flight',
    'Events that each step works on, and those that wait for their turn in it.',
    ({ inStep }) => inStep,
  );
  stateOfSteps(
    'vimi_step_oldest_seconds',
    'Age of the oldest event in each step, including its waits in the step.',
    ({ oldest }) => oldest,
  );
  const behind = (name: string, help: string, read: (behind: Behind) => number) =>
    new Gauge({
      name,
      help: `${help} Missing while the log does not answer.`,
      labelNames: ['pipeline', 'partition'] as const,
      registers,
      async collect() {
        this.reset();
        await Promise.all(
          [...running].map(async ([label, current]) => {
            // One question at a time, however many metrics need it and however often somebody scrapes.
            const asking = asked.get(label) ?? current().behind();
            asked.set(label, asking);
            const answered = asking.then(
              (partitions) => {
                asked.delete(label);
                for (const [partition, one] of partitions) this.set({ pipeline: label, partition }, read(one));
              },
              () => asked.delete(label),
            );
            await within(lagMs, answered);
          }),
        );
      },
    });
  behind(
    'vimi_lag',
    'Offsets between the committed one and the end of the input topic. Over Kafka the markers of transactions take offsets, so it need not reach 0.',
    ({ lag }) => lag,
  );
  behind(
    'vimi_waiting_events',
    'Events of the input topic without an outcome: not read yet, or in flight. 0 when all work is done: scale by it.',
    ({ waiting }) => waiting,
  );

  const counted = new Counter({
    name: 'vimi_operator_count_total',
    help: 'What operators count besides outcomes; the pages of the operators say what each counter means.',
    labelNames: ['pipeline', 'step', 'counter'] as const,
    registers,
  });
  const transport = createTransportMetrics(registry);

  return {
    registry,
    count: (label: string, { step, counter, times }: Count) => counted.inc({ pipeline: label, step, counter }, times),
    transport,
    rejected: new Counter({
      name: 'vimi_rejects_total',
      help: 'Dead letters: rejected parts of events on the topic of rejects, by error code and step.',
      labelNames: ['pipeline', 'code', 'step'] as const,
      registers,
    }),
    lost: new Counter({
      name: 'vimi_lost_total',
      help: 'Records that were gone before they were read. reason: retention (the log had removed them). Over Kafka these are offsets, and markers of transactions take some.',
      labelNames: ['pipeline', 'reason'] as const,
      registers,
    }),
    lostPositions: new Counter({
      name: 'vimi_lost_positions_total',
      help: 'Partitions whose committed offset could not be used. reason: expired (the group has none any more), beyond-end (the topic ends before it), anew (the topic was deleted and created anew).',
      labelNames: ['pipeline', 'reason'] as const,
      registers,
    }),
    eventSeconds: new Histogram({
      name: 'vimi_event_seconds',
      help: 'Time from reading an event to its outcome.',
      labelNames: pipeline,
      buckets,
      registers,
    }),
    stepSeconds: new Histogram({
      name: 'vimi_step_seconds',
      help: 'Time that each step takes for an event, including its waits in the step; each retry counts by itself.',
      labelNames: ['pipeline', 'step'] as const,
      buckets,
      registers,
    }),
    commits: new Counter({
      name: 'vimi_commits_total',
      help: 'Commits. outcome: done, retried (the log failed), fenced (another owner has the partition).',
      labelNames: ['pipeline', 'outcome'] as const,
      registers,
    }),
    metadataFull: new Counter({
      name: 'vimi_metadata_full_total',
      help: 'Commits that left completed records out, because the offsets completed beyond the committed offset did not fit its metadata. These records wait, with their outputs, until the records before them are complete.',
      labelNames: pipeline,
      registers,
    }),
    foreignMetadata: new Counter({
      name: 'vimi_foreign_metadata_total',
      help: 'Committed offsets with the metadata of another client: events completed beyond the offset are repeated.',
      labelNames: pipeline,
      registers,
    }),
    countOutcomes(label: string, counts: OutcomeCounts, ofParts: OutcomeCounts = counts) {
      for (const [counter, { delivered, rejected, dropped }] of [
        [events, counts],
        [parts, ofParts],
      ] as const) {
        if (delivered) counter.inc({ pipeline: label, outcome: 'delivered', detail: '' }, delivered);
        if (rejected) counter.inc({ pipeline: label, outcome: 'rejected', detail: '' }, rejected);
        for (const [detail, times] of Object.entries(dropped))
          if (times) counter.inc({ pipeline: label, outcome: 'dropped', detail }, times);
      }
    },
    /** Whether this process is ready for work, and why it is not, a line each. */
    readiness(): Readiness {
      if (running.size + starting.size === 0 && !runsNone) return { state: 'STARTING', reasons: ['nothing runs yet'] };
      const away = [...transport.waiting.values()].map(
        ({ code, message, remedy }) => `waiting for a broker: ${code}: ${message} -> ${remedy}`,
      );
      const paused = [...running].flatMap(([label, current]) =>
        current().troubles.map(
          ({ code, step, message, remedy }) => `${label} is paused at ${step}: ${code}: ${message} -> ${remedy}`,
        ),
      );
      const begun = [...starting].map((label) => `${label} is starting`);
      const reasons = [...new Set(away), ...begun, ...paused];
      if (away.length + paused.length > 0) return { state: 'UNHEALTHY', reasons };
      return { state: begun.length > 0 ? 'STARTING' : 'READY', reasons };
    },
    /** absent: it does not run in this process. */
    stateOf: (label: string): 'running' | 'starting' | 'absent' =>
      running.has(label) ? 'running' : starting.has(label) ? 'starting' : 'absent',
    /** Of a pipeline that runs here: undefined where its events ask for none. */
    jobsOf: (label: string): readonly JobInHand[] | undefined => running.get(label)?.().jobs?.(),
    /** Events that wait for their turn in a step of a pipeline that runs here. */
    waitingIn: (label: string, step: string): number => running.get(label)?.().waitingInStep?.get(step) ?? 0,
    /** Why a pipeline that runs here is paused; none: it is not. */
    troublesOf: (label: string): readonly Trouble[] => running.get(label)?.().troubles ?? [],
    /** A pipeline that `watch` will show once it has begun. */
    expect: (label: string) => void starting.add(label),
    /** There will be no pipeline: the process is ready for its other work. */
    expectNone(): void {
      runsNone = true;
    },
    /** Shows a pipeline's state until the returned function is called. */
    watch(label: string, current: () => PipelineState): () => void {
      starting.delete(label);
      running.set(label, current);
      return () => {
        if (running.get(label) === current) running.delete(label);
      };
    },
  };
}
