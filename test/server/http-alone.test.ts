import { afterAll, expect, it, vi } from 'vitest';
import { runPipelines } from '../../src/app/run-pipelines.js';
import { patience, patient } from '../support/patience.js';
import { ownTopology, serve } from './served.js';

const topology = await ownTopology();
const alone = await serve(topology);
const worker = await serve(topology);
afterAll(async () => {
  await alone.close();
  await worker.close();
});

it(
  'a process that runs no pipeline serves HTTP until it is stopped; another one makes the videos',
  async () => {
    const stop = new AbortController();
    const ended = vi.fn();
    const onRunning = vi.fn();
    const run = runPipelines(alone.workspace, [], {
      ...{ drain: false, signal: stop.signal, metrics: alone.workspace.metrics, onRunning },
    }).finally(ended);
    await vi.waitFor(() => expect(onRunning).toHaveBeenCalledOnce(), patient);
    expect(await (await fetch(`${alone.server.url}/ready`)).text()).toBe('READY\n');
    const { status, body } = await alone.post('/v1/videos', { prompt: 'a boat' });
    expect([status, body.status]).toEqual([202, 'queued']);
    await worker.drain();
    await vi.waitFor(
      async () => expect((await alone.call(`/v1/videos/${body.id}`)).body).toMatchObject({ status: 'completed' }),
      patient,
    );
    expect((await fetch(`${alone.server.url}/v1/videos/${body.id}/content`)).status).toBe(200);
    expect((await alone.post('/v1/context', { prompt: 'a red fox' })).status).toBe(200);
    expect(ended).not.toHaveBeenCalled();
    stop.abort();
    expect(await run).toEqual([]);
  },
  patience(120),
);
