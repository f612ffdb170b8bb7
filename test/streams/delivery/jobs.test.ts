import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/core/clock.js';
import { VimiError } from '../../../src/core/errors.js';
import { decodeEvent } from '../../../src/events/cloudevents.js';
import { replayRecord } from '../../../src/events/replay.js';
import { drop, mapEach } from '../../../src/flow/map-each.js';
import { decodePosition } from '../../../src/streams/delivery/position.js';
import { type EmbeddedTransport, openEmbedded } from '../../../src/streams/transports/embedded/open-embedded.js';
import type { Transport } from '../../../src/streams/transports/transport.js';
import { patient } from '../../support/patience.js';
import {
  bare,
  cancel,
  changesOf,
  gatedWork,
  jobOf,
  prepareJobTopics,
  rejectsOf,
  request,
  serve,
  shop,
  statesOf,
} from './job-fixtures.js';
import { readAll, temporaryFolder, testOperator } from './pipeline-fixtures.js';

let folder: ReturnType<typeof temporaryFolder>;
let transport: EmbeddedTransport;
let work: ReturnType<typeof gatedWork>;
beforeEach(async () => {
  folder = temporaryFolder();
  transport = openEmbedded({ path: join(folder.path, 'log.sqlite') });
  await prepareJobTopics(transport);
  work = gatedWork();
});
afterEach(async () => {
  await transport.close();
  folder.remove();
});

const patience = { ...patient, interval: 2 };
const drain = (options: Parameters<typeof serve>[2] = {}) => serve(transport, work, { drain: true, ...options });

/** Runs until the test has seen what it waits for. */
async function during(see: () => Promise<void>, options: Parameters<typeof serve>[2] = {}) {
  const stop = new AbortController();
  const running = serve(transport, work, { signal: stop.signal, ...options });
  try {
    await Promise.race([see(), running.then(() => Promise.reject(new Error('The run ended by itself')))]);
  } finally {
    stop.abort();
  }
  return running;
}
const started = (...ids: string[]) =>
  vi.waitFor(() => expect(work.started).toEqual(expect.arrayContaining(ids)), patience);
const ended = (id: string, state: string, source = shop) =>
  vi.waitFor(async () => expect((await statesOf(transport, jobOf(id, source))).at(-1)).toBe(state), patience);

describe('no id ends a pipeline', () => {
  const ids = [
    `urn:shop:${'x'.repeat(470)}🦊-tail`,
    `${'x'.repeat(479)}🦊${'y'.repeat(31)}`,
    'z'.repeat(512),
    '🦊'.repeat(256),
    '狐'.repeat(512),
    'ثعلب-'.repeat(100),
    '\u0e2a\u0e38\u0e19\u0e31\u0e02'.repeat(80),
    '../../../etc/passwd',
    '. .',
    ':',
    '\u202egnirts',
    '\u00a0',
    '__proto__',
    'constructor',
    "'; DROP TABLE jobs; --",
    'line\u2028separator',
  ];

  it('whatever its length and script: each is answered once [streams F1] [streams F2] [safety S1] [safety S2]', async () => {
    await transport.publish([
      request('before'),
      ...ids.map((id) => request(id, { prompt: 'a fox' })),
      request('after'),
    ]);
    const report = await drain();
    expect(await rejectsOf(transport)).toEqual([]);
    expect(report.run).toEqual({ delivered: ids.length + 2, rejected: 0, dropped: {} });
    expect(new Set(work.started)).toEqual(new Set(['before', ...ids, 'after']));
    for (const id of ids) {
      const changes = await changesOf(transport, jobOf(id));
      expect(changes.map(({ state }) => state)).toEqual(['queued', 'completed']);
      for (const { request } of changes) expect(request).toMatchObject({ source: shop, id });
      expect(jobOf(id)).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/);
    }
    expect(new Set(ids.map((id) => jobOf(id))).size).toBe(ids.length);
  });

  it('and a request that a step leaves out fails with the reason of that step', async () => {
    const choosy = testOperator('choosy', () => ({
      step: mapEach<'request'>(() => drop('shows-brands'), { step: 'choosy', concurrency: 1, clock: systemClock }),
    }));
    await transport.publish([request('cola')]);
    expect((await drain({ last: choosy })).run.dropped).toEqual({ 'shows-brands': 1 });
    expect((await changesOf(transport, jobOf('cola'))).at(-1)).toMatchObject({
      state: 'failed',
      error: { code: 'REQUEST_DROPPED', message: 'A step dropped the request: shows-brands' },
    });
  });

  it('nor a step that cannot tell of an outcome: that event is rejected, the others go on [kind 1]', async () => {
    const mute = testOperator('mute', () => ({
      step: mapEach<'request'>(() => ({}), { step: 'mute', concurrency: 1, clock: systemClock }),
      onOutcome({ event }) {
        if (event.id.startsWith('odd')) throw new TypeError('no words for it');
        return [];
      },
    }));
    await transport.publish([request('a'), request('odd'), request('b'), request('odd empty', { prompt: ' ' })]);
    expect((await drain({ last: mute })).run).toEqual({ delivered: 2, rejected: 2, dropped: {} });
    const rejects = await rejectsOf(transport);
    expect(rejects.map(({ step, error: { code } }) => `${step} ${code}`).sort()).toEqual([
      'admit PROMPT_EMPTY',
      'mute-2 INTERNAL',
    ]);
    expect((await changesOf(transport, jobOf('odd'))).at(-1)).toMatchObject({
      state: 'failed',
      error: { code: 'INTERNAL', message: expect.stringContaining('no words for it') },
    });
  });
});

