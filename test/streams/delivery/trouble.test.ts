import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { reportLine } from '../../../src/cli/commands/run.js';
import { systemClock } from '../../../src/core/clock.js';
import { type ErrorCode, VimiError } from '../../../src/core/errors.js';
import { SqliteFile } from '../../../src/core/sqlite.js';
import { drop, mapEach } from '../../../src/flow/map-each.js';
import type { Operator, Resources } from '../../../src/flow/operator.js';
import { mediaTools } from '../../../src/media/tools.js';
import { encode } from '../../../src/operators/requests/encode.js';
import { openFileStore } from '../../../src/stores/objects/files.js';
import type { ObjectStore } from '../../../src/stores/objects/object-store.js';
import { createMetrics } from '../../../src/streams/delivery/metrics.js';
import { type RunOptions, runPipeline } from '../../../src/streams/delivery/pipeline.js';
import type { PipelineSpec } from '../../../src/streams/delivery/pipeline-spec.js';
import { type EmbeddedTransport, openEmbedded } from '../../../src/streams/transports/embedded/open-embedded.js';
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
} from './pipeline-fixtures.js';

let folder: ReturnType<typeof temporaryFolder>;
let transport: EmbeddedTransport;
const mounts: string[] = [];
beforeEach(async () => {
  folder = temporaryFolder();
  transport = openEmbedded({ path: join(folder.path, 'log.sqlite') });
  await prepareTopics(transport);
});
afterEach(async () => {
  await transport.close();
  // Lazily: a test that failed may have left a file open.
  for (const mount of mounts.splice(0)) execFileSync('umount', ['-l', mount]);
  folder.remove();
});

const never = new AbortController().signal;
const names = (count: number) => Array.from({ length: count }, (_, n) => `m${String(n).padStart(3, '0')}`);
const patience = { ...patient, interval: 5 };
const toObjects: Partial<PipelineSpec> = {
  to: [{ objects: 'made/{job}.bin' }, { topic: 'out', schema: 'job.changed' }],
};

interface Changes extends Partial<RunOptions> {
  spec?: Partial<PipelineSpec>;
  with?: Partial<Resources>;
}
const run = (operators: Operator[], { spec: changes = toObjects, with: given = {}, ...options }: Changes = {}) =>
  runPipeline(spec(operators, changes), {
    transport,
    resources: resourcesWith(given),
    signal: never,
    drain: true,
    log: quietLog,
    ...options,
  });

/** What is logged at `warn`, which is what is shown unless somebody asks for more. */
function listening() {
  const said: [message: string, fields: Record<string, unknown>][] = [];
  return {
    said,
    log: { ...quietLog, warn: (fields: object, message: string) => void said.push([message, { ...fields }]) },
  };
}

/** An object store that fails while `trouble` has a code. */
function storeWith(state: { trouble: ErrorCode | null }): ObjectStore & { puts: string[] } {
  const puts: string[] = [];
  return {
    puts,
    async put(key: string) {
      if (state.trouble) throw new VimiError(state.trouble, 'The object store is in trouble');
      puts.push(key);
      return { key, size: 1, sha256: '0'.repeat(64), media_type: 'text/plain' };
    },
  } as unknown as ObjectStore & { puts: string[] };
}

const surroundings: ErrorCode[] = [
  'STORAGE_FULL',
  'STORAGE_UNAVAILABLE',
  'STORAGE_DENIED',
  'BUCKET_NOT_FOUND',
  'CLOCK_SKEWED',
];

