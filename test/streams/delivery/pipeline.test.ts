import { join } from 'node:path';
import { mergeMap } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/core/clock.js';
import { VimiError } from '../../../src/core/errors.js';
import { decodeEvent } from '../../../src/events/cloudevents.js';
import type { EventRejected } from '../../../src/events/schemas.js';
import { drop, mapEach } from '../../../src/flow/map-each.js';
import type { OffsetMove, Operator, Resources } from '../../../src/flow/operator.js';
import type { ObjectStore } from '../../../src/stores/objects/object-store.js';
import { groupSize } from '../../../src/streams/delivery/credit.js';
import { createMetrics } from '../../../src/streams/delivery/metrics.js';
import { type RunOptions, runPipeline } from '../../../src/streams/delivery/pipeline.js';
import type { PipelineSpec } from '../../../src/streams/delivery/pipeline-spec.js';
import { decodePosition } from '../../../src/streams/delivery/position.js';
import { type EmbeddedTransport, openEmbedded } from '../../../src/streams/transports/embedded/open-embedded.js';
import type { AssignedPartition, Transport } from '../../../src/streams/transports/transport.js';
import { patient } from '../../support/patience.js';
import {
  delivered,
  eachMedia,
  media,
  prepareTopics,
  productOf,
  quietLog,
  readAll,
  resourcesWith,
  spec,
  temporaryFolder,
  testOperator,
  unlocked,
} from './pipeline-fixtures.js';

let folder: ReturnType<typeof temporaryFolder>;
let path: string;
const opened: EmbeddedTransport[] = [];
let transport: EmbeddedTransport;
const open = () => {
  const client = openEmbedded({ path });
  opened.push(client);
  return client;
};
beforeEach(async () => {
  folder = temporaryFolder();
  path = join(folder.path, 'log.sqlite');
  transport = open();
  await prepareTopics(transport);
});
afterEach(async () => {
  for (const client of opened.splice(0)) await client.close();
  folder.remove();
});

const never = new AbortController().signal;
const names = (count: number) => Array.from({ length: count }, (_, n) => `m${String(n).padStart(6, '0')}`);
const patience = { ...patient, interval: 2 };

interface RunChanges extends Partial<RunOptions> {
  spec?: Partial<PipelineSpec>;
  with?: Partial<Resources>;
}
const run = (operators: Operator[], { spec: changes = {}, with: given = {}, ...options }: RunChanges = {}) =>
  runPipeline(spec(operators, changes), {
    transport,
    resources: resourcesWith(given),
    signal: never,
    log: quietLog,
    ...options,
  });
const drain = (operators: Operator[], changes: RunChanges = {}) => run(operators, { drain: true, ...changes });

const echo = eachMedia(({ uri }) => productOf(uri));

/** Work that waits until the test lets it go on. */
function gate() {
  const waiting = new Map<string, () => void>();
  return {
    waiting,
    work: (stuck: (uri: string) => boolean = () => true) =>
      eachMedia(async ({ uri }, { signal }) => {
        if (stuck(uri))
          await new Promise<void>((resolve) => {
            waiting.set(uri, resolve);
            signal.addEventListener('abort', () => resolve());
          });
        return productOf(uri);
      }),
    release(uri: string) {
      waiting.get(uri)?.();
      waiting.delete(uri);
    },
  };
}

async function rejects(): Promise<EventRejected[]> {
  return (await readAll(transport, 'rejects')).map(
    (record) => decodeEvent(record, ['event.rejected']).data as EventRejected,
  );
}