describe('a request is known by its source and its id', () => {
  it('so two upstreams that count from 1 have two jobs everywhere [streams F6]', async () => {
    const [a, b] = ['https://a.example', 'https://b.example'];
    await transport.publish([
      request('1', { source: a, prompt: 'slow fox', partition: 0 }),
      request('1', { source: b, prompt: 'slow boat', partition: 0 }),
    ]);
    const report = await during(
      async () => {
        await started('1');
        await vi.waitFor(() => expect(work.started).toHaveLength(2), patience);
        // B's cancel is B's alone.
        await transport.publish([cancel('1', { source: b, partition: 2 })]);
        await ended('1', 'cancelled', b);
        expect(await statesOf(transport, jobOf('1', a))).toEqual(['queued']);
      },
      { drainMs: 5 },
    );
    expect(report.run.dropped).toMatchObject({ cancelled: 1 });
    expect(jobOf('1', a)).not.toBe(jobOf('1', b));
    const told = (await readAll(transport, 'jobs')).map((record) => decodeEvent(record, ['job.changed']));
    expect(new Set(told.map(({ source }) => source))).toEqual(new Set(['/pipelines/generate']));
    expect(new Set(told.map(({ source, id }) => `${source} ${id}`)).size).toBe(told.length);
  });

  it('and one that is sent twice is one job, in whatever partition the second arrives [streams F7] [use U5]', async () => {
    await transport.publish([
      request('order-66', { partition: 0 }),
      request('order-66', { partition: 0 }),
      request('order-66', { partition: 1 }),
      request('other', { partition: 2 }),
    ]);
    const first = await drain();
    expect(first.run).toEqual({ delivered: 2, rejected: 0, dropped: { 'duplicate-request': 2 } });
    // And again, after a restart.
    await transport.publish([request('order-66', { partition: 2 })]);
    expect((await drain()).run).toEqual({ delivered: 0, rejected: 0, dropped: { 'duplicate-request': 1 } });
    expect(work.started.sort()).toEqual(['order-66', 'other']);
    expect((await statesOf(transport, jobOf('order-66'))).filter((state) => state === 'completed')).toHaveLength(1);
    expect((await statesOf(transport, jobOf('order-66'))).at(-1)).toBe('completed');
  });

  it('while the first is in flight, too [streams F7]', async () => {
    await transport.publish([request('a', { prompt: 'slow', partition: 0 })]);
    const report = await during(async () => {
      await started('a');
      await transport.publish([request('a', { prompt: 'slow', partition: 1 })]);
      await vi.waitFor(
        async () => expect((await transport.positions('test', 'requests')).get(1)?.offset).toBe(1),
        patience,
      );
      work.release('a');
      await ended('a', 'completed');
    });
    expect(report.run).toEqual({ delivered: 1, rejected: 0, dropped: { 'duplicate-request': 1 } });
    expect(await statesOf(transport, jobOf('a'))).toEqual(['queued', 'completed']);
  });

  it('in other words of JSON it is the same, with other content it is rejected and the first goes on [kind 2]', async () => {
    const spaced = { ...request('a'), value: Buffer.from('{ "prompt" :\n"a" }') };
    await transport.publish([
      request('a', { partition: 0 }),
      spaced,
      request('a', { prompt: 'another', partition: 1 }),
    ]);
    const { run } = await drain();
    expect(run).toEqual({ delivered: 1, rejected: 1, dropped: { 'duplicate-request': 1 } });
    expect(await rejectsOf(transport)).toMatchObject([{ step: 'admit', error: { code: 'REQUEST_ID_TAKEN' } }]);
    const changes = await changesOf(transport, jobOf('a'));
    expect(changes.at(-1)?.state).toBe('completed');
    expect(changes.some(({ state }) => state === 'failed')).toBe(false);
  });

  it('goes on after a crash as the same job: a redo is no duplicate of itself [kind 2]', async () => {
    await transport.publish([request('a', { prompt: 'slow', partition: 0 })]);
    await during(() => started('a'), { drainMs: 5 });
    expect(await statesOf(transport, jobOf('a'))).toEqual(['queued']);
    const running = drain();
    await vi.waitFor(() => expect(work.started).toHaveLength(2), patience);
    work.release('a');
    expect((await running).run).toEqual({ delivered: 1, rejected: 0, dropped: {} });
    expect(await statesOf(transport, jobOf('a'))).toEqual(['queued', 'completed']);
  });

  it('is done once although its group forgot where it stood [kind 2]', async () => {
    await transport.publish([request('a'), request('b'), bare({ prompt: 'c' })]);
    await drain();
    const again = await drain({ spec: { group: 'test-2' } });
    expect(again.run).toEqual({ delivered: 0, rejected: 0, dropped: { 'duplicate-request': 3 } });
  });

  it('may be tried again after it failed: by a replay, or sent anew with other content [kind 2]', async () => {
    await transport.publish([request('a', { prompt: ' ', partition: 0 })]);
    await drain();
    const [reject] = await rejectsOf(transport);
    expect(reject).toMatchObject({ error: { code: 'PROMPT_EMPTY' } });
    await transport.publish([replayRecord(reject!)]);
    expect((await drain()).run.rejected).toBe(1);
    await transport.publish([request('a', { prompt: 'now with words', partition: 2 })]);
    expect((await drain()).run.delivered).toBe(1);
    expect(await statesOf(transport, jobOf('a'))).toEqual([
      'queued',
      'failed',
      'queued',
      'failed',
      'queued',
      'completed',
    ]);
    const told = (await readAll(transport, 'jobs')).map((record) => decodeEvent(record, ['job.changed']).id);
    expect(new Set(told).size).toBe(told.length);
  });

  it('without headers is never a duplicate: each record is one of its own [kind 2]', async () => {
    await transport.publish([0, 1, 2].flatMap((n) => [bare({ prompt: 'a fox' }, n), bare({ prompt: 'a fox' }, n)]));
    expect((await drain()).run).toEqual({ delivered: 6, rejected: 0, dropped: {} });
  });

  it('is forgotten when its job is removed from the topic, and may be asked for again [not clear-cut: tombstones]', async () => {
    await transport.publish([request('a')]);
    await drain();
    await transport.publish([{ topic: 'jobs', key: Buffer.from(jobOf('a')), value: null, headers: {} }, request('a')]);
    expect((await drain()).run).toEqual({ delivered: 1, rejected: 0, dropped: {} });
  });
});

