import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openClient } from '../../src/app/client/index.js';
import type { Job } from '../../src/app/client/job.js';
import { endsOf } from '../../src/app/new-records.js';
import { runPipelines } from '../../src/app/run-pipelines.js';
import { Workspace } from '../../src/app/workspace.js';
import { never, testFolder } from '../media/make-media.js';
import { quietLog, thrownBy } from '../operators/run-operator.js';
import { patient } from '../support/patience.js';

/*
 * The client against the pipeline that ships, with a model that paints at once. Topics that carry the same schemas stand
 * before those that the pipeline names: a client that took the first would wait at the wrong ones.
 */

const folder = await testFolder();
const topology = join(folder, 'topology.yaml');
writeFileSync(
  topology,
  readFileSync(join(import.meta.dirname, '../../topology.yaml'), 'utf8')
    .replace(/model: nano, upsampler: [\w-]+/, 'model: fake')
    .replace(
      '\ntopics:\n',
      '$&  old-requests: { schema: generation.requested }\n  old-jobs: { schema: job.changed, cleanup: compact }\n  old-videos: { schema: video.completed }\n',
    ),
);
const workspace = await Workspace.open({ topology, log: quietLog });
const client = await openClient({ topology });
afterAll(async () => {
  await client.close();
  await workspace.close();
});

const serve = () => runPipelines(workspace, [workspace.pipeline('generate')], { drain: true, signal: never });
const states = async (job: Job) => {
  const told: string[] = [];
  for await (const { state } of job.changes()) told.push(state);
  return told;
};
/** Without in_progress, which may be told once, more often or not at all. */
const steps = async (job: Job) => (await states(job)).filter((state) => state !== 'in_progress');

