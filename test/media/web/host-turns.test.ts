import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/core/clock.js';
import { type HostLimits, HostTurns, retryAfter } from '../../../src/media/web/host-turns.js';
import { SiteRules } from '../../../src/media/web/site-rules.js';
import { createWebClient } from '../../../src/media/web/web-client.js';
import { never } from '../make-media.js';

/* A real server under two names, which counts; and a clock that notes how long is waited, and does not wait. */

let answer: (request: IncomingMessage, response: ServerResponse) => void;
/** Requests under way, by host: now, and at most; and how many there were by path. */
let now: Record<string, number> = {};
let most: Record<string, number> = {};
let asked: string[] = [];
const server = createServer((request, response) => {
  const host = request.headers.host!.split(':')[0]!;
  asked.push(`${host}${request.url}`);
  now[host] = (now[host] ?? 0) + 1;
  most[host] = Math.max(most[host] ?? 0, now[host]!);
  response.on('close', () => now[host]!--);
  answer(request, response);
});
await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
const { port } = server.address() as AddressInfo;
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  answer = (_, response) => void response.end('x');
  [now, most, asked] = [{}, {}, []];
});

function notingClock() {
  let time = 1000;
  const slept: number[] = [];
  const clock: Clock = {
    now: () => time,
    elapsed: () => time,
    async sleep(ms) {
      slept.push(ms);
      time += ms;
    },
  };
  return { clock, slept, pass: (ms: number) => (time += ms) };
}

function clientWith(limits: HostLimits, clock?: Clock) {
  return createWebClient({
    ...{ limits, hosts: [`*.example:${port}`], turns: new HostTurns(clock) },
    ...{ resolve: async () => ['127.0.0.1'], isAllowed: () => true },
  });
}
const url = (host: string, path = '/a.png') => `http://${host}.example:${port}${path}`;

async function fetched(client: ReturnType<typeof clientWith>, address: string, signal = never) {
  const { status, body } = await client.get(address, signal);
  return { status, text: await text(body) };
}

describe('the turns of a host', () => {
  it('are so many at a time until the last byte, and no other host waits for them', async () => {
    const open: ServerResponse[] = [];
    let onTwo = () => {};
    const two = new Promise<void>((resolve) => {
      onTwo = resolve;
    });
    answer = (request, response) => {
      if (request.headers.host!.startsWith('other')) return void response.end('other');
      response.write('first bytes');
      open.push(response);
      if (open.length === 2) onTwo();
      // From the third on they end by themselves.
      if (open.length > 2) response.end();
    };
    const client = clientWith({ atOnce: 2, pauseMs: 0 });
    const all = Array.from({ length: 9 }, () => fetched(client, url('slow')));
    await two;
    expect(await fetched(client, url('other'))).toEqual({ status: 200, text: 'other' });
    // What a site says of itself is asked for beside them: who waits for it may have a turn.
    await (await client.get(url('slow', '/robots.txt'), never, { isOfSite: true })).body.destroy();
    expect(asked.filter((one) => one === 'slow.example/a.png')).toHaveLength(2);
    for (const response of open.slice(0, 2)) response.end();
    expect((await Promise.all(all)).map(({ status }) => status)).toEqual(Array(9).fill(200));
    expect(asked.filter((one) => one === 'slow.example/a.png')).toHaveLength(9);
    expect(most['slow.example']).toBeLessThanOrEqual(3);
  });

  it('are given back by redirects, failures, and answers that nobody reads', async () => {
    const client = clientWith({ atOnce: 1, pauseMs: 0 });
    answer = ({ url: path }, response) => {
      if (path === '/moved') response.writeHead(302, { location: '/a.png' }).end();
      else if (path === '/cut') response.socket!.destroy();
      else response.end('x');
    };
    for (let n = 0; n < 3; n++) {
      expect((await fetched(client, url('one', '/moved'))).text).toBe('x');
      await expect(fetched(client, url('one', '/cut'))).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' });
      (await client.get(url('one'), never)).body.destroy();
    }
    // Whoever leaves the queue leaves nothing behind.
    answer = (_, response) => void response.write('x');
    const held = await client.get(url('one'), never);
    const impatient = new AbortController();
    const waiting = fetched(client, url('one'), impatient.signal);
    impatient.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    answer = (_, response) => void response.end('y');
    held.body.destroy();
    expect((await fetched(client, url('one'))).text).toBe('y');
  });

  it('begin with a pause between two, the longer of what is set and what robots.txt wishes', async () => {
    const { clock, slept, pass } = notingClock();
    const client = clientWith({ atOnce: 2, pauseMs: 100 }, clock);
    for (let n = 0; n < 3; n++) await fetched(client, url('fast'));
    expect(slept).toEqual([100, 100]);
    pass(99);
    await fetched(client, url('fast'));
    await fetched(client, url('apart'));
    expect(slept.splice(0)).toEqual([100, 100, 1]);
    for (const [wish, pause] of [
      ['2.5', 2500],
      ['0', 100],
      ['1000000', 60_000],
      ['soon', 100],
    ] as const) {
      answer = ({ url: path }, response) =>
        void response.end(path === '/robots.txt' ? `User-agent: *\nCrawl-delay: ${wish}\n` : 'x');
      const host = `wish-${pause}-${wish.length}`;
      await new SiteRules(client, () => 0).refusal(new URL(url(host)));
      for (let n = 0; n < 3; n++) await fetched(client, url(host));
      expect(slept.splice(0), wish).toEqual([pause, pause]);
    }
  });

  it('wait as long as the host wants to be left alone, and do not ask where that is too long', async () => {
    const { clock, slept } = notingClock();
    const client = clientWith({ atOnce: 2, pauseMs: 0 }, clock);
    const busy = (status: number, seconds: string) => {
      answer = (_, response) => void response.writeHead(status, { 'retry-after': seconds }).end();
    };
    busy(429, '7');
    expect(await fetched(client, url('busy'))).toMatchObject({ status: 429 });
    busy(503, '3600');
    expect(await fetched(client, url('busy'))).toMatchObject({ status: 503 });
    expect(slept.splice(0)).toEqual([7000]);
    asked = [];
    for (let n = 0; n < 3; n++)
      await expect(fetched(client, url('busy'))).rejects.toMatchObject({
        ...{ code: 'SOURCE_UNREACHABLE', found: 'it asked to be left alone for 3600 s more (Retry-After)' },
      });
    expect(asked).toEqual([]);
    answer = (_, response) => void response.writeHead(200, { 'retry-after': '9' }).end('x');
    for (let n = 0; n < 2; n++) expect((await fetched(client, url('calm'))).text).toBe('x');
    expect(slept).toEqual([]);
  });

  it.each([
    ['5', 5000],
    [' 0 ', undefined],
    ['Thu, 01 Jan 1970 00:02:00 GMT', 20_000],
    ['Thu, 01 Jan 1970 00:00:01 GMT', undefined],
    ['-3', undefined],
    ['a while', undefined],
    ['99999999999999999999', undefined],
  ])('Retry-After: %s', (value, ms) => expect(retryAfter({ 'retry-after': value }, 100_000)).toBe(ms));

  it('Retry-After: a date counts from that of the answer, whatever the clock of this machine', () => {
    const headers = { 'retry-after': 'Wed, 02 Dec 2026 01:00:20 GMT', date: 'Wed, 02 Dec 2026 01:00:00 GMT' };
    for (const hour of ['00', '01', '02'])
      expect(retryAfter(headers, Date.parse(`2026-12-02T${hour}:00:00Z`))).toBe(20_000);
  });
});
