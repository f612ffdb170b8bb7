import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { streamEvents } from '../../src/server/answers/event-stream.js';
import { patient } from '../support/patience.js';
import { type ProxyOptions, proxyBefore } from './proxy.js';
import { ownTopology, serve } from './served.js';

const served = await serve(await ownTopology());
const closes: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closes.splice(0)) await close();
});
afterAll(() => served.close());

async function behind(options: ProxyOptions) {
  const proxy = await proxyBefore(served.server, options);
  closes.push(proxy.close);
  return proxy;
}

const ask = async () => (await served.post('/v1/videos', { prompt: 'a fox runs' })).body.id as string;

interface Told {
  id: string;
  event: string;
}

/** What a stream tells, each event once it has come; ends with the stream, whether it is lost or over. */
async function* eventsOf(answer: Response): AsyncGenerator<Told> {
  let text = '';
  try {
    for await (const chunk of answer.body ?? []) {
      const blocks = (text + Buffer.from(chunk)).split('\n\n');
      text = blocks.pop()!;
      for (const block of blocks) {
        const [, id, event] = /^id: (.*)\nevent: (.*)\n/.exec(block) ?? [];
        if (id !== undefined && event !== undefined) yield { id, event };
      }
    }
  } catch {
    // Lost.
  }
}

describe('behind a proxy that buffers', patient, () => {
  it('events come at once where it heeds X-Accel-Buffering', async () => {
    const proxy = await behind({ bytes: 4096, heeds: true });
    const events = eventsOf(await fetch(`${proxy.url}/v1/videos/${await ask()}/events`));
    // Nothing has drawn it yet.
    expect((await events.next()).value).toMatchObject({ event: 'status' });
    await served.drain();
    let last: Told | undefined;
    for await (const one of events) last = one;
    expect(last?.event).toBe('end');
  });

  it('the end comes all the same where it heeds nothing, and so does what Prefer waits for', async () => {
    const proxy = await behind({ bytes: 1_000_000 });
    const id = await ask();
    const stream = fetch(`${proxy.url}/v1/videos/${id}/events`);
    const wait = fetch(`${proxy.url}/v1/videos`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'wait=50' },
      body: JSON.stringify({ prompt: 'a boat' }),
    });
    const looked = await fetch(`${proxy.url}/v1/videos/${id}`);
    expect(await looked.json()).toMatchObject({ status: 'queued' });
    await vi.waitFor(
      async () => expect((await served.call('/v1/videos?status=queued')).body.data).toHaveLength(2),
      patient,
    );
    await served.drain();
    let last: Told | undefined;
    for await (const one of eventsOf(await stream)) last = one;
    expect(last?.event).toBe('end');
    const waited = await wait;
    expect([waited.status, ((await waited.json()) as { status: string }).status]).toEqual([200, 'completed']);
  });
});

describe('behind a proxy that ends what is silent', patient, () => {
  it('a client that comes back with Last-Event-ID hears each event once, and no more after the end', async () => {
    const proxy = await behind({ idleMs: 500 });
    const id = await ask();
    const told: Told[] = [];
    const connect = () =>
      fetch(`${proxy.url}/v1/videos/${id}/events`, {
        headers: told.length > 0 ? { 'last-event-id': told.at(-1)!.id } : {},
      });
    let drained: Promise<unknown> | undefined;
    while (told.at(-1)?.event !== 'end') {
      for await (const one of eventsOf(await connect())) told.push(one);
      if (proxy.cuts() >= 2) drained ??= served.drain();
    }
    const versions = told.map((one) => Number(one.id));
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
    await vi.waitFor(async () => expect((await connect()).status).toBe(204), patient);
    await drained;
  });

  it('whoever waits with Prefer asks again under the same key, and gets the same job', async () => {
    const proxy = await behind({ idleMs: 500 });
    const wait = () =>
      fetch(`${proxy.url}/v1/videos`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', prefer: 'wait=50', 'idempotency-key': '"kite"' },
        body: JSON.stringify({ prompt: 'a kite' }),
      });
    await expect(wait()).rejects.toThrow();
    await expect(wait()).rejects.toThrow();
    const asked = async () => (await served.call('/v1/videos?status=queued')).body.data;
    await vi.waitFor(async () => expect(await asked()).toMatchObject([{ prompt: 'a kite' }]), patient);
    const [{ id }] = await asked();
    await served.drain();
    await vi.waitFor(async () => {
      const answer = await wait();
      expect([answer.status, await answer.json()]).toMatchObject([200, { id, status: 'completed' }]);
    }, patient);
  });

  it('a stream on which nothing happens gives a sign of life every 15 s', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const closing = new AbortController();
    const server = createServer((_, response) => {
      streamEvents(response, { next: () => undefined, closing: closing.signal });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    expect(answer.headers.get('x-accel-buffering')).toBe('no');
    const reader = answer.body!.getReader();
    const read = async () => Buffer.from((await reader.read()).value ?? []).toString();
    expect(await read()).toBe('retry: 2000\n\n');
    for (let n = 0; n < 2; n++) {
      vi.advanceTimersByTime(15_000);
      expect(await read()).toBe(': still here\n\n');
    }
    closing.abort();
    expect(await read()).toContain('connect again');
    vi.useRealTimers();
    server.close();
  });
});
