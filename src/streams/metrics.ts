import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type Countable, countables } from '../operators/operator.js';
import type { Trouble } from './pause.js';
import type { FateCounts } from './position.js';
import { createTransportMetrics } from './transport-metrics.js';
import { within } from './within.js';

/** What a running pipeline tells when it is asked. */
export interface PipelineState {
  /** Input partitions that this process has. */
  partitions: number;
  /** Records without a fate. */
  open: number;
  /** Records with a fate, without a commit. */
  waiting: number;
  /** The most records without a fate that its partitions may have together. */
  window: number;
  /** Why it is paused; none: it is not. */
  troubles: readonly Trouble[];
  /** The longest that each step has been at one event, in seconds. */
  oldest: ReadonlyMap<string, number>;
  /** Records between the group's watermark and the end of each partition. */
  lag(): Promise<Map<number, number>>;
}

/** A log that is away is the very time to read the other metrics: nobody waits for it any longer. */
const lagMs = 2_000;

export type Metrics = ReturnType<typeof createMetrics>;

/** The metrics of delivery, for any number of pipelines. Make them once a process; `registry` is what is exposed. */
export function createMetrics(registry = new Registry()) {
  const running = new Map<string, () => PipelineState>();
  const starting = new Set<string>();
  const asked = new Map<string, Promise<Map<number, number>>>();
  const registers = [registry];
  const pipeline = ['pipeline'] as const;

  const events = new Counter({
    name: 'vimi_events_total',
    help: 'Events whose fate was committed. detail: the drop reason.',
    labelNames: ['pipeline', 'fate', 'detail'] as const,
    registers,
  });
  const parts = new Counter({
    name: 'vimi_parts_total',
    help: 'What events were split into, such as clips, by the fate that was committed; events that were not split count as one. detail: the drop reason.',
    labelNames: ['pipeline', 'fate', 'detail'] as const,
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
  state('vimi_partitions', 'Input partitions that this process has.', ({ partitions }) => partitions);
  state('vimi_window_open', 'Records being worked on.', ({ open }) => open);
  state('vimi_window_waiting', 'Records settled, but not yet committed.', ({ waiting }) => waiting);
  state('vimi_window_size', 'The most records that may be worked on.', ({ window }) => window);
  new Gauge({
    name: 'vimi_paused',
    help: '1 while the pipeline is paused for trouble of its surroundings: nothing is read or rejected until it is over.',
    labelNames: ['pipeline', 'code', 'step'] as const,
    registers,
    collect() {
      this.reset();
      for (const [label, current] of running)
        for (const { code, step } of current().troubles) this.set({ pipeline: label, code, step }, 1);
    },
  });
  new Gauge({
    name: 'vimi_step_oldest_seconds',
    help: 'How long the event that has been longest in a step has been there, waits within the step included.',
    labelNames: ['pipeline', 'step'] as const,
    registers,
    collect() {
      this.reset();
      for (const [label, current] of running)
        for (const [step, seconds] of current().oldest) this.set({ pipeline: label, step }, seconds);
    },
  });
  new Gauge({
    name: 'vimi_lag',
    help: 'Records that wait in the input topic, unsettled ones included. Missing while the log cannot be asked.',
    labelNames: ['pipeline', 'partition'] as const,
    registers,
    async collect() {
      this.reset();
      await Promise.all(
        [...running].map(async ([label, current]) => {
          // One question at a time, however often somebody scrapes.
          const asking = asked.get(label) ?? current().lag();
          asked.set(label, asking);
          const answered = asking.then(
            (lag) => {
              asked.delete(label);
              for (const [partition, records] of lag) this.set({ pipeline: label, partition }, records);
            },
            () => asked.delete(label),
          );
          await within(lagMs, answered);
        }),
      );
    },
  });

  const counters = Object.fromEntries(
    Object.entries(countables).map(([what, help]) => {
      const name = `vimi_${what.replaceAll('-', '_')}_total`;
      return [what, new Counter({ name, help, labelNames: pipeline, registers })];
    }),
  ) as unknown as Record<Countable, Counter<'pipeline'>>;

  return {
    registry,
    count: (label: string, what: Countable) => counters[what].inc({ pipeline: label }),
    transport: createTransportMetrics(registry),
    rejected: new Counter({
      name: 'vimi_rejects_total',
      help: 'Parts of events that were rejected, by error code and step.',
      labelNames: ['pipeline', 'code', 'step'] as const,
      registers,
    }),
    lost: new Counter({
      name: 'vimi_lost_total',
      help: 'Records that were gone before they were read. reason: retention (the log had removed them). Over Kafka offsets, of which markers of transactions take some.',
      labelNames: ['pipeline', 'reason'] as const,
      registers,
    }),
    lostPositions: new Counter({
      name: 'vimi_lost_positions_total',
      help: 'Partitions whose position could not be gone on from. reason: expired (the group has none any more), beyond-end (the topic ends before it).',
      labelNames: ['pipeline', 'reason'] as const,
      registers,
    }),
    eventSeconds: new Histogram({
      name: 'vimi_event_seconds',
      help: 'Time from reading an event to its fate.',
      labelNames: pipeline,
      buckets: [0.001, 0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 1800],
      registers,
    }),
    commits: new Counter({
      name: 'vimi_commits_total',
      help: 'Commits. outcome: done, retried (the log failed, tried again), fenced (another owner has the group).',
      labelNames: ['pipeline', 'outcome'] as const,
      registers,
    }),
    metadataFull: new Counter({
      name: 'vimi_metadata_full_total',
      help: 'Commits that left settled records out, because those settled beyond the watermark did not fit its metadata: they wait, with their outputs, until what comes before them is settled.',
      labelNames: pipeline,
      registers,
    }),
    foreignMetadata: new Counter({
      name: 'vimi_foreign_metadata_total',
      help: 'Positions whose metadata was not ours: what was settled beyond the watermark is done again.',
      labelNames: pipeline,
      registers,
    }),
    countFates(label: string, counts: FateCounts, ofParts: FateCounts = counts) {
      for (const [counter, { delivered, rejected, dropped }] of [
        [events, counts],
        [parts, ofParts],
      ] as const) {
        if (delivered) counter.inc({ pipeline: label, fate: 'delivered', detail: '' }, delivered);
        if (rejected) counter.inc({ pipeline: label, fate: 'rejected', detail: '' }, rejected);
        for (const [detail, times] of Object.entries(dropped))
          if (times) counter.inc({ pipeline: label, fate: 'dropped', detail }, times);
      }
    },
    /** Why this process is not ready for work, a line each; none: it is. */
    hindrances(): string[] {
      if (running.size + starting.size === 0) return ['nothing runs yet'];
      return [
        ...[...starting].map((label) => `${label} is starting`),
        ...[...running].flatMap(([label, current]) =>
          current().troubles.map(
            ({ code, step, message, remedy }) => `${label} is paused at ${step}: ${code}: ${message} -> ${remedy}`,
          ),
        ),
      ];
    },
    /** A pipeline that `watch` will show once it has begun. */
    expect: (label: string) => void starting.add(label),
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