describe('a pipeline', () => {
  it('gives every event its output, and ends when the topic does', async () => {
    await transport.publish(names(1000).map((name) => media(name)));
    const report = await drain([echo]);
    expect(report).toMatchObject({ pipeline: 'test', end: 'drained', run: { delivered: 1000, rejected: 0 } });
    expect(await delivered(transport)).toEqual(names(1000));
  });

  it('goes on with what comes later, and counts over all its runs', async () => {
    await transport.publish(names(10).map((name) => media(name)));
    await drain([echo]);
    await transport.publish([media('later')]);
    const report = await drain([echo]);
    expect(report.run.delivered).toBe(1);
    expect(report.total.delivered).toBe(11);
    expect(await delivered(transport)).toEqual(['later', ...names(10)]);
  });

  it('ends at once when there is nothing', async () => {
    expect(await drain([echo])).toMatchObject({ end: 'drained', run: { delivered: 0 } });
  });

  it('publishes what is done without waiting for a slow neighbour, and remembers it', async () => {
    await transport.publish(names(50).map((name) => media(name, 'one key')));
    const { work, waiting } = gate();
    const stop = new AbortController();
    const running = run([work((uri) => uri === 'm000003')], { signal: stop.signal, drainMs: 50 });
    await vi.waitFor(async () => expect((await delivered(transport)).length).toBe(49), patience);
    expect(waiting.has('m000003')).toBe(true);
    stop.abort();
    expect(await running).toMatchObject({ end: 'stopped', run: { delivered: 49 } });
    const [position] = [...(await transport.positions('test', 'in')).values()];
    expect(decodePosition(position!)).toMatchObject({ committedOffset: 3, beyond: [{ from: 4, to: 50 }] });
    const again: string[] = [];
    const report = await drain([
      eachMedia(({ uri }) => {
        again.push(uri);
        return productOf(uri);
      }),
    ]);
    expect(again).toEqual(['m000003']);
    expect(report.total.delivered).toBe(50);
    expect(await delivered(transport)).toEqual(names(50));
  });

  it('gives each part of a split event its output, in one commit and in order', async () => {
    await transport.publish(names(5).map((name) => media(name)));
    const splitting = eachMedia(({ uri }) => [0, 1, 2].map((n) => ({ media: { uri: `${uri}.${n}` } })));
    const late = eachMedia(async ({ uri }) => {
      if (uri.endsWith('.0')) await new Promise((resolve) => setImmediate(resolve));
      return productOf(uri);
    });
    const report = await drain([splitting, late]);
    expect(report.run.delivered).toBe(5);
    expect(await delivered(transport)).toEqual(names(5).flatMap((name) => [0, 1, 2].map((n) => `${name}.${n}`)));
    const inOrder = (await readAll(transport, 'out')).map(({ value }) => JSON.parse(String(value)).job as string);
    for (const name of names(5))
      expect(inOrder.filter((job) => job.startsWith(name))).toEqual([`${name}.0`, `${name}.1`, `${name}.2`]);
  });

  it('counts drops by reason', async () => {
    await transport.publish(names(6).map((name) => media(name)));
    const dropping = testOperator('dropping', () => ({
      step: mapEach<'media'>(({ media: { uri } }) => drop(uri < 'm000002' ? 'duplicate' : 'too-still'), {
        step: 'dropping',
        concurrency: 1,
        clock: systemClock,
      }),
    }));
    expect((await drain([dropping])).total).toEqual({
      delivered: 0,
      rejected: 0,
      dropped: { duplicate: 2, 'too-still': 4 },
    });
  });

  it('carries trace and key from input to output', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const headers = { traceparent: Buffer.from(traceparent) };
    await transport.publish([{ ...media('traced', 'the key'), headers }]);
    await drain([echo]);
    const [record] = await readAll(transport, 'out');
    expect(String(record!.key)).toBe('the key');
    expect(decodeEvent(record!, ['job.changed'])).toMatchObject({
      traceparent,
      id: 'traced',
      source: '/pipelines/test',
    });
  });

  it('takes in a position of a foreign client as a plain offset', async () => {
    await transport.publish(names(5).map((name) => ({ ...media(name), partition: 0 })));
    const consumer = await transport.consume({
      group: 'test',
      topics: ['in'],
      drainMs: 1000,
      onAssigned: (one) => one.partition === 0 && void one.commit([], { offset: 2, metadata: 'made by hand' }),
      onRevoked: async () => undefined,
      onError: () => undefined,
    });
    await consumer.close();
    const metrics = createMetrics();
    expect((await drain([echo], { metrics })).total.delivered).toBe(3);
    expect(await metrics.registry.metrics()).toContain('vimi_foreign_metadata_total{pipeline="test"} 1');
  });
});

