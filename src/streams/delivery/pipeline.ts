import { setImmediate } from 'node:timers/promises';
import { asVimiError, VimiError } from '../../core/errors.js';
import type { Log } from '../../core/log.js';
import { within } from '../../core/within.js';
import { catalogue } from '../../events/catalogue.js';
import { jobId } from '../../events/ids.js';
import type { Resources } from '../../flow/operator.js';
import { Pause } from '../../flow/pause.js';
import type { PipelineSpans } from '../../flow/spans.js';
import { StepWatch } from '../../flow/step-watch.js';
import type { Consumer, Transport } from '../transports/transport.js';
import { Cancels, isCancel } from './cancels.js';
import { type Chain, startChain } from './chain.js';
import { drainMs } from './drain-ms.js';
import type { Finished } from './finished.js';
import { InFlight } from './in-flight.js';
import { lostPosition } from './lost-position.js';
import { type Behind, createMetrics, type Metrics, type PipelineState } from './metrics.js';
import { Outcomes } from './outcomes.js';
import { Partition, type PartitionParts } from './partition.js';
import type { PipelineSpec } from './pipeline-spec.js';
import { addCounts, emptyCounts, type OutcomeCounts } from './position.js';
import { PublishedOrder } from './published-order.js';
import { RunReport } from './run-report.js';
import { RunningSteps } from './running-steps.js';
import { createSinks } from './sinks.js';
import type { Taps } from './taps.js';

export interface RunOptions {
  transport: Transport;
  resources: Resources;
  /** Aborted: admit nothing more, finish what is in flight within `drainMs`, give up the rest, and return. */
  signal: AbortSignal;
  /**
   * End by itself when everything up to the end of the input topic is settled and committed; given a promise, once that is
   * resolved. Default false.
   */
  drain?: boolean | Promise<void>;
  log: Log;
  metrics?: Metrics;
  /** Traces the work; missing: nothing is traced. */
  spans?: PipelineSpans | undefined;
  /** Who looks at what steps hand on. */
  taps?: Taps;
  /** Rejected events are logged at `info` instead of `warn`: the caller tells of them. */
  rejectsAreTold?: boolean;
  /** Called once it is a member of its group, which nobody else holds. */
  onConsuming?: () => void;
  /** Called for each event whose outcome is committed. */
  onFinished?: (event: Finished) => void;
  /** Instead of the spec's own. */
  maxInFlight?: number;
  /** Also for what is in flight of a partition that goes to another process. Default 10,000. */
  drainMs?: number;
}

export interface PipelineReport {
  pipeline: string;
  /** Outcomes that this run committed. */
  run: OutcomeCounts;
  /** The same of what the events were split into, such as clips; those that were not split count as one. */
  parts: OutcomeCounts;
  /** Records that were gone before this run could read them, by reason: retention. */
  lost: Record<string, number>;
  /** All that were ever committed in the partitions that this run had. */
  total: OutcomeCounts;
  /** Why it ended. */
  end: 'drained' | 'stopped';
}

/** What the transport waits beyond the drain time: for the last commit, and its answer. */
const commitGraceMs = 2_000;
/** Operators that ignore an abort are not waited for longer than this. */
const abandonMs = 2_000;
/** How often a draining pipeline looks for the end of its topic while nothing happens. */
const lookMs = 50;

/**
 * Runs one pipeline until it is drained, stopped or cannot go on. Rejects with GROUP_BUSY, TOPIC_UNKNOWN,
 * TRANSPORT_FENCED, LOG_DAMAGED, or INTERNAL when a step breaks; what was not committed by then is done again by the next
 * run.
 */
export async function runPipeline(spec: PipelineSpec, options: RunOptions): Promise<PipelineReport> {
  const { log, resources, signal } = options;
  const { elapsed } = resources.clock;
  const label = { pipeline: spec.name };
  const watch = new StepWatch({
    elapsed,
    limitMs: spec.stepLimitMs,
    onLeft: options.metrics && secondsByStep(options.metrics, spec.name),
    onStandstill: (step, where, seconds) =>
      log.warn({ ...label, step, where, seconds }, 'No event leaves this step; this one has been in it longest'),
  });
  const pause = new Pause({
    clock: resources.clock,
    onTrouble: ({ code, step, message, remedy }) =>
      log.warn(
        { ...label, code, step, error: message, remedy },
        'Paused: nothing is read, rejected or lost; retrying until it works',
      ),
    onOver: (seconds) =>
      log.warn(
        { ...label, seconds: Math.round(seconds) },
        signal.aborted ? 'Stopping while paused: the next run continues' : 'Continuing: the pause is over',
      ),
  });
  const steps = await RunningSteps.open(spec, { resources, pause, log, signal });
  return new PipelineRun(spec, options, { steps, pause, watch }).run();
}

