import { dirname } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { encodeEvent } from '../../src/events/cloudevents.js';
import { addKey, keyPath, revokeKey, type Scope } from '../../src/server/keys/key-file.js';
import { Places, roomFor } from '../../src/server/keys/places.js';
import { patient } from '../support/patience.js';
import { ownTopology, type Served, serve } from './served.js';

const open: Served[] = [];
afterAll(async () => {
  for (const served of open) await served.close();
});

/** A server with six places in the queue and four for streams, and keys of some tenants. */
async function sharedBy(...names: string[]) {
  const topology = await ownTopology();
  const path = keyPath(dirname(topology), {});
  const scopes: Scope[] = ['create', 'read', 'cancel'];
  const keys = await Promise.all(names.map((name) => addKey(path, name, scopes)));
  const served = await serve(topology, { mostWaiting: 6, mostStreams: 4 });
  open.push(served);
  const tenants = keys.map(({ id, text }) => {
    const headers = { authorization: `Bearer ${text}` };
    return {
      id,
      ask: (more = {}) => served.post('/v1/videos', { prompt: 'a kite' }, { ...headers, ...more }),
      call: (at: string, init?: RequestInit) => served.call(at, { ...init, headers }),
      /** Opens a stream; gives its status, and what leaves it. */
      async follow(job: string) {
        const leaving = new AbortController();
        const url = `${served.server.url}/v1/videos/${job}/events`;
        const { status } = await fetch(url, { headers, signal: leaving.signal });
        return { status, leave: () => leaving.abort() };
      },
    };
  });
  return { served, tenants, path };
}

describe('what tenants share', patient, () => {
  it('is theirs in halves and thirds, and whole for one alone', () => {
    const fill = (tenants: string[], shares: boolean) => {
      const places = new Places(100);
      const held: Record<string, number> = {};
      for (let round = 0; round < 100; round++)
        for (const source of tenants) if (places.enter({ source, shares })) held[source] = (held[source] ?? 0) + 1;
      return held;
    };
    expect(fill(['a'], false)).toEqual({ a: 100 });
    expect(fill(['a'], true)).toEqual({ a: 50 });
    expect(fill(['a', 'b'], true)).toEqual({ a: 34, b: 33 });
    expect(fill(['a', 'b', 'c'], true)).toEqual({ a: 25, b: 25, c: 25 });
    expect(roomFor({ most: 100, all: 99, own: 0 }, { shares: true })).toBe(1);
  });

  it('is the queue: one that fills it leaves room for others', async () => {
    const { served, tenants } = await sharedBy('greedy', 'shop', 'third');
    const [greedy, shop, third] = tenants as [(typeof tenants)[0], (typeof tenants)[0], (typeof tenants)[0]];
    const atOnce = await Promise.all(Array.from({ length: 12 }, () => greedy.ask()));
    const accepted = atOnce.filter(({ status }) => status === 202).length;
    expect(accepted).toBeLessThanOrEqual(3);
    for (let one = accepted; one < 3; one++) expect((await greedy.ask()).status).toBe(202);

    const refused = await greedy.ask();
    expect([refused.status, refused.body.code, refused.body.title]).toEqual([
      429,
      'QUEUE_FULL',
      'This tenant has its share of jobs',
    ]);
    expect(refused.body.detail).toContain('3 of this tenant, and 3 of 6 places free');
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(refused.headers.get('ratelimit')).toMatch(/^"requests";r=\d+;t=\d+, "jobs";r=0$/);
    expect(refused.headers.get('ratelimit-policy')).toBe('"requests";q=1200;w=60, "jobs";q=6');

    const asked = [await shop.ask(), await shop.ask(), await third.ask()];
    expect(asked.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect((await third.ask()).body).toMatchObject({ code: 'QUEUE_FULL', title: 'There are too many jobs' });
    // The same request again is no new job.
    await served.drain();
    const named = { 'idempotency-key': 'one' };
    for (const more of [named, {}, {}]) expect((await greedy.ask(more)).status).toBe(202);
    expect((await greedy.ask(named)).status).toBe(202);
    expect((await greedy.ask()).status).toBe(429);
    await served.drain();
  });

  it('is at most half of the queue for requests from the topic: further ones wait in the topic', async () => {
    const { served, tenants } = await sharedBy('shop', 'other');
    const [shop, other] = tenants as [(typeof tenants)[0], (typeof tenants)[0]];
    const { from } = served.workspace.pipeline('generate');
    const published = Array.from({ length: 20 }, (_, n) =>
      encodeEvent({
        ...{ schema: 'generation.requested', id: `bulk-${n}`, source: '/bulk', topic: from, key: `${n}` },
        data: { prompt: 'a kite' },
      }),
    );
    await (await served.workspace.transport()).publish(published);
    // Three places of six are left, whatever was published.
    expect([await shop.ask(), await other.ask(), await shop.ask()].map(({ status }) => status)).toEqual([
      202, 202, 429,
    ]);
    expect((await other.ask()).body.detail).toContain('1 of this tenant, and 1 of 6 places free');
    await served.drain();
    expect([await shop.ask(), await shop.ask()].map(({ status }) => status)).toEqual([202, 202]);
    await served.drain();
  });

  it('is the streams, and the answers that wait for a job, which come at once where there is no place', async () => {
    const { served, tenants } = await sharedBy('greedy', 'shop');
    const [greedy, shop] = tenants as [(typeof tenants)[0], (typeof tenants)[0]];
    const [theirs, ours] = [(await greedy.ask()).body.id, (await shop.ask()).body.id];
    const streams = [await greedy.follow(theirs), await greedy.follow(theirs)];
    const refused = await greedy.call(`/v1/videos/${theirs}/events`);
    expect([refused.status, refused.body.code, refused.body.title]).toEqual([
      429,
      'STREAMS_FULL',
      'This tenant has its share of streams',
    ]);
    expect(refused.headers.get('ratelimit')).toMatch(/^"requests";r=\d+;t=\d+, "streams";r=0$/);
    const waited = await greedy.ask({ prefer: 'wait=50' });
    expect([waited.status, waited.body.status, waited.headers.get('preference-applied')]).toEqual([
      202,
      'queued',
      null,
    ]);

    const own = await shop.follow(ours);
    expect(own.status).toBe(200);
    for (const { leave } of [...streams, own]) leave();
    await vi.waitFor(async () => {
      const again = await greedy.follow(theirs);
      again.leave();
      expect(again.status).toBe(200);
    }, patient);
    await served.drain();
  });

  it('is whole for the last one, as soon as the keys of others are revoked', async () => {
    const { served, tenants, path } = await sharedBy('shop', 'gone');
    const [shop, gone] = tenants as [(typeof tenants)[0], (typeof tenants)[0]];
    for (const status of [202, 202, 202, 429]) expect((await shop.ask()).status).toBe(status);
    await revokeKey(path, gone.id);
    await vi.waitFor(async () => expect((await shop.ask()).status).toBe(202), patient);
    for (const status of [202, 202, 429]) expect((await shop.ask()).status).toBe(status);
    await served.drain();
  });
});