describe('a client', patient, () => {
  it('submits a request, follows its job, finds its video and saves it', async () => {
    const job = await client.submit('a fox runs');
    await serve();
    const told = await states(job);
    expect(told[0]).toBe('queued');
    expect(told.at(-1)).toBe('completed');
    // What was told may be asked for again.
    expect(await states(job)).toEqual(told);

    const video = await job.video();
    expect(video.data).toMatchObject({ job: job.id, request: job.request, model: { name: 'fake' } });
    const bytes = await client.bytes(video);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(video.data.object.sha256);
    await client.save(video, join(folder, 'fox.mp4'));
    expect(readFileSync(join(folder, 'fox.mp4')).equals(bytes)).toBe(true);
    const lost = await thrownBy(() => client.save(video, join(folder, 'no/such/folder.mp4')));
    expect(lost.code).toBe('FILE_UNUSABLE');

    const { topic, partition, offset } = video.record;
    for (const name of [job.id, job.request.id, video.id, `${topic}-${partition}-${offset}`])
      expect((await client.video(name)).record.offset).toBe(offset);
    expect(await thrownBy(() => client.video('nobody'))).toMatchObject({ code: 'VIDEO_NOT_FOUND' });
  });

  it('names no video by an id that two sources use [kind 2 alike]', async () => {
    const ask = (source: string) => client.submit({ prompt: `a fox of ${source}`, seed: 1 }, { id: 'order 1', source });
    const [one, other] = [await ask('/a'), await ask('/b')];
    await serve();
    const both = await thrownBy(() => client.video('order 1'));
    expect(both).toMatchObject({ code: 'USAGE', found: expect.stringContaining(`${one.id} of /a`) });
    expect((await client.video(other.id)).data.request).toEqual({ source: '/b', id: 'order 1' });
  });

  it('follows many jobs at once, each by itself', async () => {
    const jobs = await Promise.all(['a fox', 'a boat', 'a kite'].map((prompt) => client.submit({ prompt, seed: 1 })));
    await serve();
    const videos = await Promise.all(jobs.map((job) => job.video()));
    expect(videos.map(({ data }) => data.job)).toEqual(jobs.map(({ id }) => id));
    expect(new Set(videos.map(({ data }) => data.prompt.parts.at(-1))).size).toBe(3);
  });

  it('makes one job of a request that is submitted twice, and refuses another one under its id', async () => {
    const first = await client.submit({ prompt: 'a fox', seed: 1 }, { id: 'order-1' });
    await serve();
    expect(await steps(first)).toEqual(['queued', 'completed']);
    // Nobody serves: the answer is there.
    const again = await client.submit({ seed: 1, prompt: 'a fox' }, { id: 'order-1' });
    expect(await states(again)).toEqual(['completed']);
    expect((await again.video()).id).toBe((await first.video()).id);

    const transport = await workspace.transport();
    const before = await endsOf(transport, 'requests');
    const other = await thrownBy(() => client.submit('a boat', { id: 'order-1' }));
    expect(other).toMatchObject({ code: 'REQUEST_ID_TAKEN', found: 'order-1' });
    expect(await endsOf(transport, 'requests')).toEqual(before);
    expect(await client.submit('a boat', { id: 'order-1', source: '/another' })).toMatchObject({
      request: { id: 'order-1', source: '/another' },
    });
    await serve();
  });

  it('cancels a job, and says so to who waits for it', async () => {
    const job = await client.submit('a fox runs');
    await job.cancel();
    await serve();
    expect((await states(job)).at(-1)).toBe('cancelled');
    expect((await thrownBy(() => job.video())).code).toBe('CANCELLED');
    for (const name of [job.id, job.request.id])
      expect(await thrownBy(() => client.video(name))).toMatchObject({
        code: 'VIDEO_NOT_FOUND',
        found: 'cancelled',
        where: job.id,
      });
  });

  it('says what a request failed of, and tries again what failed', async () => {
    const job = await client.submit({ prompt: ' ' }, { id: 'empty' });
    await serve();
    expect(await thrownBy(() => job.video())).toMatchObject({ code: 'PROMPT_EMPTY', where: job.id });
    expect((await thrownBy(() => client.video('empty'))).found).toMatch(/^failed: PROMPT_EMPTY: /);

    const again = await client.submit({ prompt: 'a fox' }, { id: 'empty' });
    const waited = steps(again);
    await serve();
    expect(await waited).toEqual(['queued', 'completed']);
  });

  it('finds the job of a request that somebody else submitted', async () => {
    const others = await openClient({ topology });
    const submitted = await others.submit('a fox', { id: 'theirs', source: '/shop' });
    await others.close();
    // Whoever waits for a client that is closed waits for nothing.
    expect((await thrownBy(() => submitted.video())).code).toBe('CANCELLED');
    const early = await client.job({ id: 'theirs', source: '/shop' });
    await serve();
    expect(await steps(early)).toEqual(['queued', 'completed']);
    const late = await client.job({ id: 'theirs', source: '/shop' });
    expect(await states(late)).toEqual(['completed']);
    expect((await late.video()).id).toBe((await early.video()).id);
  });

  it('lets go when its signal says so, while the job goes on', async () => {
    const job = await client.submit('a fox runs');
    const stop = new AbortController();
    const waited = job.video({ signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(waited).rejects.toThrow('enough');
    await serve();
    expect((await job.video()).data.job).toBe(job.id);
  });

  it('publishes nothing that no pipeline could take, and needs one that makes videos', async () => {
    const wrong = await thrownBy(() => client.submit({ prompt: 'a fox', frames: 1_000_000 }));
    expect(wrong.code).toBe('EVENT_INVALID');
    expect((await thrownBy(() => openClient({ topology, pipeline: 'corpus' }))).code).toBe('USAGE');
    expect((await thrownBy(() => openClient({ topology, pipeline: 'nothing' }))).code).toBe('USAGE');
    expect((await thrownBy(() => openClient({ topology: join(folder, 'none.yaml') }))).code).toBe('TOPOLOGY_NOT_FOUND');
  });
});