/** Each step's time at an event. Its labels are looked up once: for each event that would cost as much as a small step. */
function secondsByStep({ stepSeconds }: Metrics, pipeline: string): (step: string, seconds: number) => void {
  const known = new Map<string, { observe(seconds: number): void }>();
  return (step, seconds) => {
    let histogram = known.get(step);
    if (!histogram) {
      histogram = stepSeconds.labels({ pipeline, step });
      known.set(step, histogram);
    }
    histogram.observe(seconds);
  };
}

/** A pipeline with its steps open, and the partitions of its topic that this process has. */
class PipelineRun {
  readonly #spec: PipelineSpec;
  readonly #options: RunOptions;
  readonly #metrics: Metrics;
  readonly #report: RunReport;
  readonly #steps: RunningSteps;
  readonly #pause: Pause;
  readonly #watch: StepWatch;
  readonly #chain: Chain;
  readonly #cancels: Cancels | null;
  readonly #inFlight = new InFlight();
  readonly #parts: PartitionParts;
  readonly #partitions = new Map<number, Partition>();
  /** What was ever committed in partitions that were given up since. */
  readonly #totals = new Map<number, OutcomeCounts>();
  /** Aborted: it ends, whether anything is left to do or not. */
  readonly #over = new AbortController();
  #failure: VimiError | undefined;
  /** All partitions are given up for good. */
  #isStopping = false;
  #wake: (() => void) | undefined;