describe('a cancel', () => {
  it('reaches a running job though its partition has all in flight that it may [streams F3]', async () => {
    const ids = Array.from({ length: 20 }, (_, n) => `w${n}`);
    await transport.publish(ids.map((id) => request(id, { prompt: 'slow', partition: 0 })));
    const report = await during(
      async () => {
        await started('w0', 'w15');
        await transport.publish([cancel('w0', { partition: 0 }), cancel('w19', { partition: 0 })]);
        await ended('w0', 'cancelled');
        // The others still run; one that waited for room is cancelled before it begins.
        expect(work.started).not.toContain('w19');
        for (const id of ids.slice(1, 19))
          await vi.waitFor(() => {
            work.release(id);
            expect(work.started).toContain(id);
          }, patience);
        await ended('w19', 'cancelled');
        await vi.waitFor(async () => {
          for (const id of ids) work.release(id);
          expect((await transport.positions('test', 'requests')).get(0)?.offset).toBe(22);
        }, patience);
      },
      { maxInFlight: 16 },
    );
    expect(report.run).toEqual({ delivered: 18, rejected: 0, dropped: { cancelled: 2, 'cancel-handled': 2 } });
    expect(work.started).not.toContain('w19');
    expect(await statesOf(transport, jobOf('w0'))).toEqual(['queued', 'cancelled']);
  });

  it('reaches its job from any partition [streams F4]', async () => {
    await transport.publish([request('order-67', { prompt: 'slow', partition: 1 })]);
    const report = await during(async () => {
      await started('order-67');
      await transport.publish([cancel('order-67', { partition: 0 })]);
      await ended('order-67', 'cancelled');
      await vi.waitFor(
        async () => expect((await transport.positions('test', 'requests')).get(0)?.offset).toBe(1),
        patience,
      );
    });
    expect(report.run).toEqual({ delivered: 0, rejected: 0, dropped: { cancelled: 1, 'cancel-handled': 1 } });
  });

  it('that comes before its request cancels it when it comes, after a restart as well [not clear-cut: cancels]', async () => {
    await transport.publish([cancel('a', { partition: 0 })]);
    expect((await drain()).run).toEqual({ delivered: 0, rejected: 0, dropped: { 'cancel-early': 1 } });
    expect(await statesOf(transport, jobOf('a'))).toEqual(['cancelled']);
    await transport.publish([request('a', { partition: 2 }), request('b', { partition: 2 })]);
    expect((await drain()).run).toEqual({ delivered: 1, rejected: 0, dropped: { cancelled: 1 } });
    expect(work.started).toEqual(['b']);
    expect(await statesOf(transport, jobOf('a'))).toEqual(['cancelled']);
  });

  it('of a job that is over is counted by itself, and changes nothing [not clear-cut: cancels]', async () => {
    await transport.publish([request('done'), request('failed', { prompt: ' ' })]);
    await drain();
    await transport.publish([cancel('done'), cancel('failed')]);
    expect((await drain()).run).toEqual({ delivered: 0, rejected: 0, dropped: { 'cancel-late': 2 } });
    expect(await statesOf(transport, jobOf('done'))).toEqual(['queued', 'completed']);
    expect(await statesOf(transport, jobOf('failed'))).toEqual(['queued', 'failed']);
  });

  it('given twice, or in the backlog before or behind its request, cancels once [kind 2]', async () => {
    await transport.publish([
      cancel('early', { partition: 0 }),
      cancel('late', { partition: 2 }),
      cancel('late', { partition: 1 }),
      request('early', { prompt: 'slow', partition: 1 }),
      request('late', { prompt: 'slow', partition: 1 }),
    ]);
    const { run } = await drain();
    expect(run.delivered).toBe(0);
    expect(run.dropped.cancelled).toBe(2);
    for (const id of ['early', 'late'])
      expect((await statesOf(transport, jobOf(id))).filter((state) => state === 'cancelled')).toHaveLength(1);
  });

  it('survives a crash between its job and itself [kind 2]', async () => {
    await transport.publish([request('a', { prompt: 'slow', partition: 0 })]);
    await during(() => started('a'), { drainMs: 5 });
    // Nobody runs; then the job is due again, and the cancel lies in another partition.
    await transport.publish([cancel('a', { partition: 2 })]);
    expect((await drain()).run).toEqual({ delivered: 0, rejected: 0, dropped: { cancelled: 1, 'cancel-handled': 1 } });
    expect((await statesOf(transport, jobOf('a'))).at(-1)).toBe('cancelled');
  });

  it('settles only once its job is, so that a death in between brings back both [kind 2]', async () => {
    await transport.publish([
      request('a', { prompt: 'slow', partition: 0 }),
      cancel('a', { partition: 0 }),
      cancel('a', { partition: 1 }),
    ]);
    const seen: string[] = [];
    const deaf: Transport = {
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
              commit: async (_outputs, position) => {
                seen.push(`${assigned.partition} ${position.offset} ${decodePosition(position).beyond.length}`);
                throw new VimiError('TRANSPORT_UNAVAILABLE', 'lost');
              },
            }),
        }),
    };
    const stop = new AbortController();
    const running = serve(deaf, work, { signal: stop.signal, drainMs: 10 });
    // Tried again and again: past the job alone, never past a cancel.
    await vi.waitFor(() => expect(seen.length).toBeGreaterThan(2), patience);
    expect(new Set(seen)).toEqual(new Set(['0 1 0']));
    stop.abort();
    await running;
    const { run } = await drain();
    expect(run).toEqual({ delivered: 0, rejected: 0, dropped: { cancelled: 1, 'cancel-handled': 2 } });
    expect((await statesOf(transport, jobOf('a'))).filter((state) => state === 'cancelled')).toHaveLength(1);
  });

  it('without a source means the one job of that id, and none where two have it [kind 2]', async () => {
    await transport.publish([request('x0', { prompt: 'slow', partition: 0 })]);
    await during(async () => {
      await started('x0');
      await transport.publish([bare({ cancel: 'x0' }, 1)]);
      await ended('x0', 'cancelled');
    });
    await transport.publish([
      request('x1', { prompt: 'slow', partition: 0, source: '/a' }),
      request('x1', { prompt: 'slow', partition: 0, source: '/b' }),
    ]);
    const running = during(
      async () => {
        await vi.waitFor(() => expect(work.started.filter((id) => id === 'x1')).toHaveLength(2), patience);
        await transport.publish([bare({ cancel: 'x1' }, 1), bare({ cancel: 'x1', source: '/b' }, 1)]);
        await ended('x1', 'cancelled', '/b');
        expect((await statesOf(transport, jobOf('x1', '/a'))).at(-1)).toBe('queued');
      },
      { drainMs: 5 },
    );
    await running;
  });

  it('without a source that comes early reaches the request without a source alone, and nobody else’s [kind 2]', async () => {
    await transport.publish([bare({ cancel: 'x2' }, 0)]);
    expect((await drain()).run.dropped).toEqual({ 'cancel-early': 1 });
    await transport.publish([request('x2'), request('x2', { source: '/requests' })]);
    expect((await drain()).run).toEqual({ delivered: 1, rejected: 0, dropped: { cancelled: 1 } });
    expect(work.started).toEqual(['x2']);
    expect((await statesOf(transport, jobOf('x2'))).at(-1)).toBe('completed');
    expect(await statesOf(transport, jobOf('x2', '/requests'))).toEqual(['cancelled']);
    // With the source it does, whenever it comes.
    await transport.publish([bare({ cancel: 'x3', source: shop }, 0), request('x3')]);
    expect((await drain()).run.dropped.cancelled).toBe(1);
    expect(await statesOf(transport, jobOf('x3'))).toEqual(['cancelled']);
  });

  it('of a bare request needs no more than the place that publishing told [kind 2]', async () => {
    const [place] = await transport.publish([bare({ prompt: 'slow' }, 1)]);
    const id = `requests-${place!.partition}-${place!.offset}`;
    await during(async () => {
      await started(id);
      await transport.publish([bare({ cancel: id }, 0)]);
      await ended(id, 'cancelled', '/requests');
    });
  });
});