describe('what cannot be done', () => {
  it('goes to rejects with the original bytes and headers, and the rest goes on', async () => {
    const poison = Buffer.from([0xff, 0xfe, 0, 1, 2]);
    const headers = { 'x-any': poison, traceparent: Buffer.from('what?') };
    await transport.publish([
      media('a'),
      { topic: 'in', key: poison, value: poison, headers },
      { topic: 'in', key: null, value: null, headers: {} },
      { topic: 'in', key: null, value: Buffer.from('{"uri": 7}'), headers: {} },
      media('b'),
    ]);
    const report = await drain([echo]);
    expect(report.run).toEqual({ delivered: 2, rejected: 3, dropped: {} });
    expect(await delivered(transport)).toEqual(['a', 'b']);
    const all = await rejects();
    expect(all.map(({ error }) => error.code).sort()).toEqual(['EVENT_INVALID', 'EVENT_MALFORMED', 'EVENT_MALFORMED']);
    expect(new Set(all.map(({ step }) => step))).toEqual(new Set(['decode']));
    const kept = all.find(({ origin }) => origin.key !== null)!;
    expect(kept).toMatchObject({ pipeline: 'test', part: '', attempts: 1 });
    expect(kept.origin).toMatchObject({
      topic: 'in',
      key: poison.toString('base64'),
      value: poison.toString('base64'),
      headers: { 'x-any': poison.toString('base64'), traceparent: Buffer.from('what?').toString('base64') },
    });
    expect(all.find(({ origin }) => origin.value === null)?.error.code).toBe('EVENT_MALFORMED');
  });

  it('may have been written at any time: what is good goes through, and what is not is rejected', async () => {
    const never = [-Number.MAX_SAFE_INTEGER, -1, Number.MAX_SAFE_INTEGER];
    const bad = { topic: 'in', key: null, value: null, headers: {} };
    await transport.publish(never.flatMap((timestamp) => [media('a'), bad].map((one) => ({ ...one, timestamp }))));
    expect((await drain([echo])).run).toEqual({ delivered: 3, rejected: 3, dropped: {} });
    const times = (await rejects()).map(({ origin }) => origin.timestamp).sort();
    expect(times).toEqual(['0000-01-01T00:00:00.000Z', '1969-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z']);
  });

  it('keeps the bytes of the largest event that can be published', async () => {
    const value = Buffer.alloc(31 * 1024 * 1024, 'large');
    await transport.publish([{ ...media('a'), value }, media('b')]);
    const report = await drain([echo]);
    expect(report.run).toEqual({ delivered: 1, rejected: 1, dropped: {} });
    const [kept] = await rejects();
    expect(kept!.error.code).toBe('EVENT_TOO_LARGE');
    expect(Buffer.from(kept!.origin.value!, 'base64').equals(value)).toBe(true);
  });

  it('is tried again while that may help', async () => {
    await transport.publish(names(4).map((name) => media(name)));
    const tries = new Map<string, number>();
    const report = await drain([
      eachMedia(({ uri }) => {
        const n = (tries.get(uri) ?? 0) + 1;
        tries.set(uri, n);
        if (uri === 'm000000' && n < 3) throw new VimiError('MODEL_CRASHED', 'once more');
        if (uri === 'm000001') throw new VimiError('MODEL_CRASHED', 'always');
        if (uri === 'm000002') throw new VimiError('MEDIA_DAMAGED', 'torn');
        return productOf(uri);
      }),
    ]);
    expect(report.run).toEqual({ delivered: 2, rejected: 2, dropped: {} });
    expect([...tries].sort()).toEqual([
      ['m000000', 3],
      ['m000001', 3],
      ['m000002', 1],
      ['m000003', 1],
    ]);
    const all = await rejects();
    expect(all.map(({ error: { code }, step, attempts }) => ({ code, step, attempts }))).toEqual(
      expect.arrayContaining([
        { code: 'MODEL_CRASHED', step: 'work', attempts: 3 },
        { code: 'MEDIA_DAMAGED', step: 'work', attempts: 1 },
      ]),
    );
  });

  it('rejects a part alone: its siblings are delivered', async () => {
    await transport.publish([media('v')]);
    const split = eachMedia(({ uri }) => [0, 1, 2].map((n) => ({ media: { uri: `${uri}.${n}` } })));
    const picky = eachMedia(({ uri }) => {
      if (uri === 'v.1') throw new VimiError('MEDIA_DAMAGED', 'torn');
      return productOf(uri);
    });
    expect((await drain([split, picky])).run).toEqual({ delivered: 1, rejected: 0, dropped: {} });
    expect(await delivered(transport)).toEqual(['v.0', 'v.2']);
    expect((await rejects()).map(({ part }) => part)).toEqual(['1']);
  });

  it('leaves no output behind', async () => {
    await transport.publish([media('a'), media('b')]);
    const early = eachMedia((_media, envelope) => {
      envelope.output({ ...media('early'), topic: 'out', value: Buffer.from('{"job":"early"}') });
      return {};
    });
    const picky = eachMedia(({ uri }) => {
      if (uri === 'a') throw new VimiError('MEDIA_DAMAGED', 'torn');
      return productOf(uri);
    });
    await drain([early, picky]);
    expect(await delivered(transport)).toEqual(['b', 'early']);
  });

  it('ends the run when a step breaks the stream itself, and loses nothing', async () => {
    await transport.publish(names(10).map((name) => media(name, 'one key')));
    const broken = testOperator('broken', () => ({
      step: mergeMap((envelope) => {
        if (envelope.data.media?.uri === 'm000005') throw new Error('a defect');
        return [envelope.with({ ...envelope.data, ...productOf(envelope.data.media!.uri) })];
      }),
    }));
    await expect(drain([broken])).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringMatching(/^a defect \(/),
    });
    await drain([echo]);
    expect(await delivered(transport)).toEqual(names(10));
  });

  it('refuses a second run of the same group', async () => {
    const stop = new AbortController();
    const first = run([echo], { signal: stop.signal });
    await vi.waitFor(async () => {
      await expect(drain([echo], { transport: open() })).rejects.toMatchObject({ code: 'GROUP_BUSY' });
    }, patience);
    stop.abort();
    await first;
    await drain([echo]);
  });

  it('ends a run that was fenced, whose outputs never show', async () => {
    await transport.publish([media('a')]);
    const { work, waiting, release } = gate();
    const first = run([work()]);
    await vi.waitFor(() => expect(waiting.has('a')).toBe(true), patience);
    const usurper = openEmbedded({ path, lock: () => unlocked });
    opened.push(usurper);
    await drain([echo], { transport: usurper });
    release('a');
    await expect(first).rejects.toMatchObject({ code: 'TRANSPORT_FENCED' });
    expect(await delivered(transport)).toEqual(['a']);
  });
});