  constructor(
    spec: PipelineSpec,
    options: RunOptions,
    { steps, pause, watch }: { steps: RunningSteps; pause: Pause; watch: StepWatch },
  ) {
    const { transport, resources, log, metrics = createMetrics(), rejectsAreTold, onFinished } = options;
    const { name, from, group, schemas } = spec;
    const { clock } = resources;
    this.#spec = spec;
    this.#options = options;
    this.#metrics = metrics;
    this.#report = new RunReport(spec, { metrics, log, rejectsAreTold, onFinished });
    this.#steps = steps;
    this.#pause = pause;
    this.#watch = watch;
    const fail = (error: VimiError) => this.#fail(error);
    const sinks = createSinks(spec.to, { pipeline: name, objects: () => resources.objects, clock });
    this.#chain = startChain(steps.chain(options.taps), sinks, clock, (error) => fail(asVimiError(error)));
    const inFlight = this.#inFlight;
    this.#cancels = schemas.some(isCancel)
      ? new Cancels({ pipeline: name, topic: from, group, schemas, transport, inFlight, log, jobs: resources.jobs })
      : null;
    this.#parts = {
      ...{ schemas, steps, sinks, inFlight, clock, log, pause, watch, fail },
      ageingMs: spec.ageingMs,
      spans: options.spans,
      chain: this.#chain,
      cancels: this.#cancels,
      report: this.#report,
      outcomes: new Outcomes(spec, { steps, report: this.#report, clock, log }),
      maxInFlight: options.maxInFlight ?? spec.maxInFlight,
      jobOf: (event) => (catalogue[event.schema].asks === 'job' ? jobId(name, event) : undefined),
      lostPosition: (assigned) => lostPosition(assigned, spec, { transport, clock }),
      onIdle: () => this.#wake?.(),
      order: steps.areOrdered ? new PublishedOrder(this.#partitions, () => this.#ends()) : undefined,
    };
  }

  async run(): Promise<PipelineReport> {
    const { drain = false, signal } = this.#options;
    let stopWatching = () => {};
    try {
      await this.#cancels?.start();
      const consumer = await this.#consume();
      this.#parts.order?.begin();
      stopWatching = this.#metrics.watch(this.#spec.name, () => this.#state());
      const onAbort = () => this.#over.abort();
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      const ended = aborted(this.#over.signal).then(() => false);
      const isDrained = await (drain ? Promise.race([drained(drain, () => this.#drained()), ended]) : ended);
      signal.removeEventListener('abort', onAbort);
      await this.#giveUp(consumer);
      const { run, parts, lost } = this.#report;
      const total = emptyCounts();
      for (const counts of this.#totals.values()) addCounts(total, counts);
      return { pipeline: this.#spec.name, run, parts, lost, total, end: isDrained ? 'drained' : 'stopped' };
    } finally {
      stopWatching();
      const reason = this.#failure ?? new VimiError('TIMED_OUT', 'The pipeline stopped');
      for (const partition of this.#partitions.values()) partition.abandon(reason);
      await within(abandonMs, this.#chain.complete());
      await this.#cancels?.close();
      await this.#steps.close();
    }
  }

  async #consume(): Promise<Consumer> {
    const { transport, log, drainMs: patience = drainMs } = this.#options;
    const { name, from, group } = this.#spec;
    const label = { pipeline: name };
    const { maxInFlight } = this.#parts;
    const consumer = await transport.consume({
      group,
      topics: [from],
      drainMs: patience + commitGraceMs,
      onAssigned: (assigned) => {
        const { partition, position } = assigned;
        log.debug({ ...label, topic: from, partition, offset: position?.offset ?? null }, 'Assigned');
        this.#partitions.set(partition, new Partition(assigned, this.#parts));
      },
      onRevoked: async ({ partition }) => {
        const revoked = this.#partitions.get(partition);
        if (!revoked) return;
        await revoked.giveUp(this.#failure ? 0 : patience, this.#isStopping);
        this.#partitions.delete(partition);
        this.#totals.set(partition, revoked.counts);
      },
      onLost: ({ partition }, first, end) => this.#partitions.get(partition)?.lost(first, end),
      onError: (thrown) => this.#fail(asVimiError(thrown)),
    });
    log.info({ ...label, topic: from, group, partitions: this.#partitions.size, maxInFlight }, 'Consuming');
    this.#options.onConsuming?.();
    return consumer;
  }

  /** Gives all partitions up, and throws what the run failed of. */
  async #giveUp(consumer: Consumer): Promise<void> {
    this.#isStopping = true;
    if (this.#failure?.code === 'TRANSPORT_FENCED')
      for (const partition of this.#partitions.values()) partition.abandon(this.#failure);
    try {
      await consumer.close();
    } catch (error) {
      this.#fail(asVimiError(error));
    }
    if (this.#failure) throw this.#failure;
  }

  #fail(error: VimiError): void {
    this.#failure ??= error;
    this.#over.abort();
  }

  /** Until everything is settled, sealed and committed. False: it ended otherwise. */
  async #drained(): Promise<boolean> {
    try {
      for (;;) {
        const changed = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        if (this.#over.signal.aborted) return false;
        const ends = await this.#pause.through('read', () => this.#ends(), this.#over.signal);
        // No await from here on: what is at its end must not be given anything before it stops taking.
        if (this.#isAtEnd(ends)) break;
        await within(lookMs, changed);
      }
      for (const partition of this.#partitions.values()) partition.stopTaking();
      for (const partition of this.#partitions.values()) {
        await partition.idle();
        await partition.seal();
      }
      return !this.#over.signal.aborted;
    } catch (error) {
      this.#fail(asVimiError(error));
      return false;
    }
  }

  async #ends(): Promise<Map<number, number>> {
    const ends = await this.#options.transport.ends(this.#spec.from);
    // What was given out, as `reached` shows at once, is admitted a moment later.
    await setImmediate();
    return new Map(ends.map(({ partition, high }) => [partition, high]));
  }

  #isAtEnd(ends: Map<number, number>): boolean {
    // None yet: the transport has not shared them out.
    if (this.#partitions.size === 0) return false;
    return [...this.#partitions].every(([partition, one]) => one.isDone(ends.get(partition) ?? 0));
  }

  #state(): PipelineState {
    const partitions = [...this.#partitions.values()];
    const { inStep, waiting } = this.#watch;
    const asksForJobs = this.#spec.schemas.some((schema) => catalogue[schema].asks === 'job');
    return {
      partitions: partitions.length,
      open: partitions.reduce((sum, { open }) => sum + open, 0),
      waiting: partitions.reduce((sum, { waiting }) => sum + waiting, 0),
      maxInFlight: this.#parts.maxInFlight * partitions.length,
      troubles: this.#pause.troubles,
      oldest: this.#watch.oldest,
      inStep: new Map([...this.#spec.steps.map(({ name }) => name), 'to'].map((name) => [name, inStep.get(name) ?? 0])),
      waitingInStep: waiting,
      ...(asksForJobs && { jobs: () => this.#inFlight.jobs(this.#parts.clock.elapsed()) }),
      behind: () => this.#behind(),
    };
  }

  async #behind(): Promise<Map<number, Behind>> {
    const ends = await this.#options.transport.ends(this.#spec.from);
    return new Map(
      ends.flatMap(({ partition, high }) => {
        const one = this.#partitions.get(partition);
        if (!one) return [];
        const lag = Math.max(0, high - one.committedOffset);
        return [[partition, { lag, waiting: one.open + Math.max(0, high - one.reached) }] as const];
      }),
    );
  }
}

async function drained(from: true | Promise<void>, end: () => Promise<boolean>): Promise<boolean> {
  await from;
  return end();
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
}