describe('trouble of the surroundings', () => {
  it.each(surroundings)(
    '[streams F13] [streams F14] [streams S3-503] %s at the sink pauses the pipeline, and nobody is rejected',
    async (code) => {
      await transport.publish(names(40).map((name) => media(name, 'one key')));
      const state: { trouble: ErrorCode | null } = { trouble: code };
      const worked: string[] = [];
      const work = eachMedia(({ uri }) => {
        worked.push(uri);
        return productOf(uri);
      });
      const metrics = createMetrics();
      const { said, log } = listening();
      const running = run([work], {
        spec: { ...toObjects, maxInFlight: 16 },
        with: { objects: storeWith(state) },
        metrics,
        log,
      });
      await vi.waitFor(() => expect(metrics.readiness().reasons[0]).toContain(code), patience);
      const soFar = worked.length;
      expect(soFar).toBeLessThanOrEqual(16);
      expect(metrics.readiness().reasons).toHaveLength(1);
      expect(await metrics.registry.metrics()).toContain(`vimi_paused{pipeline="test",code="${code}",step="to"} 1`);
      // Whatever came in between: no step has begun with anything more.
      expect(worked.length).toBe(soFar);
      state.trouble = null;
      expect((await running).run).toEqual({ delivered: 40, rejected: 0, dropped: {} });
      expect(worked.sort()).toEqual(names(40));
      expect(await delivered(transport)).toEqual(names(40));
      expect(said.map(([message]) => message.split(':')[0])).toEqual(['Paused', 'Continuing']);
      expect(said[0]![1]).toMatchObject({ code, step: 'to', remedy: expect.any(String) });
      expect(await metrics.registry.metrics()).not.toContain('vimi_paused{');
    },
  );

  it('does not say that it continues when it is stopped while it is paused', async () => {
    await transport.publish([media('m')]);
    const { said, log } = listening();
    const stop = new AbortController();
    const work = eachMedia(({ uri }) => productOf(uri));
    const given = { objects: storeWith({ trouble: 'STORAGE_FULL' }) };
    const running = run([work], { with: given, log, signal: stop.signal, drain: false, drainMs: 0 });
    await vi.waitFor(() => expect(said).toHaveLength(1), patience);
    stop.abort();
    expect((await running).run).toEqual({ delivered: 0, rejected: 0, dropped: {} });
    expect(said.map(([message]) => message.split(':')[0])).toEqual(['Paused', 'Stopping while paused']);
  });

  it('[kind 4] met while sealing pauses too, and does not end the run', async () => {
    await transport.publish(names(5).map((name) => media(name)));
    let trouble = true;
    const sealing = testOperator('seal', () => ({
      step: (source) => source,
      async onOffsetMove({ to }) {
        if (trouble) throw new VimiError('STORAGE_DENIED', 'The token expired');
        return { products: [], state: to };
      },
    }));
    const metrics = createMetrics();
    const running = run([eachMedia(({ uri }) => productOf(uri)), sealing], { spec: {}, metrics });
    await vi.waitFor(
      () => expect(metrics.readiness().reasons[0]).toContain('is paused at commit: STORAGE_DENIED'),
      patience,
    );
    trouble = false;
    expect((await running).run).toEqual({ delivered: 5, rejected: 0, dropped: {} });
  });

  it('[kind 4] a paused run is stopped as any other, and loses nothing', async () => {
    await transport.publish(names(10).map((name) => media(name)));
    const state: { trouble: ErrorCode | null } = { trouble: 'STORAGE_DENIED' };
    const objects = storeWith(state);
    const work = eachMedia(({ uri }) => productOf(uri));
    const stop = new AbortController();
    const metrics = createMetrics();
    const running = run([work], { drain: false, signal: stop.signal, drainMs: 50, metrics, with: { objects } });
    await vi.waitFor(() => expect(metrics.readiness().reasons[0]).toContain('STORAGE_DENIED'), patience);
    stop.abort();
    expect(await running).toMatchObject({ end: 'stopped', run: { delivered: 0, rejected: 0, dropped: {} } });
    state.trouble = null;
    await run([work], { with: { objects } });
    expect(await delivered(transport)).toEqual(names(10));
    expect(await readAll(transport, 'rejects')).toEqual([]);
  });

  it('[kind 4] what may be the fault of the event is tried three times, then rejected', async () => {
    await transport.publish(names(3).map((name) => media(name)));
    const work = eachMedia(({ uri }) => {
      if (uri === 'm001') throw new VimiError('TOOL_CRASHED', 'ffprobe ended by SIGSEGV');
      return productOf(uri);
    });
    expect((await run([work], { spec: {} })).run).toEqual({ delivered: 2, rejected: 1, dropped: {} });
  });
});

