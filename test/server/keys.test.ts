import { once } from 'node:events';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { addKey, Keys, keyPath, readKeys, revokeKey, type Scope } from '../../src/server/keys/key-file.js';
import { Quota } from '../../src/server/keys/quota.js';
import { discPng, testFolder } from '../media/make-media.js';
import { thrownBy } from '../operators/run-operator.js';
import { patient } from '../support/patience.js';
import { ownTopology, type Served, serve } from './served.js';

const open: Served[] = [];
afterAll(async () => {
  for (const served of open) await served.close();
});
async function served(topology: string, options?: Parameters<typeof serve>[1]): Promise<Served> {
  const one = await serve(topology, options);
  open.push(one);
  return one;
}
const bearer = (text: string) => ({ authorization: `Bearer ${text}` });

/** The status of an answer to a request with headers that fetch does not let one set. */
function statusWith(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

describe('API keys', patient, () => {
  it('are hashed at rest, in a file for its owner alone', async () => {
    const path = keyPath(dirname(await ownTopology()), {});
    expect(await readKeys(path)).toEqual([]);
    const { id, text } = await addKey(path, 'shop', ['read']);
    expect(readFileSync(path, 'utf8')).not.toContain(text.split('_')[2]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await readKeys(path)).toMatchObject([{ id, name: 'shop', scopes: ['read'] }]);
    for (const name of ['', '../x', 'a b', 'x'.repeat(65)])
      expect((await thrownBy(() => addKey(path, name, ['read']))).code).toBe('USAGE');
    expect((await thrownBy(() => revokeKey(path, 'nobody'))).code).toBe('USAGE');
    await revokeKey(path, id);
    expect(await readKeys(path)).toEqual([]);
    writeFileSync(path, '{"keys": 5}');
    expect((await thrownBy(() => readKeys(path))).code).toBe('FILE_UNUSABLE');
  });

  it('must be there before other machines are served', async () => {
    const topology = await ownTopology();
    const address = { host: '0.0.0.0', port: 0 };
    expect(await thrownBy(() => serve(topology, { address }))).toMatchObject({
      code: 'USAGE',
      remedy: expect.stringContaining('vimi keys add'),
    });
    const { text } = await addKey(keyPath(dirname(topology), {}), 'shop', ['read']);
    const { server } = await served(topology, { address });
    const url = server.url.replace('0.0.0.0', '127.0.0.1');
    expect((await fetch(`${url}/v1/videos`)).status).toBe(401);
    expect((await fetch(`${url}/v1/videos`, { headers: bearer(text) })).status).toBe(200);
    for (const probe of ['health', 'metrics', 'openapi.json'])
      expect((await fetch(`${url}/${probe}`)).status).toBe(200);
  });

  it('allow what their scopes say, and show each tenant its own jobs', async () => {
    const topology = await ownTopology();
    const path = keyPath(dirname(topology), {});
    const key = async (name: string, scopes: Scope[]) => bearer((await addKey(path, name, scopes)).text);
    const shop = await key('shop', ['create', 'read', 'cancel']);
    const second = await key('shop', ['read']);
    const rival = await key('rival', ['create', 'read', 'cancel']);
    const admin = await key('boss', ['admin']);
    const { post, call } = await served(topology);
    const asked = await post('/v1/videos', { prompt: 'a fox' }, { ...shop, 'idempotency-key': 'one' });
    expect(asked).toMatchObject({ status: 202, body: { request: { source: '/vimi/http/shop', id: 'one' } } });
    const self = `/v1/videos/${asked.body.id}`;

    for (const [path, method, headers, status, code] of [
      ['/v1/videos', 'GET', {}, 401, 'KEY_MISSING'],
      ['/v1/videos', 'GET', bearer(`vimi_00000000_${'A'.repeat(43)}`), 401, 'KEY_MISSING'],
      ['/v1/videos', 'GET', { authorization: 'Basic eDp5' }, 401, 'KEY_MISSING'],
      [self, 'DELETE', second, 403, 'KEY_REFUSED'],
      [self, 'GET', rival, 404, 'JOB_NOT_FOUND'],
      [`${self}/content`, 'GET', rival, 404, 'JOB_NOT_FOUND'],
      [`${self}/events`, 'GET', rival, 404, 'JOB_NOT_FOUND'],
      [`${self}/cancel`, 'POST', rival, 404, 'JOB_NOT_FOUND'],
      [self, 'DELETE', rival, 404, 'JOB_NOT_FOUND'],
      [`/v1/videos?after=${asked.body.id}`, 'GET', rival, 404, 'JOB_NOT_FOUND'],
    ] as const) {
      const answer = await call(path, { method, headers });
      expect([path, answer.status, answer.body.code]).toEqual([path, status, code]);
      if (status === 401) expect(answer.headers.get('www-authenticate')).toContain('Bearer');
    }
    const list = async (headers: Record<string, string>) => (await call('/v1/videos', { headers })).body.data.length;
    expect([await list(shop), await list(second), await list(rival), await list(admin)]).toEqual([1, 1, 0, 1]);
    expect((await call(self, { headers: second })).body.status).toBe('queued');
    // The same key of another tenant is another job.
    const theirs = await post('/v1/videos', { prompt: 'a boat' }, { ...rival, 'idempotency-key': 'one' });
    expect(theirs.status).toBe(202);
    expect(theirs.body.id).not.toBe(asked.body.id);

    const headers = (await call('/v1/videos', { headers: shop })).headers;
    expect(headers.get('ratelimit-policy')).toBe('"requests";q=1200;w=60');
    expect(headers.get('ratelimit')).toMatch(/^"requests";r=\d+;t=\d+$/);
  });

  it('are all there when commands change them at once', async () => {
    const path = keyPath(await testFolder(), {});
    const { id } = await addKey(path, 'old', ['read']);
    const names = ['a', 'b', 'c', 'd'];
    await Promise.all([revokeKey(path, id), ...names.map((name) => addKey(path, name, ['read']))]);
    expect((await readKeys(path)).map(({ name }) => name).sort()).toEqual(names);
  });

  it('let no tenant that sends its images slowly keep another waiting', async () => {
    const topology = await ownTopology();
    const path = keyPath(dirname(topology), {});
    const slow = await addKey(path, 'slow', ['create']);
    const shop = await addKey(path, 'shop', ['create']);
    const { server, call } = await served(topology);
    const { hostname, port } = new URL(server.url);
    const sockets = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const socket = connect(Number(port), hostname);
        await once(socket, 'connect');
        socket.write(
          `POST /v1/videos HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${slow.text}\r\nContent-Length: 1000000\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n`,
        );
        socket.write('--x\r\nContent-Disposition: form-data; name="subject"; filename="a"\r\n\r\n1234');
        return socket;
      }),
    );
    // When it has answered another of theirs, it has read these.
    expect((await call('/v1/videos', { headers: bearer(slow.text) })).status).toBe(403);
    const form = new FormData();
    form.append('prompt', 'a fox');
    form.append('subject', new Blob([new Uint8Array(await discPng(64))]), 'disc.png');
    expect((await call('/v1/videos', { method: 'POST', body: form, headers: bearer(shop.text) })).status).toBe(202);
    for (const socket of sockets) socket.destroy();
  });

  it('stop to work when they are revoked, without a restart', async () => {
    const topology = await ownTopology();
    const path = keyPath(dirname(topology), {});
    const { id, text } = await addKey(path, 'shop', ['read']);
    const { call } = await served(topology);
    const status = async () => (await call('/v1/videos', { headers: bearer(text) })).status;
    expect(await status()).toBe(200);
    await revokeKey(path, id);
    await vi.waitFor(async () => expect(await status()).toBe(401), patient);
    // A file that is gone lets nobody in.
    rmSync(path);
    expect(await status()).toBe(401);
  });

  it('count from the first one on, without a restart, also when their file is gone again', async () => {
    const topology = await ownTopology();
    const path = keyPath(dirname(topology), {});
    const { call, server } = await served(topology);
    const status = async (headers = {}) => (await call('/v1/videos', { headers })).status;
    const security = async () =>
      ((await (await fetch(`${server.url}/openapi.json`)).json()) as { security: unknown[] }).security;
    expect([await status(), await security()]).toEqual([200, []]);
    const { id, text } = await addKey(path, 'shop', ['read']);
    expect([await status(), await status(bearer(text)), await security()]).toEqual([401, 200, [{ key: [] }]]);
    await revokeKey(path, id);
    await vi.waitFor(async () => expect(await status(bearer(text))).toBe(401), patient);
    rmSync(path);
    expect(await status()).toBe(401);
  });

  it('end the streams of events that they opened, when they are revoked', async () => {
    const topology = await ownTopology();
    const path = keyPath(dirname(topology), {});
    const shop = await addKey(path, 'shop', ['create', 'read']);
    const other = await addKey(path, 'shop', ['read']);
    const { post, server } = await served(topology);
    const { body } = await post('/v1/videos', { prompt: 'a fox' }, bearer(shop.text));
    const follow = (text: string) => fetch(`${server.url}${body.urls.events}`, { headers: bearer(text) });
    const [mine, stays] = await Promise.all([follow(shop.text), follow(other.text)]);
    const reading = stays.body!.getReader();
    await revokeKey(path, shop.id);
    expect(await mine.text()).toContain('connect again');
    expect((await follow(shop.text)).status).toBe(401);
    // What came first is there, and no end.
    expect(new TextDecoder().decode((await reading.read()).value)).not.toContain('connect again');
    await reading.cancel();
  });

  it('let nobody wait for a job any longer, nor send the rest of a body, when they are revoked', async () => {
    const topology = await ownTopology();
    const path = keyPath(dirname(topology), {});
    const [shop, admin] = [await addKey(path, 'shop', ['create', 'corpus']), await addKey(path, 'boss', ['admin'])];
    const { post, call, server } = await served(topology);
    const waiting = post('/v1/videos', { prompt: 'a fox' }, { ...bearer(shop.text), prefer: 'wait=55' });
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const body = JSON.stringify({ uri: 'https://media.example/a.mp4' });
    socket.write(
      `POST /v1/media HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${shop.text}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 9)}`,
    );
    // What was asked for before stays.
    const jobs = async () => (await call('/v1/videos', { headers: bearer(admin.text) })).body.data;
    await vi.waitFor(async () => expect(await jobs()).toMatchObject([{ status: 'queued' }]), patient);
    await revokeKey(path, shop.id);
    const answer = await waiting;
    expect([answer.status, answer.body.code]).toEqual([401, 'KEY_MISSING']);
    expect(answer.headers.get('www-authenticate')).toContain('Bearer');
    socket.write(body.slice(9));
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 401 .*KEY_MISSING/s);
    socket.destroy();
    expect(await jobs()).toMatchObject([{ status: 'queued' }]);
  });

  it('name neither files nor, without the scope to see them, documents', async () => {
    const topology = await ownTopology((text) => `${text}\nmedia_hosts: [media.example]\n`);
    const path = keyPath(dirname(topology), {});
    const key = async (name: string, scopes: Scope[]) => bearer((await addKey(path, name, scopes)).text);
    const [grower, maker, seer] = [
      await key('a', ['corpus']),
      await key('b', ['create']),
      await key('c', ['create', 'read']),
    ];
    const boss = await key('boss', ['admin']);
    const { post } = await served(topology);
    for (const uri of [
      'topology.yaml',
      '../secret.png',
      'object:videos/a.mp4',
      'tar:a.tar#0/b.png',
      'file:///etc/passwd',
    ])
      expect([uri, (await post('/v1/media', { uri }, grower)).status]).toEqual([uri, 403]);
    expect((await post('/v1/media', { uri: 'https://media.example/a.png' }, grower)).status).toBe(202);
    expect((await post('/v1/media', { uri: 'photos/a.png' }, boss)).status).toBe(202);
    const asked = { prompt: 'a fox', references: [{ document_id: '0'.repeat(64) }] };
    expect((await post('/v1/videos', asked, maker)).body.code).toBe('KEY_REFUSED');
    expect((await post('/v1/videos', asked, seer)).body.code).toBe('DOCUMENT_NOT_FOUND');
    for (const list of ['pin', 'exclude']) {
      const named = { prompt: 'a fox', retrieval: { [list]: ['0'.repeat(64)] } };
      const refused = (await post('/v1/videos', named, maker)).body;
      expect([refused.code, refused.detail]).toEqual(['KEY_REFUSED', expect.stringContaining(`retrieval.${list}`)]);
      expect((await post('/v1/videos', named, seer)).body.code).toBe('DOCUMENT_REFUSED');
    }
  });

  it('stay as they are while their file cannot be read', async () => {
    const path = keyPath(await testFolder(), {});
    const { id, text } = await addKey(path, 'shop', ['read']);
    const whole = readFileSync(path);
    const told: string[] = [];
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const keys = await Keys.open(path, { warn: (_, message) => void told.push(message) });
      // As somebody leaves it who writes it by hand.
      writeFileSync(path, whole.subarray(0, -9));
      for (let second = 0; second < 3; second++) {
        vi.advanceTimersByTime(1001);
        expect((await keys.find(text))?.name).toBe('shop');
      }
      expect(told).toEqual(['API keys stay as they were, also those that were revoked since']);
      writeFileSync(path, whole);
      await revokeKey(path, id);
      vi.advanceTimersByTime(1001);
      expect(await keys.find(text)).toBeUndefined();
    } finally {
      vi.useRealTimers();
    }
  });

  it('are not needed on this machine, where pages of other origins and foreign names are refused', async () => {
    const { server, call, post } = await served(await ownTopology());
    expect((await call('/v1/videos')).headers.get('ratelimit')).toBeNull();
    const { host } = new URL(server.url);
    for (const origin of ['https://evil.example', 'null', `https://${host}:1`])
      expect((await post('/v1/videos', { prompt: 'x' }, { origin })).body.code).toBe('ORIGIN_REFUSED');
    expect((await post('/v1/videos', { prompt: 'x' }, { origin: `http://${host}` })).status).toBe(202);
    const list = `${server.url}/v1/videos`;
    expect(await statusWith(list, { host: 'rebound.example' })).toBe(403);
    expect(await statusWith(list, { host: 'localhost:9400' })).toBe(200);
    expect(await statusWith(list, { host: '[::1]' })).toBe(200);
    // Metrics name pipelines and servers, and a page behind a forged DNS entry would read them.
    for (const path of ['/metrics', '/ready', '/health', '/'])
      expect(await statusWith(`${server.url}${path}`, { host: 'rebound.example' })).toBe(403);
    expect(await statusWith(`${server.url}/metrics`, { host: 'localhost' })).toBe(200);
  });

  it.each([
    ['an image or a script of another site', { site: 'cross-site', mode: 'no-cors', dest: 'image' }, 403],
    ['a page of another port', { site: 'same-site', mode: 'no-cors', dest: 'video' }, 403],
    ['a frame of another site', { site: 'cross-site', mode: 'navigate', dest: 'iframe' }, 403],
    ['a link that somebody follows', { site: 'cross-site', mode: 'navigate', dest: 'document' }, 200],
    ['its own page', { site: 'same-origin', mode: 'cors', dest: 'empty' }, 200],
    ['an address that somebody typed', { site: 'none', mode: 'navigate', dest: 'document' }, 200],
  ])('are not asked for, and yet %s that says so is answered with %j', async (_, { site, mode, dest }, status) => {
    const { server } = await served(await ownTopology());
    const said = { 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': dest };
    expect(await statusWith(`${server.url}/v1/videos`, said)).toBe(status);
  });

  it('have a quota a minute each', () => {
    let now = 0;
    const quota = new Quota(() => now);
    const spent = Array.from({ length: 1201 }, () => quota.spend('shop'));
    expect(spent[0]).toEqual({ limit: 1200, seconds: 60, left: 1199, reset: 60 });
    now = 30_000;
    expect(quota.spend('shop')).toMatchObject({ left: -2, reset: 30 });
    expect(quota.spend('rival').left).toBe(1199);
    now = 60_000;
    expect(quota.spend('shop').left).toBe(1199);
  });
});
