import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { jobRecord } from '../../src/events/job-change.js';
import type { JobChanged } from '../../src/events/schemas.js';
import { previewKey } from '../../src/operators/requests/job-progress.js';
import { patient } from '../support/patience.js';
import { ownTopology, type Served, serve } from './served.js';

const topology = await ownTopology();
const one = await serve(topology);
const other = await serve(topology, { mostStreams: 2 });
afterAll(async () => {
  await one.close();
  await other.close();
});

interface Told {
  id: string;
  event: string;
  // biome-ignore lint/suspicious/noExplicitAny: what came is what the test looks at.
  data: any;
}

/** A stream of events, as a browser reads it. */
async function follow({ server }: Served, id: string, last?: string) {
  const stop = new AbortController();
  const answer = await fetch(`${server.url}/v1/videos/${id}/events`, {
    signal: stop.signal,
    headers: last === undefined ? {} : { 'last-event-id': last },
  });
  const told: Told[] = [];
  let text = '';
  const ended = (async () => {
    for await (const chunk of answer.body ?? []) {
      text += Buffer.from(chunk);
      const blocks = text.split('\n\n').slice(0, -1);
      told.splice(
        0,
        told.length,
        ...blocks.flatMap((block) => {
          const [, name = '', event = '', data = ''] = /^id: (.*)\nevent: (.*)\ndata: (.*)$/.exec(block) ?? [];
          return data === '' ? [] : [{ id: name, event, data: JSON.parse(data) }];
        }),
      );
    }
  })().catch(() => {});
  return { answer, told, ended, text: () => text, leave: () => stop.abort() };
}

