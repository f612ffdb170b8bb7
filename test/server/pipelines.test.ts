import { afterAll, describe, expect, it, vi } from 'vitest';
import { runPipelines } from '../../src/app/run-pipelines.js';
import { patient } from '../support/patience.js';
import { ownTopology, serve } from './served.js';

const served = await serve(await ownTopology());
afterAll(() => served.close());

// biome-ignore lint/suspicious/noExplicitAny: what came is what the test looks at.
const look = async (over = 0): Promise<any[]> => (await served.call(`/v1/pipelines?over=${over}`)).body.data;

describe('the pipelines over HTTP', patient, () => {
  it('are those of the topology, with the lag of those that nobody runs', async () => {
    await served.post('/v1/videos', { prompt: 'a boat' });
    const [generate, corpus] = await look();
    expect(generate).toMatchObject({
      ...{ name: 'generate', state: 'absent', troubles: [], from: 'requests', rejects: 'rejects' },
      ...{ rate: null, lag: 1, waiting: 1, delivered: 0, in_flight: 0, jobs: null },
      to: [{ objects: expect.stringContaining('{job}') }, { topic: 'videos' }],
    });
    expect(generate.steps.map(({ step }: { step: string }) => step)).toEqual([
      ...['admit', 'embed', 'retrieve', 'compose', 'denoise', 'encode'],
    ]);
    expect(generate.steps[2]).toEqual({
      ...{ step: 'retrieve', operator: 'retrieve', segment: 'ground', rate: null, in_flight: 0 },
      ...{ p50: null, p99: null, oldest: 0, rejected: 0 },
    });
    expect(corpus).toMatchObject({ name: 'corpus', from: 'media', lag: 0 });
  });

  it('have rates, times and outcomes while they run, and their troubles while they are paused', async () => {
    const stop = new AbortController();
    const { workspace } = served;
    const run = runPipelines(workspace, [workspace.pipeline('generate')], {
      ...{ drain: false, signal: stop.signal, metrics: workspace.metrics },
    });
    await vi.waitFor(
      async () => expect((await look())[0]).toMatchObject({ state: 'running', delivered: 1, lag: 0 }),
      patient,
    );
    const looked = look(1);
    for (const prompt of ['a fox', 'a ship', ' ']) await served.post('/v1/videos', { prompt, frames: 2 });
    const [generate] = await looked;
    expect(generate.rate).toBeGreaterThanOrEqual(0);
    await vi.waitFor(async () => {
      const [seen] = await look(0.1);
      expect(seen).toMatchObject({ delivered: 3, lag: 0, max_in_flight: expect.any(Number) });
      expect(seen.max_in_flight).toBeGreaterThan(0);
    }, patient);
    stop.abort();
    await run;

    const trouble = {
      code: 'STORAGE_FULL' as const,
      step: 'encode',
      message: 'The disk is full',
      remedy: 'Free some.',
    };
    const state = { partitions: 1, open: 2, waiting: 0, maxInFlight: 8, troubles: [trouble] };
    const end = workspace.metrics.watch('generate', () => ({
      ...state,
      oldest: new Map([['encode', 12]]),
      inStep: new Map([['encode', 2]]),
      jobs: () => [
        { job: 'fox', state: 'in_progress', progress: 0.5, seconds: 3 },
        { job: 'ship', state: 'queued', progress: 0, seconds: 1 },
      ],
      behind: async () => new Map([[0, { lag: 5, waiting: 4 }]]),
    }));
    const [paused] = await look();
    expect(paused).toMatchObject({ state: 'paused', troubles: [trouble], in_flight: 2, lag: 5, waiting: 4 });
    expect(paused.jobs).toEqual({
      ...{ queued: 1, in_progress: 1 },
      running: [{ job: 'fox', progress: 0.5, seconds: 3 }],
    });
    expect(paused.steps.at(-1)).toMatchObject({ step: 'encode', in_flight: 2, oldest: 12 });
    end();
  });

  it('are asked for with a time that makes sense', async () => {
    for (const over of ['-1', '11', 'soon'])
      expect(await served.call(`/v1/pipelines?over=${over}`)).toMatchObject({
        status: 400,
        body: { code: 'HTTP_MALFORMED' },
      });
  });

  it('are told nothing of when the server closes meanwhile', async () => {
    const other = await serve(await ownTopology());
    const asked = fetch(`${other.server.url}/v1/pipelines?over=10`).then(
      (answer) => answer.status,
      () => 'gone',
    );
    await new Promise((resolve) => setImmediate(resolve));
    await other.close();
    expect([503, 'gone']).toContain(await asked);
  });
});
