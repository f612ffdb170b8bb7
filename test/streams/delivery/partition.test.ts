import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/core/clock.js';
import { VimiError } from '../../../src/core/errors.js';
import type { Envelope } from '../../../src/flow/envelope.js';
import type { Flow } from '../../../src/flow/flow.js';
import { mapEach } from '../../../src/flow/map-each.js';
import type { OffsetMove, OperatorInstance } from '../../../src/flow/operator.js';
import { Pause } from '../../../src/flow/pause.js';
import type { Settlement } from '../../../src/flow/settlement.js';
import { StepWatch } from '../../../src/flow/step-watch.js';
import { startChain } from '../../../src/streams/delivery/chain.js';
import { InFlight } from '../../../src/streams/delivery/in-flight.js';
import { createMetrics } from '../../../src/streams/delivery/metrics.js';
import { Outcomes } from '../../../src/streams/delivery/outcomes.js';
import { Partition, type PartitionParts } from '../../../src/streams/delivery/partition.js';
import { decodePosition } from '../../../src/streams/delivery/position.js';
import { RunReport } from '../../../src/streams/delivery/run-report.js';
import { RunningSteps } from '../../../src/streams/delivery/running-steps.js';
import { createSinks } from '../../../src/streams/delivery/sinks.js';
import { openEmbedded } from '../../../src/streams/transports/embedded/open-embedded.js';
import type { AssignedPartition, Consumer } from '../../../src/streams/transports/transport.js';
import { patient } from '../../support/patience.js';
import {
  delivered,
  media,
  prepareTopics,
  productOf,
  quietLog,
  resourcesWith,
  spec,
  temporaryFolder,
  testOperator,
} from './pipeline-fixtures.js';

/*
 * One partition by itself, over a real log and real steps: what it may do in each of its states. The transport only hands it
 * out; when it ends is up to the test.
 */

let folder: ReturnType<typeof temporaryFolder>;
let transport: ReturnType<typeof openEmbedded>;
let consumer: Consumer | undefined;
beforeEach(async () => {
  folder = temporaryFolder();
  transport = openEmbedded({ path: join(folder.path, 'log.sqlite') });
  await prepareTopics(transport, 1);
});
afterEach(async () => {
  await consumer?.close();
  await transport.close();
  folder.remove();
});

const gone = new VimiError('TRANSPORT_FENCED', 'Another process has the group');

/** A step whose work waits, by the uri of its event, until the test lets it go on or it is aborted. */
function gate() {
  const waiting = new Map<string, () => void>();
  const aborted: string[] = [];
  const work = mapEach<'media'>(
    async ({ media: { uri } }, { signal }: Envelope<Flow>) => {
      await Promise.race([new Promise<void>((resolve) => waiting.set(uri, resolve)), once(signal, 'abort')]);
      if (signal.aborted) aborted.push(uri);
      return productOf(uri);
    },
    { step: 'work', concurrency: 100, clock: systemClock },
  );
  const begun = (...uris: string[]) => vi.waitFor(() => expect([...waiting.keys()].sort()).toEqual(uris), patient);
  const release = (...uris: string[]) => {
    for (const uri of uris) {
      waiting.get(uri)?.();
      waiting.delete(uri);
    }
  };
  return { instance: { step: work } as OperatorInstance, begun, release, aborted };
}

/** A partition of the topic `in`, with one step. */
async function open(instance: OperatorInstance, { maxInFlight = 64 } = {}) {
  const pipeline = spec([testOperator('work', () => instance)], { rejects: 'rejects' });
  const signal = new AbortController().signal;
  const [clock, log] = [systemClock, quietLog];
  const pause = new Pause({ clock });
  const failures: VimiError[] = [];
  const fail = (error: VimiError) => void failures.push(error);
  const steps = await RunningSteps.open(pipeline, { resources: resourcesWith({}), pause, log, signal });
  const report = new RunReport(pipeline, { metrics: createMetrics(), log });
  const sinks = createSinks(pipeline.to, { pipeline: 'test', objects: () => resourcesWith({}).objects, clock });
  const parts: PartitionParts = {
    ...{ schemas: pipeline.schemas, maxInFlight, steps, sinks, report, clock, log, pause, fail, cancels: null },
    chain: startChain(steps.chain(undefined), sinks, clock, () => expect.fail('the step broke the stream')),
    inFlight: new InFlight(),
    outcomes: new Outcomes(pipeline, { steps, report, clock, log }),
    watch: new StepWatch({ elapsed: clock.elapsed }),
    jobOf: () => undefined,
    lostPosition: async () => null,
    onIdle: () => {},
  };
  let partition: Partition | undefined;
  let assigned: AssignedPartition | undefined;
  consumer = await transport.consume({
    group: 'test',
    topics: ['in'],
    drainMs: 1000,
    onAssigned(one) {
      assigned = one;
      partition = new Partition(one, parts);
    },
    onRevoked: async () => partition?.abandon(gone),
    onError: (error) => expect.fail(String(error)),
  });
  return { partition: partition!, assigned: assigned!, report, failures };
}

const committed = async () => decodePosition((await transport.positions('test', 'in')).get(0) ?? null);
const becomes = (partition: Partition, state: Partition['state']) =>
  vi.waitFor(() => expect(partition.state).toBe(state), patient);

