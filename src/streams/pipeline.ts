import { setImmediate } from 'node:timers/promises';
import { asVimiError, VimiError } from '../errors.js';
import { jobId } from '../events/ids.js';
import { placeOf } from '../events/replay.js';
import type { Log, OperatorInstance, Resources } from '../operators/operator.js';
import { Cancels } from './cancels.js';
import { type Chain, startChain } from './chain.js';
import { type Finished, finishedOf } from './finished.js';
import { InFlight } from './in-flight.js';
import { lostPosition } from './lost-position.js';
import { createMetrics, type Metrics, type PipelineState } from './metrics.js';
import { heldToSpec } from './own-step.js';
import { type PartitionHost, PartitionRun, type Sealer, Untold } from './partition-run.js';
import { Pause } from './pause.js';
import type { PipelineSpec, StepSpec } from './pipeline-spec.js';
import { addCounts, emptyCounts, type FateCounts, marksBudget } from './position.js';
import { rejectRecord } from './rejects.js';
import type { Settlement } from './settlement.js';
import { createSinks } from './sinks.js';
import { StepWatch } from './step-watch.js';
import type { NewRecord, Transport } from './transport.js';
import { within } from './within.js';

export interface RunOptions {
  transport: Transport;
  resources: Resources;
  /** Aborted: admit nothing more, finish what is in flight within `drainMs`, give up the rest, and return. */
  signal: AbortSignal;
  /** End by itself when everything up to the end of the input topic is settled and committed. Default false. */
  drain?: boolean;
  log: Log;
  metrics?: Metrics;
  /** Rejected events are logged at `info` instead of `warn`: the caller tells of them. */
  rejectsAreTold?: boolean;
  /** Called for each event whose fate is committed. */
  onFinished?: (event: Finished) => void;
  /** Instead of the spec's window. */
  window?: number;
  /** Also for what is in flight of a partition that goes to another process. Default 10,000. */
  drainMs?: number;
}

export interface PipelineReport {
  pipeline: string;
  /** Fates that this run committed. */
  run: FateCounts;
  /** The same of what the events were split into, such as clips; those that were not split count as one. */
  parts: FateCounts;
  /** Records that were gone before this run could read them, by reason: retention. */
  lost: Record<string, number>;
  /** All that were ever committed in the partitions that this run had. */
  total: FateCounts;
  /** Why it ended. */
  end: 'drained' | 'stopped';
}

