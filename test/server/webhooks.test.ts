import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { afterAttempt, delays } from '../../src/app/webhooks/next-state.js';
import { addSecret, readSecrets, revokeSecret, secretPath } from '../../src/app/webhooks/secret-file.js';
import { secretBytes, signatures } from '../../src/app/webhooks/signature.js';
import { VirtualClock } from '../../src/core/virtual-clock.js';
import { catalogue } from '../../src/events/catalogue.js';
import type { WebhookDelivery } from '../../src/events/webhook-events.js';
import { addKey, keyPath, type Scope } from '../../src/server/keys/key-file.js';
import { thrownBy } from '../operators/run-operator.js';
import { patient } from '../support/patience.js';
import { ownTopology, type Served, serve } from './served.js';

interface Got {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

const open: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of open.reverse()) await close();
});

/** A receiver; `answer` says with which status and headers it answers. */
type Answer = number | [number, Record<string, string>];
async function receiver(answer: (got: Got, n: number) => Answer | Promise<Answer> = () => 204) {
  const got: Got[] = [];
  const server: Server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const one = { path: request.url ?? '', headers: request.headers, body };
    got.push(one);
    const [status, headers] = [await answer(one, got.length)].flat() as [number, Record<string, string>?];
    response.writeHead(status, headers).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  const { port } = server.address() as AddressInfo;
  return { got, host: `127.0.0.1:${port}`, url: `http://127.0.0.1:${port}/videos` };
}

/** A topology that may send to these hosts, with a secret for requests without a key. */
async function topologyFor(hosts: string[]): Promise<{ topology: string; secret: string; path: string }> {
  const topology = await ownTopology((text) => `${text}\nwebhook_hosts: ${JSON.stringify(hosts)}\n`);
  const path = secretPath(dirname(topology), {});
  const { secret } = await addSecret(path, null);
  return { topology, secret, path };
}

async function served(topology: string, options?: Parameters<typeof serve>[1]): Promise<Served> {
  const one = await serve(topology, options);
  let isOpen = true;
  const close = async () => {
    if (isOpen) await one.close();
    isOpen = false;
  };
  open.push(close);
  return { ...one, close };
}

/** What Standard Webhooks wants a receiver to do. */
function verified({ headers, body }: Got, secret: string): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': list } = headers;
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64');
  return String(list).split(' ').includes(`v1,${expected}`);
}

const states = async ({ call }: Served) =>
  (await call('/v1/webhooks/deliveries')).body.data.map(({ status }: { status: string }) => status);
const shown = catalogue['webhook.delivery'].example as WebhookDelivery;