describe('a partition', () => {
  it('takes nothing before its steps have heard of it', async () => {
    await transport.publish([media('a')]);
    const { instance, begun, release } = gate();
    let heard = () => {};
    const hearing = new Promise<void>((resolve) => {
      heard = resolve;
    });
    const asked: boolean[] = [];
    const { partition } = await open({
      ...instance,
      async onTakeover({ isSettled }) {
        asked.push(isSettled(0));
        await hearing;
      },
    });
    await vi.waitFor(() => expect(asked).toEqual([false]), patient);
    expect([partition.state, partition.open]).toEqual(['taking over', 0]);
    heard();
    await becomes(partition, 'taking');
    await begun('a');
    expect(partition.isDone(1)).toBe(false);
    release('a');
    await vi.waitFor(() => expect(partition.isDone(1)).toBe(true), patient);
    expect(await delivered(transport)).toEqual(['a']);
  });

  it('has no more in flight than it may', async () => {
    await transport.publish(['a', 'b', 'c', 'd'].map((uri) => media(uri)));
    const { instance, begun, release } = gate();
    const { partition } = await open(instance, { maxInFlight: 2 });
    await begun('a', 'b');
    expect(partition.open).toBe(2);
    release('b');
    await begun('a', 'c');
    expect(partition.open).toBe(2);
    // What is done does not wait for its slow neighbour.
    await vi.waitFor(async () => expect(await committed()).toMatchObject({ beyond: [{ from: 1, to: 2 }] }), patient);
    expect(partition.committedOffset).toBe(0);
  });

  it('is drained before it is given up: what is in flight is committed, what comes is left', async () => {
    await transport.publish([media('a')]);
    const { instance, begun, release } = gate();
    const { partition } = await open(instance);
    await begun('a');
    const over = partition.giveUp(patient.timeout, true);
    expect(partition.state).toBe('draining');
    await transport.publish([media('b')]);
    release('a');
    await over;
    expect(partition.state).toBe('given up');
    expect(await delivered(transport)).toEqual(['a']);
    expect((await committed()).committedOffset).toBe(1);
    expect(partition.counts.delivered).toBe(1);
  });

  it('aborts what does not finish in time, and commits nothing of it', async () => {
    await transport.publish([media('a'), media('b')]);
    const { instance, begun, release, aborted } = gate();
    const { partition } = await open(instance);
    await begun('a', 'b');
    release('a');
    await partition.giveUp(0, true);
    expect(partition.state).toBe('given up');
    await vi.waitFor(() => expect(aborted).toEqual(['b']), patient);
    release('b');
    await partition.idle();
    // At most what was settled in time.
    expect((await committed()).committedOffset).toBeLessThanOrEqual(1);
    expect(await delivered(transport)).not.toContain('b');
  });

  it('that is fenced commits nothing more, whatever its steps finish', async () => {
    await transport.publish([media('a')]);
    const { instance, begun, aborted } = gate();
    const asked: string[] = [];
    const onOutcome = ({ event }: Settlement) => {
      asked.push(event.id);
      return [];
    };
    const { partition, failures } = await open({ ...instance, onOutcome });
    await begun('a');
    partition.abandon(gone);
    expect(partition.state).toBe('fenced');
    await vi.waitFor(() => expect(aborted).toEqual(['a']), patient);
    await partition.idle();
    expect(await delivered(transport)).toEqual([]);
    expect(await transport.positions('test', 'in')).toEqual(new Map());
    expect([failures, asked]).toEqual([[], []]);
  });

  it('finds by its own commit that it is fenced', async () => {
    await transport.publish([media('a')]);
    const { instance, begun, release } = gate();
    const { partition, assigned, failures } = await open(instance);
    await begun('a');
    assigned.commit = () => Promise.reject(gone);
    release('a');
    await becomes(partition, 'fenced');
    // It is the transport that ends the run for it.
    expect(failures).toEqual([]);
    expect(partition.counts.delivered).toBe(0);
  });

  it('seals what its steps hold once it is drained, and not before', async () => {
    const moves: Pick<OffsetMove, 'from' | 'to' | 'final'>[] = [];
    await transport.publish([media('a')]);
    const { instance, begun, release } = gate();
    const { partition } = await open({
      ...instance,
      async onOffsetMove({ from, to, final, state }) {
        moves.push({ from, to, final });
        const products = final ? [productOf('sealed').product!] : [];
        return { products, state: state + 1 };
      },
    });
    await begun('a');
    await partition.seal();
    expect([partition.state, moves]).toEqual(['taking', []]);
    release('a');
    await vi.waitFor(() => expect(partition.isDone(1)).toBe(true), patient);
    partition.stopTaking();
    await partition.idle();
    await partition.seal();
    expect(partition.state).toBe('sealing');
    expect(moves).toEqual([
      { from: 0, to: 1, final: false },
      { from: 1, to: 1, final: true },
    ]);
    expect(await delivered(transport)).toEqual(['a', 'sealed']);
    expect((await committed()).states).toEqual({ work: 2 });
    await partition.giveUp(0, true);
    expect(partition.state).toBe('given up');
  });
});