describe('events of a job', patient, () => {
  it('come from every replica, each with the whole job, until its end', async () => {
    const { id } = (await one.post('/v1/videos', { prompt: 'a fox' })).body;
    const [near, far] = [await follow(one, id), await follow(other, id)];
    expect(near.answer.headers.get('content-type')).toContain('text/event-stream');
    await vi.waitFor(() => expect([near.told.length, far.told.length]).toEqual([1, 1]), patient);
    await one.drain();
    await Promise.all([near.ended, far.ended]);
    for (const { told } of [near, far]) {
      expect(told[0]).toMatchObject({ id: '0', event: 'status', data: { status: 'queued' } });
      expect(told.at(-1)?.event).toBe('end');
      const versions = told.map(({ id: version }) => Number(version));
      expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
      expect(told.map(({ data }) => String(data.version))).toEqual(told.map(({ id: version }) => version));
    }
    const now = (await other.call(`/v1/videos/${id}`)).body;
    expect(near.told.at(-1)?.data).toEqual(now);
    expect(far.told.at(-1)?.data).toEqual(now);
    // Who has the end is told not to come again; who has something else, or lies, gets it.
    expect((await follow(other, id, String(now.version))).answer.status).toBe(204);
    for (const forged of ['0', '-1', '99999999999999999999', 'x; DROP TABLE jobs', '\u00ff'.repeat(100)]) {
      const late = await follow(other, id, forged);
      await late.ended;
      expect(late.told.map(({ event }) => event)).toEqual(['end']);
    }
  });

  it('tell what a prompt is grounded in and how far its video is, as every replica gives it', async () => {
    const { id, urls, request } = (await one.post('/v1/videos', { prompt: 'a kite' })).body;
    const stream = await follow(other, id);
    await vi.waitFor(() => expect(stream.told).toHaveLength(1), patient);
    const transport = await one.workspace.transport();
    const objects = await one.workspace.objects();
    let record = '';
    for await (const { partition, offset, timestamp, headers } of transport.read('requests'))
      if (String(headers.ce_id) === request.id) record = `requests-${partition}-${offset}@${timestamp}`;
    const entry = {
      document: 'd'.repeat(64),
      caption: 'a kite',
      kind: 'image' as const,
      score: 0.5,
      ranks: { dense: 1 },
    };
    let moment = 0;
    const tell = async (change: Pick<JobChanged, 'state'> & Partial<JobChanged>) => {
      const { source, id: name } = request;
      const data = { job: id, request: { source, id: name, record }, context: [entry], ...change };
      const where = { pipeline: 'generate', topic: 'jobs' };
      await transport.publish([jobRecord(data, where, { moment: String(moment++) })]);
      await vi.waitFor(() => expect(stream.told).toHaveLength(moment + 1), patient);
    };
    const draw = (grey: number) => {
      const frame = sharp({ create: { width: 8, height: 8, channels: 3, background: { r: grey, g: grey, b: grey } } });
      return frame.webp().toBuffer();
    };
    const absent = await other.call(urls.preview);
    expect([absent.status, absent.body.code]).toEqual([404, 'PREVIEW_NOT_FOUND']);
    await tell({ state: 'queued' });
    expect((await one.call(urls.self)).body).toMatchObject({ status: 'queued', context: [entry], preview: null });
    for (const grey of [50, 200]) {
      const bytes = await draw(grey);
      const preview = await objects.put(previewKey(id), bytes, { mediaType: 'image/webp' });
      await tell({ state: 'in_progress', progress: grey / 400, preview });
      for (const { server } of [one, other]) {
        const answer = await fetch(server.url + urls.preview);
        expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/webp']);
        expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
        const etag = answer.headers.get('etag')!;
        expect(etag).toBe(`"${preview.sha256}"`);
        const fresh = await fetch(server.url + urls.preview, { headers: { 'if-none-match': etag } });
        expect(fresh.status).toBe(304);
      }
      expect((await one.call(urls.self)).body.preview).toBe(preview.sha256);
    }
    await tell({ state: 'in_progress', progress: 0.9, preview: (await objects.stat(previewKey(id)))! });
    expect(stream.told.map(({ event }) => event)).toEqual(['status', 'context', 'status', 'preview', 'progress']);
    expect(stream.told.at(-1)!.data).toEqual((await one.call(urls.self)).body);
    // Removed a moment before the job is over.
    await objects.remove(previewKey(id));
    expect((await one.call(urls.preview)).body.code).toBe('PREVIEW_NOT_FOUND');
    await one.drain();
    await stream.ended;
    expect((await other.call(urls.self)).body).toMatchObject({ status: 'completed', preview: null, context: [] });
    expect(await objects.stat(previewKey(id))).toBeNull();
    expect((await other.call(urls.preview)).status).toBe(404);
  });

  it('resume behind the last one that a client has, at another replica', async () => {
    const { id } = (await one.post('/v1/videos', { prompt: 'a boat' })).body;
    const first = await follow(one, id);
    await vi.waitFor(() => expect(first.told).toHaveLength(1), patient);
    first.leave();
    const again = await follow(other, id, first.told[0]!.id);
    await one.drain();
    await again.ended;
    expect(again.told.some(({ data }) => data.status === 'queued' && data.version === 0)).toBe(false);
    expect(again.told.at(-1)).toMatchObject({ event: 'end', data: { status: 'completed' } });
  });

  it('end when the job is deleted, and are not there for a job that is not', async () => {
    const { id } = (await one.post('/v1/videos', { prompt: 'a kite' })).body;
    const stream = await follow(one, id);
    // As `vimi publish --tombstone` does.
    await (await one.workspace.transport()).publish([
      { topic: 'jobs', key: Buffer.from(id), value: null, headers: {} },
    ]);
    await stream.ended;
    expect(stream.told.at(-1)).toEqual({ id: '0', event: 'deleted', data: { id } });
    await one.drain();
    const { answer } = await follow(one, 'nobody');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'application/problem+json']);
  });

  it('are bounded, and free again when a client has gone', async () => {
    const { id } = (await one.post('/v1/videos', { prompt: 'a bell' })).body;
    const streams = [await follow(other, id), await follow(other, id)];
    const full = await other.call(`/v1/videos/${id}/events`);
    expect([full.status, full.body.code]).toEqual([429, 'STREAMS_FULL']);
    expect(full.headers.get('retry-after')).not.toBeNull();
    streams[0]!.leave();
    await vi.waitFor(async () => {
      const third = await follow(other, id);
      third.leave();
      expect(third.answer.status).toBe(200);
    }, patient);
    streams[1]!.leave();
    await one.drain();
  });

  it('are no leak of listeners when there are many', async () => {
    const warnings: string[] = [];
    const warned = ({ name }: Error) => void warnings.push(name);
    process.on('warning', warned);
    const { id } = (await one.post('/v1/videos', { prompt: 'a hare' })).body;
    const streams = await Promise.all(Array.from({ length: 12 }, () => follow(one, id)));
    await vi.waitFor(() => expect(streams.every(({ told }) => told.length > 0)).toBe(true), patient);
    for (const { leave } of streams) leave();
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });

  it('count no client that had left before its stream began', async () => {
    const { id } = (await one.post('/v1/videos', { prompt: 'a pin' })).body;
    const { hostname, port } = new URL(other.server.url);
    const transport = await other.workspace.transport();
    const { ends } = transport;
    for (let n = 0; n < 2; n++) {
      let asked = () => {};
      const isAsked = new Promise<void>((resolve) => {
        asked = resolve;
      });
      const hasty = connect(Number(port), hostname, () =>
        hasty.write(`GET /v1/videos/${id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`),
      );
      // The log answers only when the client is gone.
      transport.ends = async (topic) => {
        asked();
        if (!hasty.closed) await once(hasty, 'close');
        // And when the server has heard of it.
        await sleep(100);
        return ends.call(transport, topic);
      };
      await isAsked;
      hasty.destroy();
      await once(hasty, 'close');
      transport.ends = ends;
    }
    await vi.waitFor(async () => {
      const streams = [await follow(other, id), await follow(other, id)];
      for (const { leave } of streams) leave();
      expect(streams.map(({ answer }) => answer.status)).toEqual([200, 200]);
    }, patient);
    await one.drain();
  });

  it('end in order when the server closes, also for a client that reads nothing', async () => {
    const closing = await serve(topology);
    const { id } = (await one.post('/v1/videos', { prompt: 'a cup' })).body;
    const stream = await follow(closing, id);
    const requests = async () => (await one.workspace.transport()).ends('requests');
    const before = await requests();
    const waiting = closing.post(`/v1/videos/${id}/cancel`, '{}', { prefer: 'wait=60' });
    const { hostname, port } = new URL(closing.server.url);
    const deaf = connect(Number(port), hostname, () =>
      deaf.write(`GET /v1/videos/${id}/events HTTP/1.1\r\nHost: a\r\n\r\n`),
    );
    await once(deaf, 'readable');
    await vi.waitFor(async () => expect(await requests()).not.toEqual(before), patient);
    await vi.waitFor(() => expect(stream.told).toHaveLength(1), patient);
    deaf.pause();
    await closing.close();
    await stream.ended;
    expect(stream.text()).toMatch(/retry: 2000\n: this stream ends, connect again\n\n$/);
    expect((await waiting).status).toBe(200);
    deaf.destroy();
    await one.drain();
  });
});