describe('nothing is lost silently', () => {
  const dropping = (reason: (uri: string) => string) =>
    testOperator('own', () => ({
      step: mapEach<'media'>(({ media: { uri } }) => drop(reason(uri)), {
        step: 'own',
        concurrency: 1,
        clock: systemClock,
      }),
    }));

  it("[use U3] a custom operator's drops are counted under its own words, in this run and over all", async () => {
    await transport.publish(names(5).map((name) => media(name)));
    const metrics = createMetrics();
    const operator = dropping((uri) => (uri < 'm003' ? 'has-watermark' : 'custom'));
    const report = await run([operator], { spec: {}, metrics });
    const expected = { delivered: 0, rejected: 0, dropped: { 'has-watermark': 3, custom: 2 } };
    expect(report).toMatchObject({ run: expected, total: expected });
    expect(reportLine(report)).toBe('delivered 0, rejected 0, dropped 5 (has-watermark 3, custom 2)');
    expect((await run([operator], { spec: {} })).total).toEqual(expected);
    expect(await metrics.registry.metrics()).toContain(
      'vimi_events_total{pipeline="test",outcome="dropped",detail="has-watermark"} 3',
    );
  });

  it('[kind 5] however many words it has, and however long they are, every drop is counted and fits a commit', async () => {
    await transport.publish(names(60).map((name) => media(name, 'one key')));
    const report = await run([dropping((uri) => `why ${'not '.repeat(200)} ${uri}`.slice(uri < 'm030' ? 800 : 0))], {
      spec: {},
    });
    expect(Object.values(report.total.dropped).reduce((sum, times) => sum + times, 0)).toBe(60);
    const many = await (async () => {
      await transport.publish(names(60).map((name) => media(name, 'one key')));
      return run([dropping((uri) => `reason-${uri}`)], { spec: {} });
    })();
    expect(Object.values(many.total.dropped).reduce((sum, times) => sum + times, 0)).toBe(120);
    expect(Object.keys(many.total.dropped).length).toBeLessThanOrEqual(9);
    expect(many.run.dropped.other).toBeGreaterThan(0);
  });

  it('[media F30] what is dropped beside something delivered is counted', async () => {
    await transport.publish([media('film')]);
    const split = eachMedia(({ uri }) => Array.from({ length: 17 }, (_, n) => ({ media: { uri: `${uri}-${n}` } })));
    const filter = testOperator('filter', () => ({
      step: mapEach<'media'>(
        ({ media: { uri } }) => (Number(uri.split('-')[1]) < 3 ? productOf(uri) : drop('too-still')),
        { step: 'filter', concurrency: 4, clock: systemClock },
      ),
    }));
    const metrics = createMetrics();
    const report = await run([split, filter], { spec: {}, metrics });
    expect(report.run).toEqual({ delivered: 1, rejected: 0, dropped: {} });
    expect(report.parts).toEqual({ delivered: 3, rejected: 0, dropped: { 'too-still': 14 } });
    expect(reportLine(report)).toBe(
      'delivered 1, rejected 0, dropped 0; of their parts: delivered 3, rejected 0, dropped 14 (too-still 14)',
    );
    expect(await metrics.registry.metrics()).toContain(
      'vimi_parts_total{pipeline="test",outcome="dropped",detail="too-still"} 14',
    );
  });

  it('[streams F10] records that retention took before they were read are counted, said once, and in the last line', async () => {
    await transport.publish(names(10).map((name) => ({ ...media(name), partition: 0 })));
    await run([eachMedia(({ uri }) => productOf(uri))], { spec: {} });
    await transport.publish(names(10).map((name) => ({ ...media(`later-${name}`), partition: 0 })));
    // What no cleaner of ours does, as it waits for the groups: seven of the ten go.
    const file = new SqliteFile(join(folder.path, 'log.sqlite'));
    const [id] = file.prepare("SELECT id FROM logs WHERE topic = 'in' AND partition = 0").pluck().all() as number[];
    file.prepare('DELETE FROM records WHERE id >= ? AND id < ?').run(id! * 2 ** 40, id! * 2 ** 40 + 17);
    file.prepare('UPDATE logs SET low = 17 WHERE id = ?').run(id);
    file.close();
    const metrics = createMetrics();
    const { said, log } = listening();
    const report = await run([eachMedia(({ uri }) => productOf(uri))], { spec: {}, metrics, log });
    expect(report.lost).toEqual({ retention: 7 });
    expect(reportLine(report)).toBe('delivered 3, rejected 0, dropped 0; lost 7 (retention 7)');
    expect(said).toEqual([
      [expect.stringMatching(/^Lost/), expect.objectContaining({ partition: 0, from: 10, to: 17, records: 7 })],
    ]);
    expect(await metrics.registry.metrics()).toContain('vimi_lost_total{pipeline="test",reason="retention"} 7');
  });

  it('records that go while the topic is read are counted once, whoever waits for room [kind 5 truncated]', async () => {
    await transport.publish(names(600).map((name) => ({ ...media(name), partition: 0 })));
    const gate = new AbortController();
    const began: string[] = [];
    const work = eachMedia(async ({ uri }) => {
      began.push(uri);
      if (!gate.signal.aborted) await new Promise((resolve) => gate.signal.addEventListener('abort', resolve));
      return productOf(uri);
    });
    const { said, log } = listening();
    const running = run([work], { spec: { maxInFlight: 2 }, log });
    await vi.waitFor(() => expect(began.length).toBeGreaterThan(0), patience);
    const file = new SqliteFile(join(folder.path, 'log.sqlite'));
    const [id] = file.prepare("SELECT id FROM logs WHERE topic = 'in' AND partition = 0").pluck().all() as number[];
    file.prepare('DELETE FROM records WHERE id >= ? AND id < ?').run(id! * 2 ** 40, id! * 2 ** 40 + 590);
    file.prepare('UPDATE logs SET low = 590 WHERE id = ?').run(id);
    file.close();
    gate.abort();
    const report = await running;
    // Some may have been in its hands.
    expect(report.run.delivered + (report.lost.retention ?? 0)).toBe(600);
    expect(report.lost.retention).toBeGreaterThan(0);
    expect(said.filter(([message]) => message.startsWith('Lost'))).toHaveLength(1);
  });

  it('what a step splits into nothing has an outcome all the same [kind 5 zero]', async () => {
    await transport.publish(names(3).map((name) => media(name)));
    const split = eachMedia(({ uri }) => (uri === 'm001' ? [] : [productOf(uri), productOf(`${uri}-2`)]));
    const report = await run([split], { spec: {} });
    expect(report.run).toEqual({ delivered: 2, rejected: 0, dropped: { custom: 1 } });
    expect(reportLine(report)).toBe(
      'delivered 2, rejected 0, dropped 1 (custom 1); of their parts: delivered 4, rejected 0, dropped 1 (custom 1)',
    );
  });

  /** As if the group had committed that. */
  const moveTo = (sql: string) => {
    const file = new SqliteFile(join(folder.path, 'log.sqlite'));
    file.prepare(sql).run();
    file.close();
  };
  const echo = eachMedia(({ uri }) => productOf(uri));

  it.each([
    ['streams F11', 'beyond-end', 'UPDATE positions SET offset = 500, checksum = NULL'],
    ['streams F12', 'expired', 'DELETE FROM positions'],
  ])('[%s] a position that is %s stops the pipeline until it is told what to do', async (_, reason, sql) => {
    await transport.publish(names(10).map((name) => ({ ...media(name), partition: 0 })));
    await run([echo], { spec: {} });
    moveTo(sql);
    await transport.publish([{ ...media('later'), partition: 0 }]);
    const stopped = run([echo], { spec: {} });
    await expect(stopped).rejects.toMatchObject({
      code: 'POSITION_LOST',
      remedy: expect.stringContaining('on_lost_position: earliest'),
    });
    expect(await delivered(transport)).toHaveLength(10);
    const metrics = createMetrics();
    const { said, log } = listening();
    const latest = await run([echo], { spec: { onLostPosition: 'latest' }, metrics, log });
    expect(latest.run.delivered).toBe(0);
    expect(said[0]![1]).toMatchObject({ reason, start: 11 });
    expect(await metrics.registry.metrics()).toContain(
      `vimi_lost_positions_total{pipeline="test",reason="${reason}"} 1`,
    );
    await transport.publish([{ ...media('last'), partition: 0 }]);
    expect((await run([echo], { spec: { onLostPosition: 'latest' } })).run.delivered).toBe(1);
    moveTo(sql);
    const earliest = await run([echo], { spec: { onLostPosition: 'earliest' } });
    expect(earliest.run.delivered).toBe(12);
    expect((await run([echo], { spec: {} })).run.delivered).toBe(0);
  });

  it('[kind 5] a new group of a topic that others have read is no lost one', async () => {
    await transport.publish(names(3).map((name) => media(name)));
    await run([echo], { spec: {} });
    expect((await run([echo], { spec: { name: 'other', group: 'other' } })).run.delivered).toBe(3);
  });

  it('[use U4] an event whose bytes the store is slow to take is in flight in `to`', async () => {
    await transport.publish([media('one')]);
    const metrics = createMetrics();
    const stop = new AbortController();
    const objects = storeWith({ trouble: null });
    objects.put = () => new Promise<never>(() => {});
    const waiting = run([echo], { drain: false, with: { objects }, metrics, signal: stop.signal, drainMs: 1 });
    await vi.waitFor(
      async () =>
        expect(await metrics.registry.metrics()).toContain('vimi_step_in_flight{pipeline="test",step="to"} 1'),
      patience,
    );
    stop.abort();
    await waiting;
  });

  it('[use U4] a step that does not come to an end is named with its event, and given up at step_limit', async () => {
    await transport.publish(names(3).map((name) => media(name)));
    const hanging = eachMedia(({ uri }) => (uri === 'm001' ? new Promise<never>(() => {}) : productOf(uri)));
    const metrics = createMetrics();
    const stop = new AbortController();
    const unlimited = run([hanging], { drain: false, spec: {}, metrics, signal: stop.signal, drainMs: 1 });
    await vi.waitFor(
      async () =>
        expect(await metrics.registry.metrics()).toMatch(
          /vimi_step_oldest_seconds\{pipeline="test",step="work"\} [1-9]/,
        ),
      patience,
    );
    stop.abort();
    await unlimited;
    const report = await run([hanging], { spec: { stepLimitMs: 1500 } });
    expect(report.run).toMatchObject({ rejected: 1 });
    const [reject] = await readAll(transport, 'rejects');
    expect(JSON.parse(String(reject!.value))).toMatchObject({
      step: 'work',
      attempts: 1,
      error: { code: 'STEP_STUCK' },
    });
  });
});