/** What is in flight has so long unless it is said otherwise. */
export const drainMs = 10_000;
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
  const {
    transport,
    resources,
    signal,
    drain = false,
    log,
    metrics = createMetrics(),
    rejectsAreTold,
    onFinished,
  } = options;
  const patience = options.drainMs ?? drainMs;
  const { name, from, group } = spec;
  const window = options.window ?? spec.window;
  const { clock } = resources;
  const label = { pipeline: name };

  const eventSeconds = metrics.eventSeconds.labels(label);
  const run = emptyCounts();
  const runParts = emptyCounts();
  const lost: Record<string, number> = {};
  const partitions = new Map<number, PartitionRun>();
  const inFlight = new InFlight();
  const steps: { name: string; instance: OperatorInstance }[] = [];
  let wake: (() => void) | undefined;
  let failure: VimiError | undefined;
  let stopping = false;
  const over = new AbortController();

  const fail = (error: VimiError) => {
    failure ??= error;
    over.abort();
  };

  const watch = new StepWatch({
    elapsed: clock.elapsed,
    limitMs: spec.stepLimitMs,
    onStandstill: (step, where, seconds) =>
      log.warn({ ...label, step, where, seconds }, 'Standing still: nothing leaves this step, and this event is in it'),
  });
  const pause = new Pause({
    clock,
    onTrouble: ({ code, step, message, remedy }) =>
      log.warn(
        { ...label, code, step, error: message, remedy },
        'Paused: nothing is read, rejected or lost until this is over; it is tried again all the while',
      ),
    onOver: (seconds) => log.warn({ ...label, seconds: Math.round(seconds) }, 'Going on: the trouble is over'),
  });

  let sealers: Sealer[];
  try {
    for (const step of spec.steps) steps.push({ name: step.name, instance: instanceOf(step, resources) });
    sealers = sealersOf(steps);
  } catch (error) {
    await closeAll();
    throw error;
  }
  const sinks = createSinks(spec.to, { pipeline: name, objects: () => resources.objects, clock });
  const chain: Chain = startChain(
    steps.map(({ instance }) => instance),
    sinks,
    clock,
    (error) => fail(asVimiError(error)),
  );

  const cancels = spec.schemas.includes('generation.cancelled')
    ? new Cancels({
        ...{ pipeline: name, topic: from, group, schemas: spec.schemas, transport, inFlight, log },
        jobs: resources.jobs,
      })
    : null;

  const host: PartitionHost = {
    schemas: spec.schemas,
    window,
    chain,
    inFlight,
    cancels,
    jobOf: (event) => (event.schema === 'generation.requested' ? jobId(name, event) : undefined),
    sealers,
    clock,
    log,
    pause,
    watch,
    recordsOf(settled) {
      const records: NewRecord[] = [...settled.outputs];
      const { origin, event } = settled;
      if (event) for (const step of steps) records.push(...toldBy(step, { ...settled, event }));
      for (const { part, fate } of settled.parts) {
        if (fate.kind !== 'rejected') continue;
        const { code, message } = fate.error;
        metrics.rejected.inc({ ...label, code, step: fate.step });
        const where = `${origin.topic}/${origin.partition}/${origin.offset}`;
        log[rejectsAreTold ? 'info' : 'warn'](
          { ...label, where, part, step: fate.step, code, error: message },
          'Rejected',
        );
        if (spec.rejects)
          records.push(
            rejectRecord({ origin, event, part, fate }, { pipeline: name, topic: spec.rejects, now: clock.now() }),
          );
      }
      return records;
    },
    async publishSealed({ products }) {
      const records: NewRecord[] = [];
      for (const product of products) records.push(...(await sinks(product)));
      return records;
    },
    onSettled: (seconds) => eventSeconds.observe(seconds),
    onCommitted(counts, parts, settled) {
      for (const one of settled) {
        const finished = finishedOf(one);
        log.info({ ...label, ...finished }, 'Finished');
        onFinished?.(finished);
      }
      addCounts(run, counts);
      addCounts(runParts, parts);
      metrics.countFates(name, counts, parts);
      metrics.commits.inc({ ...label, outcome: 'done' });
    },
    onLost({ records, ...place }) {
      lost.retention = (lost.retention ?? 0) + records;
      metrics.lost.inc({ ...label, reason: 'retention' }, records);
      log.warn({ ...label, ...place, records }, 'Lost: these records were removed by retention before they were read');
    },
    async startOf(assigned) {
      const { topic, partition, position } = assigned;
      const found = await lostPosition(assigned, spec, { transport, clock });
      if (!found) return undefined;
      const { reason, start } = found;
      metrics.lostPositions.inc({ ...label, reason });
      log.warn(
        { ...label, topic, partition, reason, was: position?.offset ?? null, start },
        `The position of the group is lost: beginning at ${start}, as on_lost_position says`,
      );
      return start;
    },
    async takeOver(takeover) {
      for (const { instance } of steps) await instance.onTakeover?.(takeover);
    },
    async beforeCommit(settled) {
      for (const { instance } of steps) await instance.beforeCommit?.(settled);
    },
    onRetry(error) {
      metrics.commits.inc({ ...label, outcome: 'retried' });
      // Of the surroundings the pause tells.
      if (error.fault === 'surroundings') return;
      log.warn({ ...label, code: error.code, error: error.message, remedy: error.remedy }, 'Trying again');
    },
    onFenced: () => metrics.commits.inc({ ...label, outcome: 'fenced' }),
    onMetadataFull: () => metrics.metadataFull.inc(label),
    onForeignMetadata: () => metrics.foreignMetadata.inc(label),
    onIdle: () => wake?.(),
    fail,
  };

  const stateNow = (): PipelineState => ({
    partitions: partitions.size,
    open: sum([...partitions.values()].map(({ open }) => open)),
    waiting: sum([...partitions.values()].map(({ waiting }) => waiting)),
    window: window * partitions.size,
    troubles: pause.troubles,
    oldest: watch.oldest,
    async lag() {
      const ends = await transport.ends(from);
      return new Map(
        ends.flatMap(({ partition, high }) => {
          const watermark = partitions.get(partition)?.watermark;
          return watermark === undefined ? [] : [[partition, Math.max(0, high - watermark)] as const];
        }),
      );
    },
  });

  let stopWatching = () => {};
  const totals = new Map<number, FateCounts>();
  try {
    await cancels?.start();
    const consumer = await transport.consume({
      group,
      topics: [from],
      drainMs: patience + commitGraceMs,
      onAssigned(assigned) {
        const { partition, position } = assigned;
        log.debug({ ...label, topic: from, partition, offset: position?.offset ?? null }, 'Assigned');
        partitions.set(assigned.partition, new PartitionRun(assigned, host));
      },
      async onRevoked({ partition }) {
        const given = partitions.get(partition);
        if (!given) return;
        await given.stop(failure ? 0 : patience, stopping);
        partitions.delete(partition);
        totals.set(partition, given.counts);
      },
      onLost({ partition }, from, to) {
        partitions.get(partition)?.lost(from, to);
      },
      onError(thrown) {
        fail(asVimiError(thrown));
      },
    });
    log.info({ ...label, topic: from, group, partitions: partitions.size, window }, 'Consuming');
    stopWatching = metrics.watch(name, stateNow);
    const onAbort = () => over.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const ended = new Promise<void>((resolve) => {
      over.signal.addEventListener('abort', () => resolve(), { once: true });
      if (over.signal.aborted) resolve();
    });
    const drained = drain
      ? await Promise.race([untilDrained().catch(failed), ended.then(() => false)])
      : await ended.then(() => false);
    signal.removeEventListener('abort', onAbort);
    stopping = true;
    if (failure?.code === 'TRANSPORT_FENCED') for (const partition of partitions.values()) partition.abandon(failure);
    try {
      await consumer.close();
    } catch (error) {
      fail(asVimiError(error));
    }
    if (failure) throw failure;
    const total = emptyCounts();
    for (const counts of totals.values()) addCounts(total, counts);
    return { pipeline: name, run, parts: runParts, lost, total, end: drained ? 'drained' : 'stopped' };
  } finally {
    stopWatching();
    for (const partition of partitions.values()) partition.abandon(failure ?? stopped());
    await within(abandonMs, chain.complete());
    await cancels?.close();
    await closeAll();
  }

  /** What a step says of a fate. When it cannot, the event is rejected; of a rejected one it is logged and left unsaid. */
  function toldBy({ name: step, instance }: (typeof steps)[number], settlement: Settlement): NewRecord[] {
    try {
      return instance.onFate?.(settlement) ?? [];
    } catch (thrown) {
      const error = asVimiError(thrown);
      if (settlement.fate.kind !== 'rejected') throw new Untold(step, error);
      const where = placeOf(settlement.origin);
      log.error({ ...label, where, step, code: error.code, error: error.message }, 'A step cannot tell of a reject');
      return [];
    }
  }

  /** Until everything is settled, sealed and committed. False: it ended otherwise. */
  async function untilDrained(): Promise<boolean> {
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (over.signal.aborted) return false;
      const ends = await pause.through('read', endsNow, over.signal);
      // No await from here on: what is at its end must not be given anything before it stops taking.
      if (isAtEnd(ends)) break;
      await within(lookMs, changed);
    }
    for (const partition of partitions.values()) partition.stopTaking();
    for (const partition of partitions.values()) {
      await partition.idle();
      await partition.finish();
    }
    return !over.signal.aborted;
  }

  function failed(error: unknown): false {
    fail(asVimiError(error));
    return false;
  }

  async function endsNow(): Promise<Map<number, number>> {
    const ends = await transport.ends(from);
    // What was given out, as `reached` shows at once, is admitted a moment later.
    await setImmediate();
    return new Map(ends.map(({ partition, high }) => [partition, high]));
  }

  function isAtEnd(ends: Map<number, number>): boolean {
    // None yet: the transport has not shared them out.
    return partitions.size > 0 && [...partitions].every(([partition, one]) => one.isDone(ends.get(partition) ?? 0));
  }

  async function closeAll(): Promise<void> {
    for (const { name: step, instance } of steps)
      await instance.close?.().catch((error: unknown) => log.warn({ step, error: String(error) }, 'Closing failed'));
  }
}

function instanceOf({ name, operator, config }: StepSpec, resources: Resources): OperatorInstance {
  const instance = operator.create(config, resources);
  return operator.module === undefined ? instance : heldToSpec(operator, name, instance);
}

function sealersOf(steps: readonly { name: string; instance: OperatorInstance }[]): Sealer[] {
  const sealers = steps.flatMap(({ name, instance }) =>
    instance.onWatermark ? [{ name, onWatermark: instance.onWatermark.bind(instance) }] : [],
  );
  const bytes = sum(sealers.map(({ name }) => Buffer.byteLength(JSON.stringify(name)) + 18));
  if (bytes > marksBudget || new Set(sealers.map(({ name }) => name)).size < sealers.length)
    throw new VimiError('TOPOLOGY_INVALID', 'The marks of these steps do not fit into a commit', {
      expected: `different names, ${marksBudget} bytes with their numbers`,
      found: sealers.map(({ name }) => name).join(', '),
    });
  return sealers;
}

function stopped(): VimiError {
  return new VimiError('TIMED_OUT', 'The pipeline stopped');
}

function sum(numbers: number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}