describe('webhooks', patient, () => {
  it('are signed as Standard Webhooks says', () => {
    // The example of the reference libraries.
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const said = signatures([secret], 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, '{"test": 2432232314}');
    expect(said).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
    for (const wrong of ['', 'whsec_', 'whsec_c2hvcnQ=', secret.slice(6), 'whsec_!!!'])
      expect(secretBytes(wrong)).toBeUndefined();
  });

  it('are tried ten times over three days, later when the receiver asks for it, and not after 410', () => {
    const now = Date.parse('2026-01-31T12:00:00Z');
    let delivery: WebhookDelivery = { ...shown, tries: 0, attempts: [] };
    const waits: number[] = [];
    while (delivery.state === 'pending') {
      delivery = afterAttempt(delivery, { status: 500, error: 'status 500' }, { at: now, now, random: () => 0 });
      if (delivery.due) waits.push(Date.parse(delivery.due) - now);
    }
    expect(waits).toEqual(delays);
    expect(delivery).toMatchObject({ state: 'failed', tries: 10 });
    const first = { ...shown, tries: 0, attempts: [] };
    const after = (outcome: object, random = 0) => afterAttempt(first, outcome, { at: now, now, random: () => random });
    const wait = (outcome: object, random?: number) => Date.parse(after(outcome, random).due ?? '') - now;
    expect(wait({ status: 500 }, 1)).toBe(5500);
    expect(wait({ status: 503, retryAfterMs: 60_000 })).toBe(60_000);
    expect(wait({ status: 503, retryAfterMs: 1000 })).toBe(5000);
    expect(wait({ status: 503, retryAfterMs: 1e12 })).toBe(86_400_000);
    expect(after({ status: 302 }).state).toBe('pending');
    expect(after({ status: 410 }).state).toBe('disabled');
    expect(after({ status: 299 })).not.toHaveProperty('due');
  });

  it('have secrets in a file for its owner alone, which several may share in a rotation', async () => {
    const { path } = await topologyFor([]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const made = await addSecret(path, 'shop');
    expect(await readSecrets(path)).toHaveLength(2);
    for (const name of ['', '../x', 'a b']) expect((await thrownBy(() => addSecret(path, name))).code).toBe('USAGE');
    for (let n = 0; n < 3; n++) await addSecret(path, 'shop');
    expect((await thrownBy(() => addSecret(path, 'shop'))).summary).toContain('4 secrets');
    await revokeSecret(path, made.id);
    expect(readFileSync(path, 'utf8')).not.toContain(made.secret);
    expect((await thrownBy(() => revokeSecret(path, made.id))).code).toBe('USAGE');
  });

  it('tell of each end once, signed with every secret, from one replica of two', async () => {
    const { got, host, url } = await receiver();
    const { topology, secret, path } = await topologyFor([host]);
    const second = await addSecret(path, null);
    const [one, other] = [await served(topology), await served(topology)];
    const done = await one.post('/v1/videos', { prompt: 'a fox', webhook: { url } });
    // Over the topic, where nobody refuses it at the door.
    const value = Buffer.from(JSON.stringify({ prompt: 'a boat', width: 9, height: 9, webhook: { url } }));
    await (await other.workspace.transport()).publish([{ topic: 'requests', key: null, value, headers: {} }]);
    const [bad] = (await other.call('/v1/videos?limit=1')).body.data;
    const gone = await other.post('/v1/videos', { prompt: 'a kite', webhook: { url } });
    const silent = await one.post('/v1/videos', { prompt: 'a cup', webhook: { url, events: ['video.failed'] } });
    expect([done, gone, silent].map(({ status }) => status)).toEqual([202, 202, 202]);
    await other.post(`/v1/videos/${gone.body.id}/cancel`, {});
    await one.drain();
    await vi.waitFor(() => expect(got.length).toBeGreaterThanOrEqual(3), patient);
    await vi.waitFor(async () => expect(await states(other)).toEqual(['delivered', 'delivered', 'delivered']), patient);
    const told = Object.fromEntries(
      got.map((one) => {
        const { type, data, timestamp } = JSON.parse(one.body);
        expect(Date.parse(timestamp)).toBeGreaterThan(0);
        return [data.id, [type, data.status]];
      }),
    );
    expect(told).toEqual({
      [done.body.id]: ['video.completed', 'completed'],
      [bad.id]: ['video.failed', 'failed'],
      [gone.body.id]: ['video.cancelled', 'cancelled'],
    });
    expect(got).toHaveLength(3);
    for (const one of got) {
      expect(one.headers['content-type']).toBe('application/json');
      expect([verified(one, secret), verified(one, second.secret)]).toEqual([true, true]);
      expect(verified({ ...one, body: `${one.body} ` }, secret)).toBe(false);
      expect(Buffer.byteLength(one.body)).toBeLessThan(20_000);
    }
    // A new message for what was told: sent again under its id, and signed anew.
    const [newest] = (await one.call('/v1/webhooks/deliveries?limit=1')).body.data;
    const again = await one.post(newest.urls.replay, {});
    expect([again.status, again.body.status]).toEqual([202, 'pending']);
    await vi.waitFor(() => expect(got).toHaveLength(4), patient);
    expect(got[3]).toMatchObject({ body: newest.body, headers: { 'webhook-id': newest.id } });
    // Deleting a job forgets what was sent for it.
    await one.call(`/v1/videos/${done.body.id}`, { method: 'DELETE' });
    expect((await other.call(`/v1/webhooks/deliveries?video=${done.body.id}`)).body.data).toEqual([]);
  });

  it('of a job that is deleted while its receiver still answers are forgotten', async () => {
    let replicas: Served[] = [];
    const { got, host, url } = await receiver(async ({ body }) => {
      await replicas[1]!.call(`/v1/videos/${JSON.parse(body).data.id}`, { method: 'DELETE' });
      return 500;
    });
    const { topology } = await topologyFor([host]);
    replicas = [await served(topology), await served(topology)];
    const [one, other] = replicas as [Served, Served];
    for (let n = 0; n < 10; n++) await one.post('/v1/videos', { prompt: `fox ${n}`, webhook: { url } });
    await one.drain();
    await vi.waitFor(() => expect(got).toHaveLength(10), patient);
    // One more, whose attempt is recorded: those before it are done with.
    await one.post('/v1/videos', { prompt: 'a fox', webhook: { url } });
    await one.drain();
    await vi.waitFor(() => expect(got).toHaveLength(11), patient);
    await one.close();
    expect((await other.call('/v1/webhooks/deliveries')).body.data).toEqual([]);
  });

  it('all come once a receiver is back that failed for an hour, also over a restart', async () => {
    let isUp = false;
    const { got, host, url } = await receiver(() => (isUp ? 200 : 500));
    const { topology, secret } = await topologyFor([host]);
    const clock = new VirtualClock(Date.now());
    const around = { receivers: { clock, random: () => 0 } };
    let one = await served(topology, around);
    const jobs = await Promise.all(
      Array.from({ length: 12 }, (_, n) => one.post('/v1/videos', { prompt: `a fox ${n}`, webhook: { url } })),
    );
    await one.drain();
    const failedSoFar = async (tries: number) => {
      const { data } = (await one.call('/v1/webhooks/deliveries?limit=100')).body;
      expect(data.map(({ attempts }: { attempts: object[] }) => attempts.length)).toEqual(Array(12).fill(tries));
    };
    await vi.waitFor(() => failedSoFar(1), patient);
    await clock.advance(5000);
    await vi.waitFor(() => failedSoFar(2), patient);
    const metrics = () => one.workspace.metrics.registry.metrics();
    expect(await metrics()).toContain('vimi_webhook_attempts_total{outcome="retried"} 24');
    expect(await metrics()).toContain('vimi_webhooks_waiting 12');
    await one.close();
    one = await served(topology, around);
    await clock.advance(5 * 60_000);
    await vi.waitFor(() => failedSoFar(3), patient);
    await clock.advance(30 * 60_000);
    await vi.waitFor(() => failedSoFar(4), patient);
    await clock.advance(25 * 60_000);
    isUp = true;
    const before = got.length;
    await clock.advance(2 * 3_600_000);
    await vi.waitFor(async () => expect(await states(one)).toEqual(Array(12).fill('delivered')), patient);
    const last = got.slice(before);
    expect(last.map(({ body }) => JSON.parse(body).data.id).sort()).toEqual(jobs.map(({ body }) => body.id).sort());
    for (const message of last) {
      expect(verified(message, secret)).toBe(true);
      const first = got.find(({ headers }) => headers['webhook-id'] === message.headers['webhook-id'])!;
      expect(first.body).toBe(message.body);
      expect(Number(message.headers['webhook-timestamp'])).toBeGreaterThan(Number(first.headers['webhook-timestamp']));
    }
  });

  it('follow no redirect, and go no more to a receiver that is gone until a replay', async () => {
    const stranger = await receiver();
    let status = 410;
    const { got, host, url } = await receiver(({ path }) =>
      path === '/moved' ? [307, { location: stranger.url }] : status,
    );
    const { topology } = await topologyFor([host]);
    const one = await served(topology);
    await one.post('/v1/videos', { prompt: 'a fox', webhook: { url: `http://${host}/moved` } });
    await one.post('/v1/videos', { prompt: 'a boat', webhook: { url } });
    await one.drain();
    await vi.waitFor(async () => expect((await states(one)).sort()).toEqual(['disabled', 'pending']), patient);
    const { data } = (await one.call('/v1/webhooks/deliveries?status=pending')).body;
    expect(data[0].attempts[0].error).toContain('redirects are not followed');
    expect(stranger.got).toEqual([]);
    const count = () => got.filter(({ path }) => path === '/videos').length;
    expect(count()).toBe(1);
    await one.post('/v1/videos', { prompt: 'a kite', webhook: { url } });
    await one.drain();
    await vi.waitFor(
      async () => expect((await states(one)).sort()).toEqual(['disabled', 'disabled', 'pending']),
      patient,
    );
    expect(count()).toBe(1);
    status = 200;
    const [newest] = (await one.call('/v1/webhooks/deliveries?status=disabled')).body.data;
    await one.post(newest.urls.replay, {});
    await vi.waitFor(
      async () => expect((await states(one)).sort()).toEqual(['delivered', 'disabled', 'pending']),
      patient,
    );
    await one.post('/v1/videos', { prompt: 'a cup', webhook: { url } });
    await one.drain();
    await vi.waitFor(() => expect(count()).toBe(3), patient);
  });

  it('go to no private address, and are refused at the door where that is known', async () => {
    const { topology } = await topologyFor(['hooks.example', 'moves.example', '10.1.2.3:8080']);
    let address = '8.8.8.8';
    const clock = new VirtualClock(Date.now());
    const resolve = async (name: string) => (name === 'hooks.example' ? ['8.8.8.8', '192.168.0.7'] : [address]);
    const one = await served(topology, { receivers: { resolve, clock, random: () => 0 } });
    const ask = (webhook: unknown) => one.post('/v1/videos', { prompt: 'a fox', webhook });
    for (const [url, code] of [
      ['https://hooks.example/', 'WEBHOOK_FORBIDDEN'],
      ['http://moves.example/', 'WEBHOOK_FORBIDDEN'],
      ['https://other.example/', 'WEBHOOK_FORBIDDEN'],
      ['https://moves.example:8443/', 'WEBHOOK_FORBIDDEN'],
      ['https://user:secret@moves.example/', 'WEBHOOK_FORBIDDEN'],
      ['http://127.0.0.1/', 'WEBHOOK_FORBIDDEN'],
      ['http://[::1]/', 'WEBHOOK_FORBIDDEN'],
      ['http://2130706433/', 'WEBHOOK_FORBIDDEN'],
      ['http://169.254.169.254/latest', 'WEBHOOK_FORBIDDEN'],
      ['file:///etc/passwd', 'WEBHOOK_FORBIDDEN'],
      ['https://moves.example/\r\nX: y', 'WEBHOOK_FORBIDDEN'],
      ['nonsense', 'WEBHOOK_FORBIDDEN'],
    ])
      expect([url, (await ask({ url })).body.code]).toEqual([url, code]);
    expect((await ask({ url: 'https://user:secret@moves.example/' })).body.detail).not.toContain('secret@');
    for (const wrong of [
      'https://moves.example/',
      { url: '' },
      { uri: 'x' },
      { url: 'https://moves.example/', events: ['x'] },
      { url: 'https://moves.example/', events: [] },
    ])
      expect((await ask(wrong)).status).toBe(422);
    // What it leads to is asked again before each attempt.
    expect((await ask({ url: 'https://moves.example/in/s3cr3t?key=s3cr3t' })).status).toBe(202);
    address = '127.0.0.1';
    await one.drain();
    await vi.waitFor(async () => {
      const [first] = (await one.call('/v1/webhooks/deliveries')).body.data;
      expect(first.attempts[0].error).toMatch(/WEBHOOK_FORBIDDEN.*127\.0\.0\.1/);
      // What went wrong is logged.
      expect(first.attempts[0].error).not.toContain('s3cr3t');
    }, patient);
  });

  it('belong to the tenant whose request asked for them', async () => {
    const { got, host, url } = await receiver();
    const { topology, path } = await topologyFor([host]);
    const keys = keyPath(dirname(topology), {});
    const key = async (name: string, scopes: Scope[]) => ({
      authorization: `Bearer ${(await addKey(keys, name, scopes)).text}`,
    });
    const shop = await key('shop', ['create', 'read']);
    const reader = await key('shop', ['read']);
    const rival = await key('rival', ['create', 'read']);
    const boss = await key('boss', ['admin']);
    const one = await served(topology);
    const ask = () => one.post('/v1/videos', { prompt: 'a fox', webhook: { url } }, shop);
    // The secret of requests without a key signs for no tenant.
    expect((await ask()).body).toMatchObject({
      code: 'WEBHOOK_SECRET_MISSING',
      remedy: expect.stringContaining('add shop'),
    });
    const { secret } = await addSecret(path, 'shop');
    expect((await ask()).status).toBe(202);
    await one.drain();
    await vi.waitFor(() => expect(got).toHaveLength(1), patient);
    expect(verified(got[0]!, secret)).toBe(true);
    const list = async (headers: Record<string, string>) =>
      (await one.call('/v1/webhooks/deliveries', { headers })).body.data;
    const [mine] = await list(shop);
    expect([(await list(rival)).length, (await list(boss)).length]).toEqual([0, 1]);
    expect((await one.call(mine.urls.self, { headers: rival })).body.code).toBe('WEBHOOK_NOT_FOUND');
    expect((await one.call(`/v1/webhooks/deliveries?after=${mine.id}`, { headers: rival })).status).toBe(404);
    expect((await one.post(mine.urls.replay, {}, rival)).status).toBe(404);
    expect((await one.post(mine.urls.replay, {}, reader)).status).toBe(403);
    expect((await one.post(mine.urls.replay, {}, boss)).status).toBe(202);
    await vi.waitFor(() => expect(got).toHaveLength(2), patient);
  });
});