/** A file system of its own; null where this user may mount none. */
function mount(path: string, size: string): string | null {
  mkdirSync(path, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return null;
  }
  mounts.push(path);
  return path;
}

/** Takes all the space there is; returns how to give it back. */
function fill(path: string): () => void {
  const { bsize, bavail } = statfsSync(path);
  const filler = join(path, 'filler');
  writeFileSync(filler, Buffer.alloc(bsize * bavail));
  return () => rmSync(filler);
}

/** All that a log of its own opening holds. */
async function readOf(path: string) {
  const own = openEmbedded({ path });
  try {
    return await readAll(own, 'in');
  } finally {
    await own.close();
  }
}

/** Two frames of 32x32 for each event. */
const drawn = eachMedia(({ uri }) => ({
  job: { request: { source: '/shop', id: 'order-66' }, id: uri, seed: 1 },
  prompt: { task: 'text-to-video', instruction: '', parts: [{ text: uri }] },
  context: { entries: [], nearDuplicates: [], corpus: { documents: 0, digest: '0'.repeat(32) } },
  frames: {
    video: { width: 32, height: 32, frames: 2, data: new Uint8Array(32 * 32 * 3 * 2) },
    fps: 8,
    model: { name: 'test', weights: '0'.repeat(64), backend: 'none' },
    sampler: { name: 'none', steps: 1, guidance: { text: 1, image: 1 }, seed: 1 },
    seconds: 0,
  },
}));

