import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { recordIn, reproduce } from '../../src/app/reproduce.js';
import { runPipelines } from '../../src/app/run-pipelines.js';
import { never } from '../media/make-media.js';
import { ownTopology, serve } from '../server/served.js';
import { patient } from '../support/patience.js';

/*
 * One vimi draws for another: what the second asks for over HTTP is a job of the first, and its video becomes frames again.
 * H.264 with its least loss, and colours as they are.
 */

const drawing = await serve(await ownTopology((text) => text.replace('encode: { scale: 4 }', 'encode: { crf: 1 }')));
const stop = new AbortController();
const running = runPipelines(drawing.workspace, [drawing.workspace.pipeline('generate')], {
  drain: false,
  signal: stop.signal,
});
const { host } = new URL(drawing.server.url);
const topology = await ownTopology((text) =>
  text
    .replace('model: fake', 'model: gpu')
    .replace(
      /^topics:$/m,
      `model_hosts: ["${host}"]\nmodels:\n  gpu: { type: remote, url: "http://${host}", api_key: "\${file:gpu.key}" }\ntopics:`,
    ),
);
writeFileSync(join(dirname(topology), 'gpu.key'), 'never-to-be-seen\n');
const asking = await serve(topology);
afterAll(async () => {
  await asking.close();
  stop.abort();
  await running;
  await drawing.close();
});

it('draws on another vimi, and records it', patient, async () => {
  const red = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
    'base64',
  );
  const asked = await asking.post('/v1/videos', {
    ...{ prompt: 'a fox runs', seed: 7, frames: 6, steps: 3, width: 48, height: 32 },
    references: [{ role: 'subject', data_url: `data:image/png;base64,${red.toString('base64')}` }],
  });
  expect(asked.status).toBe(202);
  await asking.drain();
  const job = `/v1/videos/${asked.body.id}`;
  const { body } = await asking.call(job);
  expect(body).toMatchObject({ status: 'completed', error: null, model: 'fake' });
  const content = await fetch(`${asking.server.url}${job}/content`);
  const mp4 = Buffer.from(await content.arrayBuffer());
  const record = recordIn(mp4, job);
  expect(record).toMatchObject({ frames: 6, width: 192, height: 128, sampler: { seed: 7, steps: 3 } });
  expect(record.model).toMatchObject({
    ...{ name: 'fake', weights: expect.stringMatching(/^[0-9a-f]{64}$/), backend: 'none' },
    server: {
      ...{ url: `http://${host}`, dialect: 'vimi' },
      asked: {
        ...{ prompt: 'a fox runs', seed: 7, frames: 6, steps: 3, width: 48, height: 32 },
        references: [{ role: 'subject', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }],
      },
    },
  });
  expect(JSON.stringify(record)).not.toContain('never-to-be-seen');

  // What was read is deleted there.
  const there = async () => (await drawing.call('/v1/videos')).body.data;
  await vi.waitFor(async () => expect(await there()).toEqual([]), patient);

  const { workspace } = asking;
  const pipeline = workspace.pipeline('generate');
  const resources = await workspace.resources(pipeline);
  const again = await reproduce(record, { pipeline, resources, signal: never });
  expect(again.differences).toEqual([]);
  expect(again.mp4.equals(mp4)).toBe(true);
});

it('says before anything is drawn what the other cannot make', patient, async () => {
  // At the door, where the other tells its limits in time; else the job would end so.
  const body = await vi.waitFor(async () => {
    const request = { prompt: 'a fox', frames: 60, width: 510, height: 511 };
    const answer = await asking.post('/v1/videos', request);
    expect(answer.status).toBe(422);
    return answer.body;
  }, patient);
  expect(body.code).toBe('REQUEST_OVER_LIMIT');
  expect(body.detail).toContain('height: a multiple of 2');
});

it('cancels there what is cancelled here', patient, async () => {
  // Long enough to be met while it is drawn, or waits.
  const request = { prompt: 'a slow fox', frames: 64, width: 512, height: 512, steps: 250 };
  const asked = await asking.post('/v1/videos', request);
  const end = new AbortController();
  const pipelines = [asking.workspace.pipeline('generate')];
  const serving = runPipelines(asking.workspace, pipelines, { drain: false, signal: end.signal });
  const there = async () => {
    const { body } = await drawing.call('/v1/videos');
    return body.data.find(({ prompt }: { prompt: string }) => prompt === 'a slow fox');
  };
  await vi.waitFor(async () => expect(await there()).toBeDefined(), patient);
  await asking.post(`/v1/videos/${asked.body.id}/cancel`, '{}');
  await vi.waitFor(async () => {
    const { body } = await asking.call(`/v1/videos/${asked.body.id}`);
    expect(['cancelled', 'completed']).toContain(body.status);
    // What was completed is read, and then deleted.
    expect((await there())?.status).toBe(body.status === 'completed' ? undefined : 'cancelled');
  }, patient);
  end.abort();
  await serving;
});