describe('the object sink', () => {
  const sinks: Partial<PipelineSpec> = {
    to: [{ topic: 'out', schema: 'job.changed' }, { objects: 'made/{job}.txt' }],
  };
  function objects(put: (key: string) => void): Pick<ObjectStore, 'put'> & Map<string, string> {
    const stored = new Map<string, string>();
    return Object.assign(stored, {
      async put(key: string, body: Buffer | { file: string }, { mediaType }: { mediaType: string }) {
        put(key);
        stored.set(key, String(body));
        return { key, size: 1, sha256: '0'.repeat(64), media_type: mediaType };
      },
    });
  }

  it('stores the bytes before the event that names them', async () => {
    const order: string[] = [];
    const store = objects((key) => order.push(key));
    await transport.publish([media('a')]);
    await drain([echo], { spec: sinks, with: { objects: store as unknown as ObjectStore } });
    expect([...store]).toEqual([['made/a.txt', 'a']]);
    const [record] = await readAll(transport, 'out');
    expect(JSON.parse(String(record!.value))).toMatchObject({ job: 'a', object: { key: 'made/a.txt' } });
  });

  it('names objects safely, and never two by one name', async () => {
    const store = objects(() => undefined);
    const hostile = [
      '../../etc/passwd',
      '..',
      '/',
      'a b',
      'a/b',
      'ü',
      `${'x'.repeat(300)}1`,
      `${'x'.repeat(300)}2`,
      '.x',
    ];
    await transport.publish(hostile.map((uri) => media(uri)));
    await drain([echo], { spec: sinks, with: { objects: store as unknown as ObjectStore } });
    expect(store.size).toBe(hostile.length);
    for (const key of store.keys()) expect(key).toMatch(/^made\/[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\.txt$/);
    const [replaced] = [...store.keys()].filter((key) => key.startsWith('made/a_b-'));
    const copy = replaced!.slice('made/'.length, -'.txt'.length);
    await transport.publish([media(copy)]);
    await drain([echo], { spec: sinks, with: { objects: store as unknown as ObjectStore } });
    expect(store.size).toBe(hostile.length + 1);
  });

  it('tries again when the disk is full, and goes on when there is space', async () => {
    let failures = 2;
    const store = objects(() => {
      if (failures-- > 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    });
    await transport.publish(names(3).map((name) => media(name)));
    const report = await drain([echo], { spec: sinks, with: { objects: store as unknown as ObjectStore } });
    expect(report.run).toEqual({ delivered: 3, rejected: 0, dropped: {} });
    expect(store.size).toBe(3);
  });

  it('rejects at `to` what stays impossible: nothing is announced, nothing is lost', async () => {
    const store = objects((key) => {
      if (key.includes('m000001')) throw new VimiError('OBJECT_DAMAGED', 'Other bytes are there');
    });
    await transport.publish(names(3).map((name) => media(name)));
    const report = await drain([echo], { spec: sinks, with: { objects: store as unknown as ObjectStore } });
    expect(report.run).toEqual({ delivered: 2, rejected: 1, dropped: {} });
    expect(await delivered(transport)).toEqual(['m000000', 'm000002']);
    expect(await rejects()).toMatchObject([{ step: 'to', attempts: 1, error: { code: 'OBJECT_DAMAGED' } }]);
  });
});

describe('sealing', () => {
  /** Counts records in tens: a seal a full ten, and one for the rest at the end. */
  function sealing(moves: OffsetMove[], afterCommit?: (state: number) => Promise<void>): Operator {
    return testOperator('seal', () => ({
      step: mapEach<'media'>(() => ({}), { step: 'seal', concurrency: 10, clock: systemClock }),
      async onOffsetMove(move) {
        moves.push(move);
        const state = move.final ? move.to : Math.floor(move.to / 10) * 10;
        if (state === move.state) return { products: [], state };
        const { product } = productOf(`${move.partition}:${move.state}-${state}`);
        return { products: [product!], state, afterCommit: async () => afterCommit?.(state) };
      },
    }));
  }
  const to = (partition: number, count: number) => names(count).map((name) => ({ ...media(name), partition }));

  it('is asked for with each move of the committed offset, and at the end', async () => {
    await transport.publish([...to(0, 25), ...to(1, 7)]);
    const moves: OffsetMove[] = [];
    await drain([sealing(moves)]);
    const seals = await delivered(transport);
    expect(seals.filter((one) => one.startsWith('1:'))).toEqual(['1:0-7']);
    expect(seals.find((one) => one.startsWith('0:'))).toMatch(/^0:0-/);
    const ofFirst = moves.filter(({ partition }) => partition === 0);
    expect(ofFirst.at(-1)).toMatchObject({ from: 25, to: 25, final: true });
    for (const [n, move] of ofFirst.entries()) expect(move.from).toBe(ofFirst[n - 1]?.to ?? 0);
    expect(ofFirst.filter(({ final }) => final).length).toBe(1);
  });

  it('keeps its state from run to run, and commits it even when the committed offset stays', async () => {
    await transport.publish(to(0, 5));
    await drain([sealing([])]);
    expect(decodePosition((await transport.positions('test', 'in')).get(0)!)).toMatchObject({
      committedOffset: 5,
      states: { seal: 5 },
    });
    const moves: OffsetMove[] = [];
    await drain([sealing(moves)]);
    expect(moves.find(({ partition }) => partition === 0)).toMatchObject({ from: 5, to: 5, state: 5, final: true });
    await transport.publish(to(0, 5));
    await drain([sealing([])]);
    expect(await delivered(transport)).toEqual(['0:0-5', '0:5-10']);
  });

  it('reaches the end of the topic even where its last records are gone', async () => {
    await transport.ensureTopics([{ name: 'in', partitions: 2, cleanup: 'delete', retentionMs: 1000 }]);
    await transport.publish(to(0, 5).map((record) => ({ ...record, timestamp: 1 })));
    await transport.clean();
    const moves: OffsetMove[] = [];
    await drain([sealing(moves)]);
    expect(moves.find(({ partition }) => partition === 0)).toMatchObject({ from: 0, to: 5, final: true });
    expect((await transport.positions('test', 'in')).get(0)?.offset).toBe(5);
  });

  it('is no end of the run when clearing up fails', async () => {
    await transport.publish(to(0, 12));
    const report = await drain([
      sealing([], async () => {
        throw new Error('cannot remove');
      }),
    ]);
    expect(report.end).toBe('drained');
  });

  it('does not happen when the run is only stopped', async () => {
    await transport.publish(to(0, 5));
    const moves: OffsetMove[] = [];
    const stop = new AbortController();
    const running = run([sealing(moves)], { signal: stop.signal });
    await vi.waitFor(async () => expect((await transport.positions('test', 'in')).get(0)?.offset).toBe(5), patience);
    stop.abort();
    await running;
    expect(moves.some(({ final }) => final)).toBe(false);
  });

  it('is tried again when a sink fails, with the same committed offset', async () => {
    await transport.publish(to(0, 10));
    let failures = 2;
    const store = {
      async put(key: string) {
        if (failures-- > 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        return { key, size: 1, sha256: '0'.repeat(64), media_type: 'text/plain' };
      },
    } as unknown as ObjectStore;
    const moves: OffsetMove[] = [];
    const sinks: Partial<PipelineSpec> = { to: [{ objects: '{job}' }, { topic: 'out', schema: 'job.changed' }] };
    await drain([sealing(moves)], { spec: sinks, with: { objects: store } });
    expect(await delivered(transport)).toEqual(['0:0-10']);
  });
});

describe('stopping', () => {
  it('lets what is in flight finish within the drain time, and admits nothing more', async () => {
    await transport.publish(names(20).map((name) => media(name, 'one key')));
    const { work, waiting, release } = gate();
    const stop = new AbortController();
    const running = run([work()], { signal: stop.signal, maxInFlight: 5, drainMs: 60_000 });
    await vi.waitFor(() => expect(waiting.size).toBe(5), patience);
    stop.abort();
    for (const uri of [...waiting.keys()]) release(uri);
    const report = await running;
    expect(report).toMatchObject({ end: 'stopped', run: { delivered: 5 } });
    expect(waiting.size).toBe(0);
    await drain([echo]);
    expect(await delivered(transport)).toEqual(names(20));
  });

  it('abandons what does not finish: the next run does it, and only it', async () => {
    await transport.publish(names(20).map((name) => media(name)));
    const { work, waiting } = gate();
    const stop = new AbortController();
    const running = run([work((uri) => uri > 'm000015')], { signal: stop.signal, drainMs: 20 });
    await vi.waitFor(() => expect(waiting.size).toBe(4), patience);
    stop.abort();
    expect((await running).run.delivered).toBe(16);
    const again: string[] = [];
    await drain([
      eachMedia(({ uri }) => {
        again.push(uri);
        return productOf(uri);
      }),
    ]);
    expect(again.sort()).toEqual(names(20).slice(16));
    expect(await delivered(transport)).toEqual(names(20));
  });

  it('before it began does nothing', async () => {
    await transport.publish([media('a')]);
    expect(await run([echo], { signal: AbortSignal.abort() })).toMatchObject({ end: 'stopped' });
  });
});

describe('trouble with the log', () => {
  /** The transport with some calls of its partitions replaced. */
  function troubled(change: (assigned: AssignedPartition) => Partial<AssignedPartition>): Transport {
    return {
      ...transport,
      consume: (options) =>
        transport.consume({
          ...options,
          onAssigned: (assigned) =>
            options.onAssigned({
              ...assigned,
              get reached() {
                return assigned.reached;
              },
              ...change(assigned),
            }),
        }),
    };
  }
  const unavailable = () => new VimiError('TRANSPORT_UNAVAILABLE', 'away for a moment');

  it('that gives a record out when the run has just found the end is read again', async () => {
    await transport.publish(names(5).map((name) => ({ ...media(name), partition: 0 })));
    const late = troubled((assigned) => ({
      async take(most, signal) {
        const records = await assigned.take(most, signal);
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return records;
      },
    }));
    await drain([echo], { transport: late });
    expect((await drain([echo])).run.delivered).toBe(5);
    expect(await delivered(transport)).toEqual(names(5));
  });

  it('that is full is waited for, and nothing is lost or doubled', async () => {
    await transport.ensureTopics([{ name: 'ballast', partitions: 1, cleanup: 'delete', retentionMs: 1 }]);
    const timestamp = Date.now() + 3_600_000;
    const ballast = Array.from({ length: 60 }, () => ({ ...media('x'), topic: 'ballast', timestamp }));
    await transport.publish(ballast.map((record) => ({ ...record, value: Buffer.alloc(20_000) })));
    await transport.publish(names(200).map((name) => media(name)));
    const file = openEmbedded({ path, maxBytes: 1_500_000 });
    opened.push(file);
    const large = eachMedia(({ uri }) => {
      const { product } = productOf(uri);
      product!.data.padding = 'x'.repeat(5_000);
      return { product };
    });
    const failures: string[] = [];
    const log = { ...quietLog, warn: (fields: object) => failures.push((fields as { code: string }).code) };
    const running = drain([large], { transport: file, log });
    await vi.waitFor(() => expect(failures).toContain('STORAGE_FULL'), patience);
    const later = openEmbedded({ path, clock: { now: () => timestamp + 1000 } });
    opened.push(later);
    expect(await later.clean()).toBe(60);
    expect((await running).run).toEqual({ delivered: 200, rejected: 0, dropped: {} });
    expect(await delivered(transport)).toEqual(names(200));
  });

  it('that takes no record so large rejects the event alone, whoever shared its commit', async () => {
    await transport.publish(names(40).map((name) => media(name)));
    const choosy = troubled((assigned) => ({
      commit: async (outputs, position) => {
        if (outputs.some(({ value }) => (value?.length ?? 0) > 3_000))
          throw new VimiError('EVENT_TOO_LARGE', 'This record is too large for the broker');
        return assigned.commit(outputs, position);
      },
    }));
    const bad = new Set([3, 17, 18, 39].map((n) => names(40)[n]!));
    const padded = eachMedia(({ uri }) => {
      const { product } = productOf(uri);
      if (bad.has(uri)) product!.data.padding = 'x'.repeat(5_000);
      return { product };
    });
    const report = await drain([padded], { transport: choosy });
    expect(report.run).toEqual({ delivered: 40 - bad.size, rejected: bad.size, dropped: {} });
    expect(await delivered(transport)).toEqual(names(40).filter((name) => !bad.has(name)));
    const kept = await rejects();
    expect(kept.map(({ step, error }) => `${step} ${error.code}`)).toEqual(kept.map(() => 'commit EVENT_TOO_LARGE'));
    const uris = kept.map(({ origin }) => JSON.parse(String(Buffer.from(origin.value!, 'base64'))).uri);
    expect(uris.sort()).toEqual([...bad].sort());
  });

  it('that takes not even the reject goes on all the same, and counts it', async () => {
    await transport.publish(names(5).map((name) => media(name)));
    const [bad] = names(5);
    const choosy = troubled((assigned) => ({
      commit: async (outputs, position) => {
        const { offset } = (await readAll(transport, 'in')).find(({ key }) => String(key) === bad)!;
        const ids = outputs.map(({ headers }) => String(headers.ce_id));
        if (ids.includes(bad!) || ids.some((id) => id.endsWith(`-${offset}-rejected`)))
          throw new VimiError('EVENT_TOO_LARGE', 'This record is too large for the broker');
        return assigned.commit(outputs, position);
      },
    }));
    const failures: string[] = [];
    const log = { ...quietLog, error: (_: object, message: string) => failures.push(message) };
    const report = await drain([echo], { transport: choosy, log });
    expect(report.run).toEqual({ delivered: 4, rejected: 1, dropped: {} });
    expect(await rejects()).toEqual([]);
    expect(failures.join()).toContain('not even accept the reject');
  });

  it('does not keep a run from stopping, nor lose anything', async () => {
    await transport.publish(names(20).map((name) => media(name)));
    let failures = 0;
    const full = troubled(() => ({
      commit: async () => {
        failures++;
        throw new VimiError('STORAGE_FULL', 'no space');
      },
    }));
    const stop = new AbortController();
    const running = run([echo], { transport: full, signal: stop.signal, drainMs: 10 });
    await vi.waitFor(() => expect(failures).toBeGreaterThan(1), patience);
    stop.abort();
    expect(await running).toMatchObject({ end: 'stopped', run: { delivered: 0 } });
    await drain([echo]);
    expect(await delivered(transport)).toEqual(names(20));
  });

  it('bounds what waits for a commit, as well as what is being worked on', async () => {
    await transport.publish(names(2000).map((name) => ({ ...media(name), partition: 0 })));
    let taken = 0;
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = troubled((assigned) => ({
      take: async (most, signal) => {
        const records = await assigned.take(most, signal);
        taken += records.length;
        return records;
      },
      commit: async (outputs, position) => {
        await released;
        await assigned.commit(outputs, position);
      },
    }));
    const metrics = createMetrics();
    const running = drain([echo], { transport: slow, maxInFlight: 32, metrics });
    const most = 32 + groupSize;
    await vi.waitFor(async () => {
      expect(taken).toBeGreaterThan(most - 16);
      expect(await metrics.registry.metrics()).toContain(`vimi_awaiting_commit{pipeline="test"} ${taken}`);
    }, patience);
    expect(taken).toBeLessThanOrEqual(most);
    release();
    await running;
    expect(await delivered(transport)).toEqual(names(2000));
  });

  it('that cannot be read for a moment is read again', async () => {
    await transport.publish(names(20).map((name) => media(name)));
    let failures = 2;
    const flaky = troubled((assigned) => ({
      take: async (most, signal) => {
        if (failures-- > 0) throw unavailable();
        return assigned.take(most, signal);
      },
    }));
    expect((await drain([echo], { transport: flaky })).run.delivered).toBe(20);
  });

  it('that is damaged ends the run', async () => {
    await transport.publish([media('a')]);
    const damaged = troubled(() => ({
      take: async () => {
        throw new VimiError('LOG_DAMAGED', 'torn');
      },
    }));
    await expect(drain([echo], { transport: damaged })).rejects.toMatchObject({ code: 'LOG_DAMAGED' });
    await drain([echo]);
    expect(await delivered(transport)).toEqual(['a']);
  });
});

/** Of all samples of a metric. */
const sum = (text: string, metric: string) =>
  [...text.matchAll(new RegExp(`^${metric}\\{.*\\} (\\S+)$`, 'gm'))].reduce((all, [, value]) => all + Number(value), 0);

describe('the metrics', () => {
  it('tell outcomes, rejects, and what is in flight while it runs', async () => {
    await transport.publish([...names(7).map((name) => media(name)), { ...media('x'), value: Buffer.from('no JSON') }]);
    const { work, waiting, release } = gate();
    const metrics = createMetrics();
    const running = drain([work((uri) => uri === 'm000001')], { metrics });
    await vi.waitFor(async () => {
      expect(waiting.size).toBe(1);
      expect((await delivered(transport)).length).toBe(6);
    }, patience);
    const during = await metrics.registry.metrics();
    expect(during).toContain('vimi_in_flight{pipeline="test"} 1');
    expect(during).toContain('vimi_max_in_flight{pipeline="test"} 128');
    expect(during).toMatch(/vimi_lag\{pipeline="test",partition="\d"\} [1-9]/);
    expect(sum(during, 'vimi_waiting_events')).toBe(1);
    release('m000001');
    await running;
    const after = await metrics.registry.metrics();
    expect(after).toContain('vimi_events_total{pipeline="test",outcome="delivered",detail=""} 7');
    expect(after).toContain('vimi_events_total{pipeline="test",outcome="rejected",detail=""} 1');
    expect(after).toContain('vimi_rejects_total{pipeline="test",code="EVENT_MALFORMED",step="decode"} 1');
    expect(after).toContain('vimi_event_seconds_count{pipeline="test"} 7');
    expect(after).not.toContain('vimi_in_flight{');
  });
});