const oddSize = {
  frames: {
    video: { width: 36, height: 36, frames: 2, data: new Uint8Array(36 * 36 * 3 * 2) },
    fps: 8,
    model: { name: 'test', weights: '0'.repeat(64), backend: 'none' },
    sampler: { name: 'none', steps: 1, guidance: { text: 1, image: 1 }, seed: 1 },
    seconds: 0,
  },
};
const encoding: Operator = {
  ...encode,
  create: (_, resources) => encode.create(encode.config.parse({}) as never, resources),
};

describe.skipIf(process.platform === 'win32')('an ffmpeg that crashes', () => {
  const program = (commands: string) => {
    const path = join(folder.path, 'ffmpeg');
    writeFileSync(
      path,
      `#!/bin/sh\ncase "$*" in *-version*) exec ${mediaTools({}).ffmpeg.path} "$@";; esac\n${commands}\n`,
      {
        mode: 0o755,
      },
    );
    return path;
  };
  const real = `exec ${mediaTools({}).ffmpeg.path} "$@"`;
  const encodeAll = async (commands: string) => {
    vi.stubEnv('VIMI_FFMPEG', program(commands));
    await transport.publish(names(6).map((name) => media(name)));
    const metrics = createMetrics();
    const running = run([drawn, encoding], {
      spec: { to: [{ objects: 'videos/{job}.mp4' }, { topic: 'out', schema: 'video.completed' }] },
      with: { objects: await openFileStore(join(folder.path, 'objects')), workDir: join(folder.path, 'work') },
      metrics,
    });
    return { metrics, running };
  };
  afterEach(() => vi.unstubAllEnvs());

  it.each([
    ['on every video', 'kill -SEGV $$'],
    [
      'at its start, for want of a library',
      'echo "error while loading shared libraries: libx264.so.160" >&2; exit 127',
    ],
    ['without its encoder', 'echo "Unknown encoder \'libx264\'" >&2; exit 1'],
  ])('%s pauses the pipeline until it works [kind 4 encoder]', async (_, commands) => {
    const { metrics, running } = await encodeAll(commands);
    await vi.waitFor(() => expect(metrics.readiness().reasons[0]).toContain('TOOL_UNUSABLE'), patience);
    expect(await readAll(transport, 'rejects')).toEqual([]);
    program(real);
    expect((await running).run).toEqual({ delivered: 6, rejected: 0, dropped: {} });
  });

  it('on one kind of video alone rejects those, and makes the others [kind 4 encoder]', async () => {
    const { running } = await encodeAll(`case "$*" in *36x36*) kill -SEGV $$;; esac\n${real}`);
    expect((await running).run.delivered).toBe(6);
    const odd = eachMedia(({ uri }) => (uri === 'm003' ? oddSize : {}));
    await transport.publish(names(6).map((name) => media(name)));
    const report = await run([drawn, odd, encoding], {
      spec: { to: [{ objects: 'videos/{job}.mp4' }, { topic: 'out', schema: 'video.completed' }] },
      with: { objects: await openFileStore(join(folder.path, 'objects')), workDir: join(folder.path, 'work') },
    });
    expect(report.run).toEqual({ delivered: 5, rejected: 1, dropped: {} });
  });
});

