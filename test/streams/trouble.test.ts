import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ErrorCode, VimiError } from '../../src/errors.js';
import { encode } from '../../src/operators/encode.js';
import type { Operator, Resources } from '../../src/operators/operator.js';
import { openFileStore } from '../../src/stores/files.js';
import type { ObjectStore } from '../../src/stores/object-store.js';
import { createMetrics } from '../../src/streams/metrics.js';
import { type RunOptions, runPipeline } from '../../src/streams/pipeline.js';
import type { PipelineSpec } from '../../src/streams/pipeline-spec.js';
import { type EmbeddedTransport, openEmbedded } from '../../src/streams/transports/embedded.js';
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
const patience = { timeout: 120_000, interval: 5 };
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
        spec: { ...toObjects, window: 16 },
        with: { objects: storeWith(state) },
        metrics,
        log,
      });
      await vi.waitFor(() => expect(metrics.hindrances()[0]).toContain(code), patience);
      const soFar = worked.length;
      expect(soFar).toBeLessThanOrEqual(16);
      expect(metrics.hindrances()).toHaveLength(1);
      expect(await metrics.registry.metrics()).toContain(`vimi_paused{pipeline="test",code="${code}",step="to"} 1`);
      // Whatever came in between: no step has begun with anything more.
      expect(worked.length).toBe(soFar);
      state.trouble = null;
      expect((await running).run).toEqual({ delivered: 40, rejected: 0, dropped: {} });
      expect(worked.sort()).toEqual(names(40));
      expect(await delivered(transport)).toEqual(names(40));
      expect(said.map(([message]) => message.split(':')[0])).toEqual(['Paused', 'Going on']);
      expect(said[0]![1]).toMatchObject({ code, step: 'to', remedy: expect.any(String) });
      expect(await metrics.registry.metrics()).not.toContain('vimi_paused{');
    },
  );

  it('[kind 4] met while sealing pauses too, and does not end the run', async () => {
    await transport.publish(names(5).map((name) => media(name)));
    let trouble = true;
    const sealing = testOperator('seal', () => ({
      step: (source) => source,
      async onWatermark({ to }) {
        if (trouble) throw new VimiError('STORAGE_DENIED', 'The token expired');
        return { products: [], mark: to };
      },
    }));
    const metrics = createMetrics();
    const running = run([eachMedia(({ uri }) => productOf(uri)), sealing], { spec: {}, metrics });
    await vi.waitFor(() => expect(metrics.hindrances()[0]).toContain('is paused at commit: STORAGE_DENIED'), patience);
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
    await vi.waitFor(() => expect(metrics.hindrances()[0]).toContain('STORAGE_DENIED'), patience);
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

/** One frame of 32x32 for each event. */
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

describe('on a disk that is really full', () => {
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
    const encoding: Operator = {
      ...encode,
      create: (_, resources) => encode.create(encode.config.parse({}) as never, resources),
    };
    const running = run([counting, drawn, encoding], {
      transport: own,
      spec: { to: [{ objects: 'videos/{job}.mp4' }, { topic: 'out', schema: 'video.completed' }] },
      with: { objects, workDir: join(disk, 'work') },
      metrics,
    });
    await vi.waitFor(() => expect(metrics.hindrances()).toEqual([]), patience);
    const empty = fill(disk);
    isFull.abort();
    await vi.waitFor(() => expect(metrics.hindrances()[0]).toContain('STORAGE_FULL'), patience);
    expect(await readAll(own, 'rejects')).toEqual([]);
    empty();
    expect((await running).run).toEqual({ delivered: 24, rejected: 0, dropped: {} });
    expect([...made.values()].every((times) => times === 1)).toBe(true);
    expect(existsSync(join(disk, 'objects', 'videos', 'm000.mp4'))).toBe(true);
    await own.close();
  });
});
