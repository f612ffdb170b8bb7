import { dirname } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runPipelines } from '../../../src/app/run-pipelines.js';
import { Workspace } from '../../../src/app/workspace.js';
import { type TopOptions, top } from '../../../src/cli/commands/top.js';
import type { Denoiser } from '../../../src/models/ports.js';
import { createFakeDenoiser } from '../../../src/models/servers/fake-denoiser.js';
import { operators } from '../../../src/operators/index.js';
import { serveHttp } from '../../../src/server/http-server.js';
import { addKey, keyPath, revokeKey } from '../../../src/server/keys/key-file.js';
import { readTopology } from '../../../src/streams/topology/read-topology.js';
import { never } from '../../media/make-media.js';
import { quietLog } from '../../operators/run-operator.js';
import { ownTopology } from '../../server/served.js';
import { patient } from '../../support/patience.js';

/** The fake model, which stops after the first of four steps until it is let go. */
function stopping(): { model: Denoiser; letGo(): void } {
  const fake = createFakeDenoiser();
  let letGo = () => {};
  const free = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const model: Denoiser = {
    ...fake,
    atOnce: () => 1,
    async generate(input, calls) {
      calls.onStep?.(1, 4);
      await free;
      return fake.generate(input, calls);
    },
  };
  return { model, letGo };
}

describe('vimi top of jobs and models', patient, () => {
  const { model, letGo } = stopping();
  const stop = new AbortController();
  let workspace: Workspace;
  let server: Awaited<ReturnType<typeof serveHttp>>;
  let run: Promise<unknown>;
  let file: string;

  beforeAll(async () => {
    file = await ownTopology();
    const topology = await readTopology(file, { env: {}, operators });
    workspace = Workspace.of(topology, { log: quietLog }, { openModel: async () => model });
    server = await serveHttp({ workspace, address: { host: '127.0.0.1', port: 0 }, version: 'test' });
    run = runPipelines(workspace, [workspace.pipeline('generate')], {
      ...{ drain: false, signal: stop.signal, metrics: workspace.metrics },
    });
    for (const id of ['fox', 'ship']) {
      const headers = { 'content-type': 'application/json', 'idempotency-key': id };
      await fetch(`${server.url}/v1/videos`, { method: 'POST', headers, body: JSON.stringify({ prompt: `a ${id}` }) });
    }
  });
  afterAll(async () => {
    letGo();
    stop.abort();
    await run;
    await server.close();
    await workspace.close();
  });

  const shown = async (options: Partial<TopOptions> = {}) => {
    const out = new PassThrough();
    const printed = text(out);
    await top([server.url], { intervalMs: 1, count: 1, redraws: false, signal: never, ...options }, out).finally(() =>
      out.end(),
    );
    return printed;
  };
  const json = async (options: Partial<TopOptions> = {}) => JSON.parse(await shown({ json: true, ...options }));

  it('has jobs by state, how far those in progress are, and what each model is at', async () => {
    await vi.waitFor(async () => expect((await json()).pipelines[0].jobs.in_progress).toBe(1), patient);
    const [{ jobs }] = (await json()).pipelines;
    expect(jobs).toEqual({
      ...{ queued: 1, in_progress: 1 },
      running: [{ job: expect.any(String), progress: 0.25, seconds: expect.any(Number) }],
    });
    const { models } = await json();
    expect(models).toEqual([
      {
        ...{ model: 'fake', backends: ['none'], devices: [], weights: [expect.stringMatching(/^[0-9a-f]{64}$/)] },
        ...{ servers: [], drawing: 1, waiting: 1, at_once: 1, busy: expect.any(Number) },
      },
    ]);
    expect(models[0].busy).toBeGreaterThan(0);
    const tables = await shown();
    expect(tables).toMatch(/^ {2}jobs: 1 queued, 1 in progress\n {4}\S+ {2}25 %, /m);
    expect(tables).toMatch(/^models\n {2}model +runs on +weights +drawing +at once +waiting +busy\n {2}fake +none +/m);
  });

  it('counts the jobs, and says how to see their progress, where the process asks for a key', async () => {
    const keys = keyPath(dirname(file), {});
    const { id, text: key } = await addKey(keys, 'watcher', ['read']);
    const { id: other, text: narrow } = await addKey(keys, 'shop', ['create']);
    await vi.waitFor(async () => expect((await fetch(`${server.url}/v1/pipelines?over=0`)).status).toBe(401), patient);
    for (const one of [undefined, narrow]) {
      const printed = await shown({ key: one });
      expect(printed).toMatch(/^The progress of jobs needs a key with the scope read: set VIMI_API_KEY$/m);
      expect(printed).toMatch(/^ {2}jobs: 1 queued, 1 in progress\n {2}step /m);
      expect((await json({ key: one })).pipelines[0].jobs).toEqual({ queued: 1, in_progress: 1, running: null });
    }
    expect(await shown({ key })).toMatch(/25 %/);
    for (const one of [id, other]) await revokeKey(keys, one);
  });

  it('has none of either once all is done', async () => {
    letGo();
    await vi.waitFor(async () => expect((await json()).pipelines[0].delivered).toBe(2), patient);
    const { pipelines, models } = await json();
    expect(pipelines[0].jobs).toEqual({ queued: 0, in_progress: 0, running: [] });
    expect(models[0]).toMatchObject({ drawing: 0, waiting: 0 });
    expect(await shown()).not.toContain('jobs:');
  });
});