describe('on a disk that is really full', () => {
  it('[streams F13] a log that is opened or read says that no space is left', async (test) => {
    const disk = mount(join(folder.path, 'disk'), '2m');
    if (!disk) return test.skip();
    const path = join(disk, 'log.sqlite');
    const before = openEmbedded({ path });
    await prepareTopics(before);
    await before.publish([media('first')]);
    await before.close();
    const empty = fill(disk);
    const isFull = { code: 'STORAGE_FULL', where: path };
    await expect(readOf(path)).rejects.toMatchObject(isFull);
    empty();
    expect(await readOf(path)).toHaveLength(1);
  });

  it('[streams F13] [safety S7] encode, the objects and the log wait for space, and all is made once there is', async (test) => {
    const disk = mount(join(folder.path, 'disk'), '12m');
    if (!disk) return test.skip();
    const own = openEmbedded({ path: join(disk, 'log.sqlite') });
    await prepareTopics(own);
    await own.publish(names(24).map((name) => media(name)));
    const objects = await openFileStore(join(disk, 'objects'));
    const metrics = createMetrics();
    const isFull = new AbortController();
    const made = new Map<string, number>();
    const counting = eachMedia(async ({ uri }) => {
      await new Promise<void>((resolve) => {
        if (isFull.signal.aborted) resolve();
        isFull.signal.addEventListener('abort', () => resolve());
      });
      made.set(uri, (made.get(uri) ?? 0) + 1);
      return {};
    });
    const running = run([counting, drawn, encoding], {
      transport: own,
      spec: { to: [{ objects: 'videos/{job}.mp4' }, { topic: 'out', schema: 'video.completed' }] },
      with: { objects, workDir: join(disk, 'work') },
      metrics,
    });
    await vi.waitFor(() => expect(metrics.readiness().reasons).toEqual([]), patience);
    const empty = fill(disk);
    isFull.abort();
    await vi.waitFor(() => expect(metrics.readiness().reasons[0]).toContain('STORAGE_FULL'), patience);
    expect(await readAll(own, 'rejects')).toEqual([]);
    empty();
    expect((await running).run).toEqual({ delivered: 24, rejected: 0, dropped: {} });
    expect([...made.values()].every((times) => times === 1)).toBe(true);
    expect(existsSync(join(disk, 'objects', 'videos', 'm000.mp4'))).toBe(true);
    await own.close();
  });
});
