import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { Client } from '../../src/app/client/client.js';
import type { StoredRecord } from '../../src/events/record.js';
import { video } from '../../src/server/videos/video.js';
import { never } from '../media/make-media.js';
import { patient } from '../support/patience.js';
import { ownTopology, serve } from './served.js';

/* Two replicas of one folder: what one is asked, the other knows. The pipeline runs when a test says so. */

const topology = await ownTopology();
const one = await serve(topology);
const other = await serve(topology);
afterAll(async () => {
  await one.close();
  await other.close();
});

describe('videos over HTTP', patient, () => {
  it('takes a request, tells of its job from every replica, and gives the MP4', async () => {
    const asked = await one.post('/v1/videos', { prompt: 'a fox runs', seed: 7, frames: 8, fps: 8 });
    expect(asked.status).toBe(202);
    const { id } = asked.body;
    expect(asked.headers.get('location')).toBe(`/v1/videos/${id}`);
    expect(asked.body).toMatchObject({
      ...{ object: 'video', status: 'queued', progress: 0, prompt: 'a fox runs', model: 'fake', seconds: '1' },
      ...{ queue: { position: 1, ahead: 0 }, completed_at: null, error: null, version: 0 },
    });
    // Nothing was drawn yet, and the other replica was not asked.
    expect((await other.call(`/v1/videos/${id}`)).body).toEqual(asked.body);
    const early = await other.call(`/v1/videos/${id}/content`);
    expect([early.status, early.body.code]).toEqual([409, 'VIDEO_NOT_READY']);

    await one.drain();
    const done = await one.call(`/v1/videos/${id}`);
    expect(done.body).toMatchObject({ status: 'completed', progress: 100, seed: 7, queue: null, context: [] });
    expect(done.body.version).toBeGreaterThan(0);
    expect((await other.post(`/v1/videos/${id}/cancel`, '{}')).body).toEqual(done.body);
    const mp4 = await fetch(`${other.server.url}/v1/videos/${id}/content`);
    const bytes = Buffer.from(await mp4.arrayBuffer());
    expect(mp4.headers.get('etag')).toBe(`"${createHash('sha256').update(bytes).digest('hex')}"`);
    expect(bytes.subarray(4, 8).toString()).toBe('ftyp');
  });

  it('gives parts of the MP4, and nothing of what the caller has', async () => {
    const asked = await one.post('/v1/videos', { prompt: 'a boat' });
    await one.drain();
    const address = `${one.server.url}/v1/videos/${asked.body.id}/content`;
    const whole = await fetch(address);
    const bytes = Buffer.from(await whole.arrayBuffer());
    const etag = whole.headers.get('etag')!;
    const part = async (headers: Record<string, string>, method = 'GET') => {
      const answer = await fetch(address, { headers, method });
      const range = answer.headers.get('content-range');
      return {
        status: answer.status,
        range,
        length: answer.headers.get('content-length'),
        bytes: Buffer.from(await answer.arrayBuffer()),
      };
    };
    const size = bytes.length;
    const first = await part({ range: 'bytes=0-99' });
    expect(first).toMatchObject({ status: 206, range: `bytes 0-99/${size}`, length: '100' });
    expect(first.bytes.equals(bytes.subarray(0, 100))).toBe(true);
    expect((await part({ range: 'bytes=-10' })).bytes.equals(bytes.subarray(-10))).toBe(true);
    expect((await part({ range: `bytes=${size - 5}-${size + 5}` })).range).toBe(
      `bytes ${size - 5}-${size - 1}/${size}`,
    );
    for (const start of [size, '99999999999999999999', '9'.repeat(400)])
      expect(await part({ range: `bytes=${start}-` })).toMatchObject({ status: 416, range: `bytes */${size}` });
    expect(await part({ range: `bytes=0-${'9'.repeat(400)}` })).toMatchObject({ status: 206, length: String(size) });
    // What is not understood is answered with the whole.
    for (const range of ['bytes=9-3', 'bytes=0-1,4-5', 'lines=1-2', 'bytes=-'])
      expect((await part({ range })).status).toBe(200);
    expect((await part({ range: 'bytes=0-99', 'if-range': '"other"' })).status).toBe(200);
    expect((await part({ range: 'bytes=0-99', 'if-range': etag })).status).toBe(206);
    expect(await part({ 'if-none-match': `"other", ${etag}` })).toMatchObject({ status: 304, length: null });
    expect(await part({}, 'HEAD')).toMatchObject({ status: 200, length: String(size), bytes: Buffer.alloc(0) });
  });

  it('gives a thumbnail, a spritesheet and its cues, and the last frame, which go with the video', async () => {
    const asked = await one.post('/v1/videos', { prompt: 'a boat', frames: 8, fps: 8 });
    const { id, urls } = asked.body;
    expect(asked.body.spritesheet).toBeNull();
    const early = await other.call(urls.thumbnail);
    expect([early.status, early.body.code]).toEqual([409, 'VIDEO_NOT_READY']);
    await one.drain();
    const { spritesheet, last_frame: last } = (await other.call(urls.self)).body;
    expect(last).toEqual({ width: 32, height: 32 });
    expect(spritesheet).toEqual({ tiles: 8, columns: 3, rows: 3, tile_width: 128, tile_height: 128 });
    const pictures = new Map<string, Buffer>();
    for (const variant of ['thumbnail', 'spritesheet', 'last_frame', 'cues']) {
      const address = `${other.server.url}${urls.content}?variant=${variant}`;
      const answer = await fetch(address);
      const bytes = Buffer.from(await answer.arrayBuffer());
      pictures.set(variant, bytes);
      expect(answer.status).toBe(200);
      const etag = answer.headers.get('etag')!;
      expect(etag).toBe(`"${createHash('sha256').update(bytes).digest('hex')}"`);
      const part = await fetch(address, { headers: { range: 'bytes=2-5' } });
      expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 2-5/${bytes.length}`]);
      expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(2, 6))).toBe(true);
      expect((await fetch(address, { headers: { 'if-none-match': etag } })).status).toBe(304);
      const head = await fetch(address, { method: 'HEAD' });
      expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)]);
    }
    const { width, height, format } = await sharp(pictures.get('spritesheet')).metadata();
    expect({ width, height, format }).toEqual({ width: 384, height: 384, format: 'webp' });
    expect((await sharp(pictures.get('thumbnail')).metadata()).width).toBe(128);
    expect((await sharp(pictures.get('last_frame')).metadata()).width).toBe(32);
    expect(String(pictures.get('cues')).match(/xywh/g)).toHaveLength(8);
    const unknown = await one.call(`${urls.content}?variant=poster`);
    expect([unknown.status, unknown.body.code, unknown.body.errors[0].pointer]).toEqual([
      ...[400, 'HTTP_MALFORMED', '/variant'],
    ]);

    const objects = await one.workspace.objects();
    const stored = async () => {
      const keys: string[] = [];
      for await (const key of objects.list(`videos/${id}`)) keys.push(key);
      return keys;
    };
    expect(await stored()).toHaveLength(4);
    await other.call(urls.self, { method: 'DELETE' });
    expect(await stored()).toEqual([]);
  });

  it('says which videos have no thumbnail', async () => {
    const asked = await one.post('/v1/videos', { prompt: 'a boat of old' });
    await one.drain();
    const { id, urls } = asked.body;
    // As older versions told of their videos.
    const transport = await one.workspace.transport();
    for await (const record of transport.read('videos')) {
      const data = JSON.parse(String(record.value));
      if (data.job !== id) continue;
      const { thumbnail, spritesheet, last_frame: last, ...older } = data;
      expect([thumbnail.key, spritesheet.key, last.key]).not.toContain(undefined);
      const { key, headers } = record;
      await transport.publish([{ topic: 'videos', key, headers, value: Buffer.from(JSON.stringify(older)) }]);
    }
    await vi.waitFor(async () => expect((await other.call(urls.self)).body.spritesheet).toBeNull(), patient);
    const answer = await other.call(urls.thumbnail);
    expect([answer.status, answer.body.code]).toEqual([404, 'VARIANT_NOT_FOUND']);
    expect((await fetch(`${other.server.url}${urls.content}`)).status).toBe(200);
  });

  it('knows requests that came another way, and a client knows its own', async () => {
    const client = await Client.of(one.workspace, one.workspace.pipeline('generate'));
    const job = await client.submit({ prompt: [{ text: 'a kite' }] }, { id: 'order-1', source: '/shop' });
    expect((await other.call(`/v1/videos/${job.id}`)).body).toMatchObject({
      ...{ status: 'queued', prompt: 'a kite', request: { source: '/shop', id: 'order-1' } },
    });
    const asked = await other.post('/v1/videos', { prompt: 'a bell' });
    await one.drain();
    const theirs = await client.job(asked.body.request);
    expect((await theirs.video()).data.job).toBe(asked.body.id);
    await client.close();
  });

  it('lists jobs page by page, in both orders, by status', async () => {
    for (const prompt of ['one', 'two', 'three']) await one.post('/v1/videos', { prompt });
    const pages: string[] = [];
    for (let after = ''; ; ) {
      const { body } = await other.call(`/v1/videos?limit=2${after && `&after=${after}`}`);
      pages.push(...body.data.map(({ prompt }: { prompt: string }) => prompt));
      expect(body.last_id).toBe(body.data.at(-1).id);
      if (!body.has_more) break;
      after = body.last_id;
    }
    expect(pages.slice(0, 3)).toEqual(['three', 'two', 'one']);
    const backwards = (await one.call('/v1/videos?order=asc&limit=100')).body.data;
    expect(backwards.map(({ prompt }: { prompt: string }) => prompt)).toEqual(pages.toReversed());
    const queued = (await one.call('/v1/videos?status=queued&order=asc')).body.data;
    expect(queued.map(({ queue }: { queue: object }) => queue)).toEqual(
      [0, 1, 2].map((ahead) => ({ position: ahead + 1, ahead })),
    );
    await one.drain();
    expect((await one.call('/v1/videos?status=queued')).body).toMatchObject({
      data: [],
      first_id: null,
      has_more: false,
    });
    expect((await one.call('/v1/videos?after=nobody')).body.code).toBe('JOB_NOT_FOUND');
  });

  it('lists the next page, from every replica, after the last job of this one was deleted', async () => {
    for (const prompt of ['left', 'gone', 'gone too']) await one.post('/v1/videos', { prompt });
    await one.drain();
    const { data, last_id } = (await one.call('/v1/videos?limit=2')).body;
    for (const { urls } of data) expect((await one.call(urls.self, { method: 'DELETE' })).status).toBe(200);
    const late = await serve(topology);
    for (const replica of [one, other, late]) {
      const next = await replica.call(`/v1/videos?limit=1&after=${last_id}`);
      expect(next).toMatchObject({ status: 200, body: { data: [{ prompt: 'left' }] } });
    }
    await late.close();
  });

  it('says how many jobs have their turn before one, by their priorities', async () => {
    const priorities = ['batch', undefined, 'interactive', 'standard'];
    const asked: string[] = [];
    for (const priority of priorities)
      asked.push((await one.post('/v1/videos', { prompt: 'a queue', priority })).body.id);
    const ahead = [];
    for (const id of asked) ahead.push((await other.call(`/v1/videos/${id}`)).body.queue.ahead);
    expect(ahead).toEqual([3, 1, 0, 2]);
    await one.drain();
    for (const id of asked)
      expect((await other.call(`/v1/videos/${id}`)).body).toMatchObject({ status: 'completed', queue: null });
    expect((await one.post('/v1/videos', { prompt: 'a queue', priority: 'urgent' })).body).toMatchObject({
      code: 'EVENT_INVALID',
      errors: [{ pointer: '/priority' }],
    });
  });

  it('makes one job of one key, whichever replica is asked, and refuses another request under it', async () => {
    const body = { prompt: 'a fox', seed: 1 };
    const first = await one.post('/v1/videos', body, { 'idempotency-key': '"order 66"' });
    expect(
      (await other.post('/v1/videos', { seed: 1, prompt: 'a fox' }, { 'idempotency-key': 'order 66' })).body,
    ).toEqual(first.body);
    const wrong = await other.post('/v1/videos', { prompt: 'a boat' }, { 'idempotency-key': 'order 66' });
    expect([wrong.status, wrong.body.code]).toEqual([422, 'REQUEST_ID_TAKEN']);
    await one.drain();
    const again = await other.post('/v1/videos', body, { 'idempotency-key': 'order 66' });
    expect([again.status, again.body.status, again.body.id]).toEqual([200, 'completed', first.body.id]);
  });

  it('makes one job of one key, and tells whoever asked for something else at the same moment', async () => {
    const key = { 'idempotency-key': '"at once"' };
    const answers = await Promise.all([
      one.post('/v1/videos', { prompt: 'a fox' }, key),
      other.post('/v1/videos', { prompt: 'a boat' }, key),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 422]);
    const { body } = answers.find(({ status }) => status === 202)!;
    expect((await other.call(`/v1/videos/${body.id}`)).body.prompt).toBe(body.prompt);
    await one.drain();
    expect((await other.call(`/v1/videos/${body.id}`)).body).toMatchObject({
      status: 'completed',
      prompt: body.prompt,
    });
  });

  it('says that a job that failed waits again when it is asked for again, from every replica', async () => {
    const key = { 'idempotency-key': '"again"' };
    const soon = new Date(Date.now() + 50).toISOString();
    const first = await one.post('/v1/videos', { prompt: 'a fox', start_by: soon }, key);
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(Date.parse(soon)), patient);
    await one.drain();
    const address = `/v1/videos/${first.body.id}`;
    expect((await other.call(address)).body).toMatchObject({ status: 'failed', error: { code: 'REQUEST_EXPIRED' } });
    const again = one.post('/v1/videos', { prompt: 'a boat' }, { ...key, prefer: 'wait=60' });
    await vi.waitFor(async () => {
      const waiting = { status: 'queued', prompt: 'a boat', error: null, completed_at: null, expires_at: null };
      expect((await other.call(address)).body).toMatchObject(waiting);
    }, patient);
    // One that starts later knows the same.
    const late = await serve(topology);
    expect((await late.call(address)).body).toEqual((await other.call(address)).body);
    await late.close();
    await other.drain();
    expect(await again).toMatchObject({ status: 200, body: { status: 'completed', prompt: 'a boat' } });
  });

  it('refuses a deadline that has passed, but still knows a job that failed for it', async () => {
    const past = new Date(Date.now() - 1000).toISOString();
    for (const deadline of [{ start_by: past }, { finish_by: past }])
      expect(await one.post('/v1/videos', { prompt: 'a late fox', ...deadline })).toMatchObject({
        status: 422,
        body: { code: 'REQUEST_EXPIRED', retryable: false },
      });
    const { data } = (await one.call('/v1/videos?limit=100')).body;
    expect(data.filter(({ prompt }: { prompt: string }) => prompt === 'a late fox')).toEqual([]);

    const key = { 'idempotency-key': '"late"' };
    const soon = { prompt: 'a fox', start_by: new Date(Date.now() + 50).toISOString() };
    const { body } = await one.post('/v1/videos', soon, key);
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(Date.parse(soon.start_by)), patient);
    await one.drain();
    expect(await one.post('/v1/videos', soon, key)).toMatchObject({
      status: 200,
      body: { id: body.id, status: 'failed', error: { code: 'REQUEST_EXPIRED' } },
    });
    expect(await one.post('/v1/videos', { ...soon, prompt: 'a boat' }, key)).toMatchObject({
      status: 422,
      body: { code: 'REQUEST_EXPIRED' },
    });
  });

  it('takes a failed job that is asked for again for a new try, although the clock was ahead when it failed', async () => {
    const key = { 'idempotency-key': '"clocks"' };
    const soon = new Date(Date.now() + 50).toISOString();
    const { body } = await one.post('/v1/videos', { prompt: 'a fox', start_by: soon }, key);
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(Date.parse(soon)), patient);
    await one.drain();
    const transport = await one.workspace.transport();
    let end: StoredRecord | undefined;
    for await (const record of transport.read('jobs', { from: {}, follow: false, signal: never }))
      if (record.key?.toString() === body.id) end = record;
    const { key: job, headers, value } = end!;
    await transport.publish([{ topic: 'jobs', key: job, headers, value, timestamp: Date.now() + 3_600_000 }]);
    const again = await one.post('/v1/videos', { prompt: 'a boat' }, key);
    expect(again).toMatchObject({
      status: 202,
      body: { id: body.id, status: 'queued', prompt: 'a boat', error: null },
    });
    expect((await other.call(`/v1/videos/${body.id}`)).body).toMatchObject({ status: 'queued', prompt: 'a boat' });
    await other.drain();
    expect((await one.call(`/v1/videos/${body.id}`)).body).toMatchObject({ status: 'completed', prompt: 'a boat' });
  });

  it('waits for the end as long as Prefer says', async () => {
    const early = await one.post('/v1/videos', { prompt: 'a fox' }, { prefer: 'wait=1' });
    expect([early.status, early.body.status, early.headers.get('preference-applied')]).toEqual([
      202,
      'queued',
      'wait=1',
    ]);
    await one.drain();
    const waiting = one.post('/v1/videos', { prompt: 'a fox' }, { prefer: 'respond-async, wait=60' });
    await vi.waitFor(
      async () => expect((await other.call('/v1/videos?status=queued')).body.data).toHaveLength(1),
      patient,
    );
    await other.drain();
    const done = await waiting;
    expect([done.status, done.body.status]).toEqual([200, 'completed']);
  });

  it('cancels a job that waits, and deletes one that is over with its video', async () => {
    const { body } = await one.post('/v1/videos', { prompt: 'a fox' });
    const live = await other.call(`/v1/videos/${body.id}`, { method: 'DELETE' });
    expect([live.status, live.body.status]).toEqual([202, 'queued']);
    await one.drain();
    expect((await one.call(`/v1/videos/${body.id}`)).body).toMatchObject({ status: 'cancelled', error: null });

    const done = await one.post('/v1/videos', { prompt: 'a fox' });
    await one.drain();
    const object = await objectOf(done.body.id);
    const objects = await one.workspace.objects();
    expect(await objects.stat(object.key)).not.toBeNull();
    // As clients do, which say that they send JSON and send nothing.
    const headers = { 'content-type': 'application/json' };
    const gone = await other.call(`/v1/videos/${done.body.id}`, { method: 'DELETE', headers });
    expect(gone).toMatchObject({ status: 200, body: { id: done.body.id, object: 'video.deleted', deleted: true } });
    expect(await objects.stat(object.key)).toBeNull();
    for (const method of ['GET', 'DELETE'])
      expect((await one.call(`/v1/videos/${done.body.id}`, { method })).status).toBe(404);
    // A replica that starts later knows neither: the request is still on its topic.
    const late = await serve(topology);
    expect((await late.call(`/v1/videos/${done.body.id}`)).status).toBe(404);
    expect((await late.call('/v1/videos?limit=100')).body).toEqual((await one.call('/v1/videos?limit=100')).body);
    await late.close();
  });

  it('keeps a deleted job deleted, whatever is still said of it, and serves another request under its name', async () => {
    const { body } = await one.post('/v1/videos', { prompt: 'a fox' }, { 'idempotency-key': 'once more' });
    await one.drain();
    const address = `/v1/videos/${body.id}`;
    expect((await other.call(address, { method: 'DELETE' })).status).toBe(200);
    const transport = await one.workspace.transport();
    let first: StoredRecord | undefined;
    for await (const record of transport.read('jobs')) if (record.key?.toString() === body.id) first ??= record;
    // A worker that hung meanwhile.
    const { key, headers, value } = first!;
    await transport.publish([{ topic: 'jobs', key, headers, value }]);
    for (const replica of [one, other]) expect((await replica.call(address)).status).toBe(404);
    const client = await Client.of(one.workspace, one.workspace.pipeline('generate'));
    const { source, id } = body.request;
    const again = await client.submit('a boat', { source, id });
    await one.drain();
    expect((await again.video()).data.job).toBe(body.id);
    expect((await other.call(address)).body).toMatchObject({ status: 'completed', prompt: 'a boat' });
    await client.close();
  });

  it('tells why a job failed', async () => {
    // Over the topic, where nobody refuses it at the door.
    const value = Buffer.from(JSON.stringify({ prompt: 'a fox', width: 9, height: 9 }));
    await (await one.workspace.transport()).publish([{ topic: 'requests', key: null, value, headers: {} }]);
    await one.drain();
    const { status, error, completed_at } = (await other.call('/v1/videos?status=failed&limit=1')).body.data[0];
    expect([status, error.code, error.retryable]).toEqual(['failed', 'REQUEST_OVER_LIMIT', false]);
    expect(completed_at).toBeGreaterThan(0);
  });

  it('takes a length in seconds with the frame rate that it was reckoned with', async () => {
    const asked = await one.post('/v1/videos', { prompt: 'a fox', seconds: '2' });
    expect([asked.body.seconds, asked.body.request.asked]).toEqual(['2', { prompt: 'a fox', frames: 16, fps: 8 }]);
  });

  it('lists models, and tells of one', async () => {
    const { data } = (await one.call('/v1/models')).body;
    expect(data.map(({ id }: { id: string }) => id)).toEqual(['fake']);
    expect((await one.call('/v1/models/fake')).body).toEqual(data[0]);
    const { status, body } = await one.call('/v1/models/sora-2');
    expect([status, body.status, body.code]).toEqual([404, 404, 'MODEL_UNKNOWN']);
  });

  it.each([
    ['{"prompt":"x","seconds":"ten"}', 422, 'EVENT_INVALID', ['/seconds']],
    ['{"prompt":"x","seconds":900}', 422, 'REQUEST_OVER_LIMIT', undefined],
    ['{"prompt":"x","seconds":1,"frames":8}', 422, 'EVENT_INVALID', undefined],
    ['{"prompt":"x","size":"0x64"}', 422, 'EVENT_INVALID', ['/size']],
    ['{"prompt":"x","seeed":3,"frames":"many"}', 422, 'EVENT_INVALID', ['/frames', '/seeed']],
    ['{"prompt":[{"text":"x"},{"text":5}]}', 422, 'EVENT_INVALID', ['/prompt/1/text']],
    ['{"prompt":"x","model":"sora-2"}', 422, 'MODEL_UNKNOWN', undefined],
    ['{"prompt":[{"text":"x"},{"text":"y","rolle":1}]}', 422, 'EVENT_INVALID', ['/prompt/1/rolle']],
    ['{"prompt":"x","size":"9x9"}', 422, 'REQUEST_OVER_LIMIT', undefined],
    ['{"prompt":"x","frames":1000}', 422, 'REQUEST_OVER_LIMIT', undefined],
    ['{"prompt":" "}', 422, 'PROMPT_EMPTY', undefined],
    ['{"prompt":"x","width":4000}', 422, 'REQUEST_OVER_LIMIT', undefined],
    ['{"prompt":"x","__proto__":{"frames":8}}', 400, 'HTTP_MALFORMED', undefined],
    [`{"prompt":[{"text":"x","y":${'['.repeat(3000)}${']'.repeat(3000)}}]}`, 422, 'EVENT_INVALID', ['/prompt/0/y']],
    [
      `{"prompt":[{"text":"x","y":${'['.repeat(100_000)}${']'.repeat(100_000)}}]}`,
      422,
      'EVENT_INVALID',
      ['/prompt/0/y'],
    ],
    ['{bad', 400, 'HTTP_MALFORMED', undefined],
    ['', 422, 'EVENT_INVALID', ['']],
    ['[]', 422, 'EVENT_INVALID', ['']],
    [`{"prompt":"${'x'.repeat(28_100_000)}"}`, 413, 'HTTP_TOO_LARGE', undefined],
    [`{"prompt":"${'x'.repeat(5_000_000)}"}`, 422, 'PROMPT_TOO_LONG', undefined],
    [
      JSON.stringify({ prompt: Array(4).fill({ image: { base64: 'A'.repeat(1_200_000) } }) }),
      415,
      'MEDIA_UNSUPPORTED',
      undefined,
    ],
  ])('refuses %.60s', async (body, status, code, pointers) => {
    const before = await (await one.workspace.transport()).ends('requests');
    const answer = await one.post('/v1/videos', body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.body).toMatchObject({ status, type: `urn:vimi:error:${code}`, retryable: false });
    // What OpenAI's client shows.
    expect(answer.body.message).toContain(answer.body.detail);
    expect(answer.body.message).toContain(answer.body.remedy);
    expect(answer.body.remedy).not.toBe('');
    expect(answer.body.errors?.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
    expect(await (await one.workspace.transport()).ends('requests')).toEqual(before);
  });

  it.each([
    ['GET', '/v1/videos/..%2f..%2fetc%2fpasswd', 404, 'JOB_NOT_FOUND'],
    ['GET', '/v1/videos/%00', 404, 'JOB_NOT_FOUND'],
    ['GET', `/v1/videos/${'x'.repeat(700)}`, 404, 'ROUTE_UNKNOWN'],
    ['GET', '/v1/videos/__proto__/content', 404, 'JOB_NOT_FOUND'],
    ['GET', '/v1/videos/%E0%A4%A', 404, 'ROUTE_UNKNOWN'],
    ['GET', '/v1/nothing', 404, 'ROUTE_UNKNOWN'],
    ['PUT', '/v1/videos', 405, 'ROUTE_UNKNOWN'],
    ['GET', '/v1/videos?limit=0', 400, 'HTTP_MALFORMED'],
    ['GET', '/v1/videos?limit=1&limit=2', 400, 'HTTP_MALFORMED'],
    ['GET', '/v1/videos?status=done', 400, 'HTTP_MALFORMED'],
  ])('answers %s %.60s with a problem', async (method, path, status, code) => {
    const answer = await one.call(path, { method });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    if (status === 405) expect(answer.headers.get('allow')).toBe('GET, HEAD, POST');
  });

  it.each([
    ['letters of another encoding', Buffer.from('{"prompt": "ein Käfer"}', 'latin1'), {}, 400, 'HTTP_MALFORMED'],
    ['half a surrogate pair', Buffer.from('{"prompt": "a fox \\ud83e"}'), {}, 400, 'HTTP_MALFORMED'],
    ['half of one in a name', Buffer.from('{"prompt": "a fox", "\\uDD8A": 1}'), {}, 400, 'HTTP_MALFORMED'],
    [
      'a body that says it is text',
      Buffer.from('{"prompt": "a fox"}'),
      { 'content-type': 'text/plain' },
      415,
      'HTTP_MEDIA_TYPE',
    ],
    ['a compressed body', gzipSync('{"prompt": "a fox"}'), { 'content-encoding': 'gzip' }, 415, 'HTTP_MEDIA_TYPE'],
    [
      'a key that names nothing',
      Buffer.from('{"prompt": "a fox"}'),
      { 'idempotency-key': '""' },
      400,
      'HTTP_MALFORMED',
    ],
    [
      'a key with a control character',
      Buffer.from('{"prompt": "a fox"}'),
      { 'idempotency-key': '"a\tb"' },
      400,
      'HTTP_MALFORMED',
    ],
  ])('refuses %s', async (_, body, headers, status, code) => {
    const before = await (await one.workspace.transport()).ends('requests');
    const answer = await one.call('/v1/videos', {
      ...{ method: 'POST', body },
      headers: { 'content-type': 'application/json', ...headers },
    });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(await (await one.workspace.transport()).ends('requests')).toEqual(before);
  });

  it('takes a whole surrogate pair, as escapes too', async () => {
    const body = '{"prompt": "a \\ud83e\\udd8a runs"}';
    const answer = await one.call('/v1/videos', {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
    expect([answer.status, answer.body.prompt]).toEqual([202, 'a 🦊 runs']);
  });

  it('says of an address with a name of its own which methods it takes, and not those of ids in its place', async () => {
    const answer = await one.call('/v1/rejects/replay', { method: 'PUT' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('turns requests away while too many wait', async () => {
    const small = await serve(topology, { mostWaiting: 1 });
    small.workspace.metrics.expectNone();
    const ready = async () => (await fetch(`${small.server.url}/ready`)).text();
    expect(await ready()).toBe('READY\n');
    await small.post('/v1/videos', { prompt: 'a fox' });
    expect(await ready()).toBe('BUSY\n');
    const full = await small.post('/v1/videos', { prompt: 'a fox' });
    expect([full.status, full.body.code, full.body.retryable]).toEqual([429, 'QUEUE_FULL', true]);
    expect(Number(full.headers.get('retry-after'))).toBeGreaterThan(0);
    await one.drain();
    expect((await small.post('/v1/videos', { prompt: 'a fox' })).status).toBe(202);
    await small.close();
    await one.drain();
  });

  it('describes itself by the schemas that check', async () => {
    const { body } = await one.call('/openapi.json');
    expect(body.openapi).toBe('3.1.1');
    const request = body.paths['/v1/videos'].post.requestBody.content['application/json'].schema;
    const { properties } = body.components.schemas[request.$ref.split('/').at(-1)];
    expect(properties.frames).toMatchObject({ type: 'integer', minimum: 1, maximum: 1024 });
    expect(Object.keys(properties)).toEqual(expect.arrayContaining(['prompt', 'seed', 'retrieval', 'seconds', 'size']));
    const { body: jobs } = await one.call('/v1/videos?limit=1');
    expect(video.safeParse(jobs.data[0]).error).toBeUndefined();
  });

  async function objectOf(job: string) {
    const client = await Client.of(one.workspace, one.workspace.pipeline('generate'));
    try {
      return (await client.video(job)).data.object;
    } finally {
      await client.close();
    }
  }
});
